"""Show how far a repeat has come: a line that moves on a terminal, a line a run elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from repro_audit.manifest import Manifest
    from repro_audit.repeat.launching import Ended

__all__ = ["Progress"]

_REDRAW_S = 0.5


class Progress:
    """Progress on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._head = ""
        self._expected_s: float | None = None
        self._drawn = 0.0

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
        if error is not None:
            self._clear()

    def begins(self, name: str, number: int, total: int, expected_s: float | None) -> None:
        """Take note of a run."""
        self._head = f"{number}/{total} {name:<8}"
        self._expected_s = expected_s
        self._drawn = 0.0

    def elapsed(self, seconds: float) -> None:
        """Redraw the line, on a terminal, twice a second."""
        now = time.monotonic()
        if self._quiet or not self._terminal or now - self._drawn < _REDRAW_S:
            return
        self._drawn = now
        of = "" if self._expected_s is None else f" of about {self._expected_s:.0f} s"
        sys.stderr.write(f"\r\x1b[2K{self._head}  {seconds:.0f} s{of}")
        sys.stderr.flush()

    def ended(self, name: str, ended: Ended, manifest: Manifest | None) -> None:
        """Leave a line that stays."""
        if self._quiet:
            return
        self._clear()
        how = "timed out" if ended.timed_out else f"exit {ended.exit_code}"
        steps = "no manifest" if manifest is None else f"{manifest.steps:,} steps"
        sys.stderr.write(f"{self._head}  {ended.duration_s:5.1f} s  {how}  {steps}\n")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._terminal and not self._quiet:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
