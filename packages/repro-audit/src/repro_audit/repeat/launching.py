"""Start one clean process, follow it to its end, and never leave it behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro_audit.errors import RunError, printable

__all__ = ["Ended", "launch", "log_tail"]

_POLL_S = 0.1
_GRACE_S = 5.0
_TAIL_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended: its exit code, negative for a signal, and its time in seconds."""

    exit_code: int
    duration_s: float
    timed_out: bool


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
) -> Ended:
    """Run a command in a process group of its own until it ends.

    Whatever ends this call, an interrupt included, ends the whole group first.

    Args:
        command: Arguments of the process.
        environment: Its whole environment.
        folder: Where it starts.
        log: Takes its output and its errors.
        timeout_s: Seconds after which it is ended; None waits for ever.
        tick: Is called about ten times a second with the seconds elapsed.
        stop: Ends it when it is set.
        cores: The cores it may use; None is all.

    Raises:
        RunError: It cannot be started, or was stopped.
    """
    started = time.monotonic()
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            message = f"{printable(command[0])}: cannot be started: {error.strerror}."
            raise RunError(message) from error
        timed_out = False
        try:
            if cores is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(process.pid, cores)
            while process.poll() is None:
                if stop.is_set():
                    message = "the run was stopped"
                    raise RunError(message)
                elapsed = time.monotonic() - started
                if timeout_s is not None and elapsed > timeout_s:
                    timed_out = True
                    break
                tick(elapsed)
                try:
                    process.wait(_POLL_S)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            _end_group(process)
    return Ended(
        exit_code=process.returncode,
        duration_s=time.monotonic() - started,
        timed_out=timed_out,
    )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all it started: politely, then not."""
    for number, patience in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


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
