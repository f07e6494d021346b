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
from pathlib import Path
from typing import Any, Self

import repro_audit.recording.process
from repro_audit.errors import RunError, printable
from repro_audit.repeat.executors.base import Ended

__all__ = ["ASIDE_SUFFIX", "SupervisedProcess"]

ASIDE_SUFFIX = ".repro-audit-aside"
"""What is added to the name of a file that is moved aside."""

_POLL_S = 0.1
_GRACE_S = 30.0
_LOG_BYTES = 64 * 2**20
_SUPERVISOR = Path(repro_audit.recording.process.__file__).with_name("supervisor")


class SupervisedProcess:
    """A command in a process group of its own, which ends with all that it has started.

    It ends when its `with` block does, when it is cancelled, and when this process ends, however
    that comes about.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        cores: Collection[int] | None = None,
        aside: Collection[str] = (),
        needed: Collection[str] = (),
        through: bool = False,
    ) -> None:
        """Start it.

        Args:
            command: Arguments of the process.
            environment: Its whole environment.
            folder: Where it starts.
            log: Takes its output and its errors, the first 64 MiB of them.
            cores: The cores it may use; None is all.
            aside: Files and folders that are not there as long as it runs.
            needed: Its program's files, which may not be among them.
            through: Whether what it starts itself is the run, as a notebook's kernel is.
        """
        self._command = command
        self._started = time.monotonic()
        self._cancelled = threading.Event()
        self._aside = [[path, f"{path}{ASIDE_SUFFIX}"] for path in sorted(aside)]
        request = {
            "command": list(command),
            "log": str(log.resolve()),
            "log_bytes": _LOG_BYTES,
            "aside": self._aside,
            "through": through,
            "needed": [sys.prefix, sys.executable, *needed],
        }
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR)],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._said: dict[str, Any] | None = None
        try:
            if cores is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(self._supervisor.pid, cores)
            _say(self._supervisor, request)
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def cancel(self) -> None:
        """End it; `follow` then raises."""
        self._cancelled.set()

    def follow(self, tick: Callable[[float], None], timeout_s: float | None) -> Ended:
        """Wait for its end.

        Args:
            tick: Is called about ten times a second with the seconds elapsed.
            timeout_s: Seconds after which it is ended; None waits for ever.

        Raises:
            RunError: It could not be started, or was cancelled, or a file cannot be moved aside.
        """
        timed_out = False
        while self._supervisor.poll() is None:
            if self._cancelled.is_set():
                message = "the run was stopped"
                raise RunError(message)
            elapsed = time.monotonic() - self._started
            if timeout_s is not None and elapsed > timeout_s:
                timed_out = True
                break
            tick(elapsed)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._supervisor.wait(_POLL_S)
        said = self._end()
        if said["error"] is not None:
            message = f"{printable(self._command[0])}: cannot be started: {said['error']}."
            raise RunError(message)
        for path, reason in said["stayed"]:
            message = f"{printable(path)}: cannot be moved aside for a run without it: {reason}."
            raise RunError(message)
        return Ended(
            exit_code=said["exit_code"],
            duration_s=time.monotonic() - self._started,
            timed_out=timed_out,
            computing=said["computing"],
        )

    def _end(self) -> dict[str, Any]:
        """End it, put back what was moved aside, and return what its supervisor says."""
        if self._said is None:
            try:
                self._said = _end(self._supervisor)
            finally:
                _put_back(self._aside)
        return self._said


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
