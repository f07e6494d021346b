import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from repro_audit.errors import ManifestError, OutputError
from repro_audit.files import read_bounded, replace_file

# Reading


def test_a_file_is_read_whole(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content")
    assert read_bounded(file) == b"content"


def test_the_limit_is_the_largest_size_that_is_read(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"12345678")
    assert read_bounded(file, limit=8) == b"12345678"
    with pytest.raises(ManifestError, match="at most"):
        read_bounded(file, limit=7)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="received a folder"):
        read_bounded(tmp_path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="no such file"):
        read_bounded(tmp_path / "missing")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(ManifestError, match="is empty"):
        read_bounded(tmp_path / "empty")


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")

    def waited(number, frame):
        pytest.fail("waited for the pipe")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(5)
    try:
        with pytest.raises(ManifestError, match="received a pipe"):
            read_bounded(tmp_path / "fifo")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/null"])
def test_a_device_is_refused(device):
    with pytest.raises(ManifestError, match=r"received a device|cannot be opened"):
        read_bounded(device)


def test_a_sparse_file_of_3_gb_is_refused_without_being_read(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(3 * 2**30)
    with pytest.raises(ManifestError, match="received 3,072 MiB"):
        read_bounded(tmp_path / "sparse")


def test_a_file_that_fails_while_it_is_read_is_refused():
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_bounded("/proc/self/mem")


def test_a_message_about_a_file_shows_no_control_character(tmp_path):
    with pytest.raises(ManifestError) as caught:
        read_bounded(tmp_path / "\x1b]8;;http:x\x07\u202e")
    assert str(caught.value).isprintable()


# Writing


def test_a_file_is_replaced(tmp_path):
    file = tmp_path / "file"
    replace_file(file, b"old")
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_as_target_is_refused_and_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        replace_file(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        replace_file(tmp_path / "missing" / "file", b"new")
    assert not list(tmp_path.iterdir())


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        replace_file(f"{tmp_path}/a\0b", b"new")


def test_a_pipe_as_target_is_refused_and_stays_a_pipe(tmp_path):
    # As root, `-o /dev/null` would otherwise turn the device into a file.
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OutputError, match=r"cannot be written|expected"):
        replace_file(tmp_path / "fifo", b"new")
    assert (tmp_path / "fifo").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


def test_a_link_as_target_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    replace_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    code = (
        "import resource, sys; from repro_audit.files import replace_file; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "replace_file(sys.argv[1], b'n' * 2000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, check=False
    )
    assert "OutputError" in done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# A process that forks once for each call that writing makes, and kills the child before or after
# that call. Each write takes 400 bytes at most, as a slow disk may.
KILLER = """
import json, os, pathlib, signal, sys
from repro_audit.files import replace_file

file = pathlib.Path(sys.argv[1])
CALLS = ("write", "fsync", "replace")
seen = []

def child(nth, before):
    count = 0
    def killing(name, call):
        def wrapped(*arguments):
            nonlocal count
            count += 1
            if name == "write":
                arguments = (arguments[0], arguments[1][:400])
            if count == nth and before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments)
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return wrapped
    for name in CALLS:
        setattr(os, name, killing(name, getattr(os, name)))
    replace_file(file, b"n" * 1000)
    os._exit(0)

for nth in range(1, 100):
    codes = []
    for before in (True, False):
        file.write_bytes(b"old")
        pid = os.fork()
        if not pid:
            child(nth, before)
        status = os.waitpid(pid, 0)[1]
        codes.append(os.waitstatus_to_exitcode(status))
        content = file.read_bytes()
        whole = {b"old": "old", b"n" * 1000: "new"}.get(content, "torn")
        seen.append([codes[-1], whole])
    if codes == [0, 0]:
        break
print(json.dumps(seen))
"""


def test_a_process_killed_at_any_moment_leaves_the_old_or_the_new_file_whole(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLER, tmp_path / "file"],
        capture_output=True,
        text=True,
        check=True,
    )
    *killed, last = json.loads(done.stdout)
    assert last == [0, "new"]
    states = [state for _, state in killed[:-1]]
    # Three writes, two flushes, one rename; each killed before and after.
    assert [code for code, _ in killed[:-1]] == [-signal.SIGKILL] * 12
    assert set(states) == {"old", "new"}
    assert states == sorted(states, reverse=True), "once new, it stays new"


def test_writing_in_place_would_be_caught_by_the_test_above(tmp_path):
    in_place = KILLER.replace(
        "from repro_audit.files import replace_file",
        "def replace_file(path, content):\n"
        "    d = os.open(path, os.O_WRONLY | os.O_TRUNC)\n"
        "    while content: content = content[os.write(d, content):]",
    )
    done = subprocess.run(
        [sys.executable, "-c", in_place, tmp_path / "file"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "torn" in {state for _, state in json.loads(done.stdout)}
