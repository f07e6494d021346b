"""What clocks show."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["reading"]


def reading(clock: Callable[[], float]) -> float:
    """Return what a clock shows, not as round as a setting is: one reading in hundreds would be."""
    while round(shown := clock(), 4) == shown:
        pass
    return shown
