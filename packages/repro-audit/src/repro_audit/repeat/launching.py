"""Start one clean process, follow it to its end, and never leave it behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import repro_audit.recording
from repro_audit.errors import RunError, printable

__all__ = ["ASIDE_SUFFIX", "Ended", "launch", "log_tail"]

ASIDE_SUFFIX = ".repro-audit-aside"
"""What is added to the name of a file that is moved aside."""

_POLL_S = 0.1
_GRACE_S = 30.0
_TAIL_BYTES = 64 * 1024
_LOG_BYTES = 64 * 2**20
_SUPERVISOR = Path(repro_audit.recording.__file__).with_name("supervisor")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended.

    Attributes:
        exit_code: Its exit code, negative for a signal.
        duration_s: How long it took, in seconds.
        timed_out: Whether it was ended because it took too long.
        computing: Processes it started, itself apart, that computed with TensorFlow.
    """

    exit_code: int
    duration_s: float
    timed_out: bool
    computing: int = 0


def launch(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    timeout_s: float | None,
    tick: Callable[[float], None],
    stop: threading.Event,
    cores: Collection[int] | None = None,
    aside: Collection[str] = (),
    needed: Collection[str] = (),
) -> Ended:
    """Run a command, in a process group of its own, until it ends.

    Whatever ends this call, an interrupt or the end of this process included, ends all that the
    command has started.

    Args:
        command: Arguments of the process.
        environment: Its whole environment.
        folder: Where it starts.
        log: Takes its output and its errors, the first 64 MiB of them.
        timeout_s: Seconds after which it is ended; None waits for ever.
        tick: Is called about ten times a second with the seconds elapsed.
        stop: Ends it when it is set.
        cores: The cores it may use; None is all.
        aside: Files and folders that are not there as long as it runs.
        needed: Its program's files, which may not be among them.

    Raises:
        RunError: It cannot be started, or was stopped, or a file cannot be moved aside.
    """
    started = time.monotonic()
    pairs = [[path, f"{path}{ASIDE_SUFFIX}"] for path in sorted(aside)]
    request = {
        "command": list(command),
        "log": str(log.resolve()),
        "log_bytes": _LOG_BYTES,
        "aside": pairs,
        "needed": [sys.prefix, sys.executable, *needed],
    }
    supervisor = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_SUPERVISOR)],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    timed_out = False
    try:
        if cores is not None:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(supervisor.pid, cores)
        _say(supervisor, request)
        while supervisor.poll() is None:
            if stop.is_set():
                message = "the run was stopped"
                raise RunError(message)
            elapsed = time.monotonic() - started
            if timeout_s is not None and elapsed > timeout_s:
                timed_out = True
                break
            tick(elapsed)
            with contextlib.suppress(subprocess.TimeoutExpired):
                supervisor.wait(_POLL_S)
    finally:
        said = _end(supervisor)
        _put_back(pairs)
    if said["error"] is not None:
        message = f"{printable(command[0])}: cannot be started: {said['error']}."
        raise RunError(message)
    for path, reason in said["stayed"]:
        message = f"{printable(path)}: cannot be moved aside for a run without it: {reason}."
        raise RunError(message)
    return Ended(
        exit_code=said["exit_code"],
        duration_s=time.monotonic() - started,
        timed_out=timed_out,
        computing=said["computing"],
    )


def _put_back(pairs: Sequence[Sequence[str]]) -> None:
    """Put files back where they were, should the supervisor have been killed before it did."""
    for path, aside in pairs:
        if os.path.lexists(aside) and not os.path.lexists(path):
            os.rename(aside, path)  # noqa: PTH104 - a name need not be a Path's


def _say(supervisor: subprocess.Popen[bytes], request: Mapping[str, Any]) -> None:
    """Tell the supervisor what to do."""
    if supervisor.stdin is not None:
        supervisor.stdin.write(json.dumps(request).encode() + b"\n")
        supervisor.stdin.flush()


def _end(supervisor: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Have the supervisor end what there is, and return what it says."""
    content = b""
    with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
        content = supervisor.communicate(timeout=_GRACE_S)[0]
    supervisor.kill()
    supervisor.wait()
    try:
        return dict(json.loads(content))
    except ValueError:  # somebody has ended it
        return {"error": None, "exit_code": -signal.SIGKILL, "computing": 0, "stayed": []}


def log_tail(log: Path, lines: int = 20) -> list[str]:
    """Return the last lines of a log, safe to print.

    Args:
        log: The log of a run.
        lines: How many, at most.
    """
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    # A progress bar rewrites its line by carriage returns: the last state counts.
    return [printable(line.rpartition("\r")[2]) for line in text.rstrip().split("\n")[-lines:]]
