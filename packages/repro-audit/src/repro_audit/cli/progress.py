"""Show how far a repeat has come: a line that moves on a terminal, a line a run elsewhere.

Several runs may go on at a time, each told of by a thread of its own.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.manifest import Manifest
    from repro_audit.repeat.executors import Ended

__all__ = ["Progress"]

_REDRAW_S = 0.5
_NAME = 18


class Progress:
    """Progress on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._count = 0
        self._running: dict[str, tuple[float, float | None]] = {}
        self._drawn = 0.0
        self.finished: list[str] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave no half-drawn line behind."""
        self._clear()

    def begins(self, name: str, expected_s: float | None) -> None:
        """Take note of a run."""
        with self._lock:
            self._running[name] = 0.0, expected_s
            self._drawn = 0.0

    def elapsed(self, name: str, seconds: float) -> None:
        """Redraw the line, on a terminal, twice a second."""
        with self._lock:
            self._running[name] = seconds, self._running[name][1]
            now = time.monotonic()
            if self._quiet or not self._terminal or now - self._drawn < _REDRAW_S:
                return
            self._drawn = now
            self._draw(
                ", ".join(
                    f"{running} {since:.0f} s" + (f" of about {about:.0f} s" if about else "")
                    for running, (since, about) in self._running.items()
                )
            )

    def does(self, what: str) -> None:
        """Say on a terminal what is done while no run goes on."""
        with self._lock:
            if self._terminal and not self._quiet:
                self._draw(what)

    def ended(self, name: str, ended: Ended, manifest: Manifest | None) -> None:
        """Leave a line that stays."""
        with self._lock:
            self._running.pop(name, None)
            self._count += 1
            self.finished.append(name)
            if self._quiet:
                return
            self._clear()
            how = "timed out" if ended.timed_out else f"exit {ended.exit_code}"
            steps = _trained(manifest)
            head = f"{self._count:>2}  {name:<{_NAME}}"
            sys.stderr.write(f"{head}  {ended.duration_s:5.1f} s  {how}  {steps}\n")
            sys.stderr.flush()

    def _draw(self, line: str) -> None:
        columns = shutil.get_terminal_size().columns
        sys.stderr.write(f"\r\x1b[2K{line[: columns - 1]}")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._terminal and not self._quiet:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()


def _trained(manifest: Manifest | None) -> str:
    """Say what a run came to."""
    if manifest is None:
        return "no manifest"
    return counted(manifest.steps, "step") if manifest.outcomes.fits else "not recorded"
