"""Stand between `repeat` and a run: what the run starts must not outlive whoever asked for it.

It reads one line of JSON from its input, moves files aside if it is to, starts the run and
hands its output on to a log, up to a size. When the run has ended, or the input is closed
because `repeat` is gone, in whatever way, it ends all that the run has started and puts the
files back. What it saw it says in one line of JSON.

Of the standard library alone, and started with ``-I -S``: nothing of the run's environment
reaches it, though it hands all of that on.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

from descendants import Descendants  # type: ignore[import-not-found] # the file beside this one

_PR_SET_CHILD_SUBREAPER = 36
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_S = 0.1
_GRACE_S = 5.0
_AFTER_S = 0.2
_CHUNK = 65_536


def main() -> None:
    """Supervise one run."""
    request = json.loads(sys.stdin.buffer.readline())
    # The closed input says it all. A signal that was ignored before stays so for the run.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    if sys.platform == "linux":
        # It becomes the parent of what the run leaves behind, which can then be ended.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # What the run itself needs stays, whoever wants it away.
    needed = [".", os.path.dirname(request["log"]), *request["needed"]]  # noqa: PTH120 - light
    moved, stayed = _move_aside(request["aside"], [os.path.abspath(path) for path in needed])  # noqa: PTH100 - light
    said: dict[str, Any] = {"error": None, "exit_code": None, "computing": 0, "stayed": stayed}
    try:
        if not stayed:  # a run that finds what it must not find shows nothing
            handled: list[int] = [number for number in _SIGNALS if before[number] != signal.SIG_IGN]
            said |= _run(request, handled)
    finally:
        _put_back(moved)
    sys.stdout.write(json.dumps(said) + "\n")


def _run(request: dict[str, Any], signals: list[int]) -> dict[str, Any]:
    def as_before() -> None:
        for number in signals:
            signal.signal(number, signal.SIG_DFL)

    with open(request["log"], "wb", buffering=0) as log:  # noqa: PTH123 - light
        try:
            process = subprocess.Popen(
                request["command"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                preexec_fn=as_before,  # noqa: PLW1509 - one thread
                start_new_session=True,
            )
        except OSError as error:
            return {"error": error.strerror, "exit_code": None, "computing": 0}
        family = Descendants(process.pid, through=request["through"])
        try:
            _follow(process, family, _Log(log, request["log_bytes"]))
        finally:  # a full disk included
            code = _ended(process)
    return {"error": None, "exit_code": code, "computing": family.computing}


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """End a run and all that it has started, where it has not ended, and return its exit code."""
    code = process.poll()
    for number in () if code is not None else (signal.SIGTERM, signal.SIGKILL):
        _signal_group(process.pid, number)
        try:
            code = process.wait(_GRACE_S)
            break
        except subprocess.TimeoutExpired:
            continue
    _end_all()
    return code


class _Log:
    """A file that takes so many bytes and then a note."""

    def __init__(self, file: Any, most: int) -> None:
        self._file = file
        self._left = most
        self._most = most

    def write(self, content: bytes) -> None:
        """Write what there is room for, here and on the disk."""
        if self._left < 0:
            return
        try:
            self._write(content)
        except OSError:  # the run goes on; its manifest says what it could not write itself
            self._left = -1

    def _write(self, content: bytes) -> None:
        kept = content[: self._left]
        self._file.write(kept)
        self._left -= len(kept)
        if len(kept) < len(content):
            note = f"\n[repro-audit: cut off here, after {self._most:,} bytes]\n"
            self._file.write(note.encode())
            self._left = -1


def _follow(process: subprocess.Popen[bytes], family: Descendants, log: _Log) -> None:
    """Hand on the output until the run has ended, or nobody waits for it any more."""
    output = process.stdout
    assert output is not None  # noqa: S101 - a pipe was asked for
    sources, ended, looked = [sys.stdin.fileno(), output.fileno()], None, 0.0
    while True:
        ready = select.select(sources, [], [], _LOOK_S / 2)[0]
        now = time.monotonic()
        if output.fileno() in ready:
            content = os.read(output.fileno(), _CHUNK)
            log.write(content)
            if not content:
                sources.remove(output.fileno())
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 1):
            return
        if now - looked >= _LOOK_S:
            family.look()
            looked = now
        if process.poll() is not None:
            ended = ended or now
            # What it left behind may keep the pipe open for ever.
            silent = output.fileno() not in ready
            if output.fileno() not in sources or (silent and now - ended > _AFTER_S):
                return


def _signal_group(number: int, sent: int) -> None:
    try:
        os.killpg(number, sent)
    except (ProcessLookupError, PermissionError):
        return


def _end_all() -> None:
    """End every process that the run has left behind, in whatever session: all are ours now."""
    own = Descendants(os.getpid())
    until = time.monotonic() + _GRACE_S
    while time.monotonic() < until:
        alive = own.alive()
        for number in alive:
            try:
                os.kill(number, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        if alive:
            time.sleep(0.01)


def _move_aside(
    pairs: list[list[str]], needed: list[str]
) -> tuple[list[list[str]], list[list[str]]]:
    """Move files and folders aside; return which were moved, and which stayed with the reason."""
    moved, stayed = [], []
    for path, aside in pairs:
        if any(f"{item}/".startswith(f"{path}/") for item in needed):
            stayed.append([path, "this run needs it"])
            continue
        try:
            os.rename(path, aside)  # noqa: PTH104 - light
        except FileNotFoundError:  # what is gone by now needs no moving
            continue
        except OSError as error:
            stayed.append([path, str(error.strerror)])
            continue
        moved.append([path, aside])
    return moved, stayed


def _put_back(moved: list[list[str]]) -> None:
    """Put them back in the place of what the run has made there."""
    import shutil

    for path, aside in moved:
        if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - light
            shutil.rmtree(path, ignore_errors=True)
        os.rename(aside, path)  # noqa: PTH104 - light


main()
