import errno
import os

import pytest

from repro_audit.errors import RunError
from repro_audit.repeat import folders
from repro_audit.repeat.folders import clean_log, working_directory

KEY = [
    "-----BEGIN RSA PRIVATE KEY-----",
    *(f"hunter2{n:04}" for n in range(40)),
    "-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("before", [0, 64 * 1024 - 300, 64 * 1024 - 40, 64 * 1024, 200_000])
def test_a_log_keeps_all_but_what_is_private_wherever_that_stands(tmp_path, before):
    log = tmp_path / "log.txt"
    lines = ["loss: 0.25 | acc: 0.5"] * (before // 22)
    log.write_text("\n".join([*lines, *KEY, "token=hunter2", "the end"]) + "\n")
    clean_log(log)
    text = log.read_text()
    assert "hunter2" not in text
    assert text.splitlines()[: len(lines)] == lines
    assert text.endswith("\ntoken=<secret:f52f>\nthe end\n")
    assert list(tmp_path.iterdir()) == [log]


def test_a_log_that_is_no_text_keeps_its_bytes(tmp_path):
    log = tmp_path / "log.txt"
    content = b"\xff\xfe 50%\r100%\r\nno end"
    log.write_bytes(content)
    clean_log(log)
    assert log.read_bytes() == content


def test_a_log_that_is_not_there_is_no_failure(tmp_path):
    clean_log(tmp_path / "log.txt")
    assert list(tmp_path.iterdir()) == []


# Where runs start


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with a large file, a link that leads out of it and one that leads around."""
    start, outside = tmp_path / "start", tmp_path / "outside"
    start.mkdir()
    outside.mkdir()
    (start / "large.h5").write_text("large")
    (outside / "kept.h5").write_text("kept")
    (start / "out").symlink_to(outside)
    (start / "around").symlink_to(start)
    (start / "nowhere").symlink_to("no-such-file")
    monkeypatch.setattr(folders, "_LARGE_BYTES", 2)
    monkeypatch.chdir(start)
    return start


def test_nothing_reaches_the_folder_through_a_whole_copy_of_it(folder, tmp_path):
    with working_directory("whole", tmp_path / "evidence") as copy:
        assert sorted(path.name for path in copy.iterdir()) == ["large.h5", "out"]
        for name in ("large.h5", "out/kept.h5"):
            (copy / name).write_text("written over")
    assert (folder / "large.h5").read_text() == "large"
    assert (tmp_path / "outside/kept.h5").read_text() == "kept"


def test_an_ordinary_copy_links_to_what_is_large(folder, tmp_path):
    with working_directory("copy", tmp_path / "evidence") as copy:
        assert (copy / "large.h5").is_symlink()
        assert (copy / "out").is_symlink()


def test_a_folder_that_cannot_be_copied_is_refused_in_a_line(folder, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(folders.shutil, "copy2", full)
    with (
        pytest.raises(RunError, match=r"cannot be copied: .*No space left"),
        working_directory("whole", tmp_path / "evidence"),
    ):
        pytest.fail("it was copied")
