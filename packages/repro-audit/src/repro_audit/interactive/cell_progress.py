"""Progress of a repeat in the output of a cell: one line a run, and one for what goes on."""

from __future__ import annotations

import html
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.manifest import Manifest
    from repro_audit.repeat.executors import Ended

__all__ = ["CellProgress"]

_REDRAW_S = 0.5


class CellProgress:
    """A display that is updated in its place; told of runs by several threads at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: list[str] = []
        self._running: dict[str, tuple[float, float | None]] = {}
        self._does = ""
        self._drawn = 0.0
        self._display: Any = None

    def __enter__(self) -> Self:
        """Show that it begins."""
        from IPython.display import display

        self._does = "the first run begins"
        self._display = display(  # type: ignore[no-untyped-call]
            self._shown(), raw=True, display_id=True
        )
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the lines of the runs that have ended."""
        with self._lock:
            self._running, self._does = {}, ""
            self._draw()

    def begins(self, name: str, expected_s: float | None) -> None:
        """Take note of a run."""
        with self._lock:
            self._running[name] = 0.0, expected_s
            self._does = ""

    def elapsed(self, name: str, seconds: float) -> None:
        """Draw anew, twice a second."""
        with self._lock:
            self._running[name] = seconds, self._running[name][1]
            if time.monotonic() - self._drawn >= _REDRAW_S:
                self._draw()

    def ended(self, name: str, ended: Ended, manifest: Manifest | None) -> None:
        """Add a line that stays."""
        with self._lock:
            self._running.pop(name, None)
            how = "timed out" if ended.timed_out else f"exit {ended.exit_code}"
            steps = 0 if manifest is None else manifest.steps
            said = f"{name}: {ended.duration_s:.1f} s, {how}, {counted(steps, 'step')}"
            self._ended.append(said)
            self._draw()

    def does(self, what: str) -> None:
        """Show what is done while no run goes on."""
        with self._lock:
            self._does = what
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._display.update(self._shown(), raw=True)

    def _shown(self) -> dict[str, str]:
        now = [
            f"{name}: {since:.0f} s" + (f" of about {about:.0f} s" if about else "") + " …"
            for name, (since, about) in self._running.items()
        ]
        text = "\n".join([*self._ended, *now, *([f"{self._does} …"] if self._does else [])])
        return {"text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>"}
