"""Where results go: files, pipes, terminals, and what happens when they cannot."""

from __future__ import annotations

import os
import pty
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from manifests import EXAMPLES

TWO, ONE = EXAMPLES / "threads-2.json", EXAMPLES / "threads-1.json"
COMMAND = [sys.executable, "-m", "repro_audit"]


def test_a_result_goes_to_a_file_and_nothing_to_standard_output(tmp_path, run):
    done = run(TWO, ONE, "-o", tmp_path / "out.txt")
    assert (done.code, done.out, done.err) == (1, "", "")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == run(TWO, ONE).out
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("target", ["missing/out.json", "folder", "x" * 300])
def test_a_place_that_cannot_be_written_is_an_error_and_no_verdict(target, tmp_path, refused):
    (tmp_path / "folder").mkdir()
    assert "cannot be written" in refused(TWO, "-o", tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_full_disk_leaves_the_old_file_intact(tmp_path, refused):
    (tmp_path / "out.json").write_text("old")

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    message = refused(TWO, ONE, "--format", "json", "-o", tmp_path / "out.json", preexec_fn=full)
    assert "cannot be written: File too large" in message
    assert (tmp_path / "out.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_result_is_not_written_over_a_pipe(tmp_path, refused):
    os.mkfifo(tmp_path / "fifo")
    refused(TWO, "-o", tmp_path / "fifo")
    assert (tmp_path / "fifo").is_fifo()


def test_a_bad_input_leaves_the_old_output(tmp_path, refused):
    (tmp_path / "out.json").write_text("old")
    refused(tmp_path / "missing.json", "-o", tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == "old"


def test_a_badge_that_the_evidence_does_not_bear_is_refused_and_writes_nothing(tmp_path, refused):
    old = tmp_path / "badge.json"
    old.write_text("old")
    assert "No badge: without a positive control" in refused(TWO, ONE, "--format", "badge")
    refused(TWO, ONE, "--format", "badge", "-o", old)
    refused(TWO, ONE, "--format", "badge", "-o", tmp_path / "new.json")
    assert [path.name for path in tmp_path.iterdir()] == ["badge.json"]
    assert old.read_text() == "old"


WRITTEN_FROM = ("a.json", "a.json b.json", "b.json a.json", "checklist a.json --for acm")


@pytest.mark.parametrize("target", ["a.json", "a.trace", "./a.json", "link.json", "hard.json"])
@pytest.mark.parametrize("words", WRITTEN_FROM)
def test_a_result_never_takes_the_place_of_what_it_is_made_from(target, words, tmp_path, refused):
    for name, source in (("a", TWO), ("b", ONE)):
        shutil.copy(source, tmp_path / f"{name}.json")
        shutil.copy(source.with_suffix(".trace"), tmp_path / f"{name}.trace")
    (tmp_path / "link.json").symlink_to("a.json")
    os.link(tmp_path / "a.json", tmp_path / "hard.json")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    message = refused(*words.split(), "-o", target, cwd=tmp_path)
    assert "this command reads" in message
    assert "would be lost" in message
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_full_standard_output_is_an_error(form, run):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = run(TWO, ONE, "--format", form, stdout=full)
    assert done.code == 2
    assert done.err == "repro-audit: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["explain"], ["schema"]])
def test_a_full_standard_output_is_an_error_of_every_command(words, run):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = run(*words, stdout=full)
    assert done.code == 2
    assert done.err.startswith("repro-audit: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("words", [[str(TWO), str(ONE)], ["explain"], ["--help"]])
def test_a_closed_standard_output_ends_in_no_traceback(words):
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *COMMAND, *words],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert done.stderr.count("\n") <= 1


def test_a_closed_standard_error_changes_no_exit_code(tmp_path):
    for file, code in ((TWO, 0), (tmp_path / "missing.json", 2)):
        done = subprocess.run(
            ["/bin/sh", "-c", '"$@" 2>&-', "sh", *COMMAND, file], capture_output=True, check=False
        )
        assert done.returncode == code


@pytest.mark.parametrize("words", [["--help"], ["explain"], ["schema", "manifest-2"], [str(TWO)]])
def test_a_reader_that_has_had_enough_never_looks_like_a_difference(words):
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run([*COMMAND, *words], stdout=write, check=False, timeout=30)
    finally:
        os.close(write)
    assert done.returncode != 1


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_reader_that_has_had_enough_ends_it_quietly(form):
    # The reader is gone before the first byte is written.
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [*COMMAND, TWO, ONE, "--format", form],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (2, "")


def test_the_first_line_is_the_verdict():
    line = '"$@" | head -1'
    done = subprocess.run(
        ["/bin/sh", "-c", line, "sh", *COMMAND, TWO, ONE],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.startswith("divergent")
    assert done.stderr == ""


# Terminals


def on_a_terminal(*words, columns=None, **environment):
    """Return what a command prints on a terminal."""
    controller, terminal = pty.openpty()
    variables = {**os.environ, "TERM": "xterm-256color", **environment}
    if "NO_COLOR" not in environment:
        variables.pop("NO_COLOR", None)
    if columns:
        variables["COLUMNS"] = str(columns)
    with subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stdout=terminal,
        stderr=terminal,
        stdin=terminal,
        env=variables,
    ) as process:
        os.close(terminal)
        content = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:  # how Linux says that a terminal's other side is closed
                break
            if not part:
                break
            content += part
        process.wait(30)
    os.close(controller)
    return content.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_a_pipe_none(run):
    assert "\x1b[" in on_a_terminal(TWO, ONE)
    assert "\x1b" not in run(TWO, ONE).out
    assert "\x1b" not in run(TWO, ONE, env={"TERM": "xterm-256color", "FORCE_COLOR": "1"}).out


def test_no_color_and_never_take_the_colours_away_and_always_brings_them(run):
    assert "\x1b" not in on_a_terminal(TWO, ONE, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(TWO, ONE, "--color", "never")
    assert "\x1b[" in on_a_terminal(TWO, ONE, NO_COLOR="")
    assert "\x1b[" in run(TWO, ONE, "--color", "always", env={"NO_COLOR": ""}).out


def test_a_file_gets_no_colours_even_from_a_terminal(tmp_path):
    on_a_terminal(TWO, ONE, "-o", tmp_path / "out.txt")
    assert "\x1b" not in (tmp_path / "out.txt").read_text(encoding="utf-8")


def test_prose_wraps_to_a_narrow_terminal_and_code_never_wraps(run):
    wide = run(TWO, ONE).out
    narrow = on_a_terminal(TWO, ONE, columns=40, NO_COLOR="1")
    remedy = next(line for line in wide.splitlines() if "repro_audit.control" in line)
    assert remedy in narrow.splitlines()
    prose = [line for line in narrow.splitlines() if "order" in line or "sums are" in line]
    assert prose
    assert all(len(line) <= 40 for line in prose)
    assert len(narrow.splitlines()) > len(wide.splitlines())


@pytest.mark.parametrize("columns", [1, 20, 40, 80, 200])
def test_any_width_shows_the_same_words(columns, run):
    narrow = on_a_terminal(TWO, ONE, columns=columns, NO_COLOR="1")
    for word in ("divergent", "thread", "epoch", "val_loss", "RA205"):
        assert word in narrow.replace("\n", "")


def test_every_character_survives_a_locale_that_cannot_show_it(run):
    assert run(TWO, ONE, env={"LC_ALL": "C", "PYTHONUTF8": "0"}) == run(TWO, ONE)


# HTML


@pytest.mark.parametrize("backend", ["nonexistent", "agg"])
def test_a_page_is_the_same_whatever_matplotlib_is_set_to(run, tmp_path, backend):
    words = EXAMPLES / "threads-2.json", EXAMPLES / "threads-1.json", "--format", "html"
    plain = run(*words, cwd=tmp_path)
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nfont.size: 40\n")
    done = run(*words, cwd=tmp_path, env={"MPLBACKEND": backend, "PYTHONHASHSEED": "7"})
    assert (done.code, done.err) == (1, "")
    assert done.out == plain.out
    assert "<svg" in plain.out


def test_settings_of_matplotlib_that_cannot_be_read_are_one_line(refused, tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe\x00")
    words = EXAMPLES / "threads-2.json", EXAMPLES / "threads-1.json", "--format", "html"
    assert "matplotlib does not start" in refused(*words, cwd=tmp_path, python=sys.executable)
