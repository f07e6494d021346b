"""What stands between `repeat` and a run ends all that the run started, and loses nothing."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import repro_audit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans are found on Linux")

SUPERVISOR = Path(repro_audit.__file__).parent / "recording" / "process" / "supervisor"
LOOSE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()  # out of the run's own process group
    if os.fork() == 0:
        with open(sys.argv[1] + ".part", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".part", sys.argv[1])
        time.sleep(600)
    os._exit(0)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def supervised(tmp_path):
    """Return what starts a run, and what has come of those that were started."""
    started = []

    def start(*arguments, aside=(), needed=(), log_bytes=1000, log="log.txt"):
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR)],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        request = {
            "command": [sys.executable, *map(str, arguments)],
            "log": str(tmp_path / log),
            "log_bytes": log_bytes,
            "aside": [[str(path), f"{path}.aside"] for path in aside],
            "needed": list(map(str, needed)),
            "through": False,
        }
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def said(process):
    """Wait for a run's end, and return what was said of it."""
    return json.loads(process.stdout.readline())


def alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_output_and_exit_code_are_those_of_the_run(supervised, tmp_path):
    script = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(7)"
    ended = said(supervised("-c", script))
    assert (ended["exit_code"], ended["error"]) == (7, None)
    assert (tmp_path / "log.txt").read_text() == "out\nerr\n"


def test_a_run_that_a_signal_ended_has_its_number(supervised):
    assert said(supervised("-c", "import os; os.kill(os.getpid(), 9)"))["exit_code"] == -9


def test_a_log_that_grows_too_long_is_cut_off_with_a_note(supervised, tmp_path):
    ended = said(supervised("-c", "print('x' * 99 + '\\n' * 10 ** 6); print('end')"))
    assert ended["exit_code"] == 0, "a run that prints more than is kept goes on"
    kept = (tmp_path / "log.txt").read_text()
    assert kept[1000:] == "\n[repro-audit: cut off here, after 1,000 bytes]\n"


def test_a_log_of_just_that_length_has_no_note(supervised, tmp_path):
    said(supervised("-c", "print('x' * 999)"))
    assert (tmp_path / "log.txt").read_text() == "x" * 999 + "\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_log_that_cannot_be_written_changes_no_run(supervised):
    script = "import sys; print('x' * 9999, flush=True); sys.exit(7)"
    assert said(supervised("-c", script, log="/dev/full"))["exit_code"] == 7


def test_what_a_run_left_behind_in_another_session_ends_with_it(supervised, tmp_path):
    number = tmp_path / "number"
    assert said(supervised("-c", LOOSE, number, 0))["exit_code"] == 0
    assert not alive(int(number.read_text()))


def test_what_a_run_started_ends_when_nobody_waits_for_it_any_more(supervised, tmp_path):
    number = tmp_path / "number"
    process = supervised("-c", LOOSE, number, 600)
    until(number.exists)
    assert alive(int(number.read_text())), "the negative: it is there before"
    process.stdin.close()  # as the system does when the other end is killed
    process.wait(30)
    assert not alive(int(number.read_text()))


@pytest.mark.parametrize("how", ["the run ends", "nobody waits any more"])
def test_what_was_moved_aside_is_put_back_however_it_ends(supervised, tmp_path, how):
    cache, folder = tmp_path / "cache.txt", tmp_path / "folder"
    cache.write_text("before")
    folder.mkdir()
    (folder / "in it").write_text("before")
    script = (
        "import os, sys, time; print(os.listdir(), flush=True); os.mkdir('folder'); "
        "open('cache.txt', 'w').write('mine'); open('folder/new', 'w'); "
        "time.sleep(float(sys.argv[1]))"
    )
    ends = how == "the run ends"
    process = supervised("-c", script, 0 if ends else 600, aside=[cache, folder])
    if not ends:
        until((folder / "new").exists)
        process.stdin.close()
    process.wait(30)
    assert "'cache.txt'" not in (tmp_path / "log.txt").read_text(), "the run did not find it"
    assert cache.read_text() == "before"
    assert [path.name for path in folder.iterdir()] == ["in it"]
    assert {path.name for path in tmp_path.iterdir()} == {"cache.txt", "folder", "log.txt"}


def test_what_the_run_needs_is_never_moved_aside(supervised, tmp_path):
    """It is named, the run is not started, and the others are back in their places."""
    script, other = tmp_path / "script.py", tmp_path / "other.txt"
    script.write_text("import os; print(os.getcwd())")
    other.write_text("before")
    needed = [tmp_path, tmp_path.parent, script]
    ended = said(supervised(script.name, aside=[other, *needed], needed=[script.name]))
    assert ended["exit_code"] is None
    assert ended["stayed"] == [[str(path), "this run needs it"] for path in needed]
    assert not (tmp_path / "log.txt").exists()
    assert other.read_text() == "before"


def test_a_file_that_is_an_argument_is_moved_aside(supervised, tmp_path):
    """The negative: what a script is told to read or write may be what its runs share."""
    cache = tmp_path / "cache.txt"
    cache.write_text("before")
    script = "import os, sys; print(os.path.exists(sys.argv[1]))"
    ended = said(supervised("-c", script, cache, aside=[cache]))
    assert (ended["exit_code"], ended["stayed"]) == (0, [])
    assert (tmp_path / "log.txt").read_text() == "False\n"
    assert cache.read_text() == "before"


def test_what_is_gone_by_then_needs_no_moving(supervised, tmp_path):
    ended = said(supervised("-c", "", aside=[tmp_path / "gone.txt"]))
    assert (ended["exit_code"], ended["stayed"]) == (0, [])


def test_a_command_that_cannot_be_started_is_said_to(tmp_path):
    (tmp_path / "text").write_text("no program")
    process = subprocess.run(
        [sys.executable, "-I", "-S", str(SUPERVISOR)],
        input=json.dumps(
            {
                "command": [str(tmp_path / "text")],
                "log": str(tmp_path / "log.txt"),
                "log_bytes": 1000,
                "aside": [],
                "needed": [],
                "through": False,
            }
        ).encode()
        + b"\n",
        capture_output=True,
        check=True,
    )
    assert json.loads(process.stdout)["error"] == "Permission denied"
