"""What is done when this process ends.

A kernel of Jupyter is asked to end, and killed where it does not within seconds: a thread of the
notebook may keep it, or its own may wait for each other. Whoever runs the notebook has all this
done before.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable

__all__ = ["at_end", "end"]

_CALLBACKS: list[Callable[[], object]] = []


def at_end(callback: Callable[[], object]) -> None:
    """Call something when Python ends, and before that when `end` is called.

    Args:
        callback: May be called more than once. What is registered last is called first.
    """
    atexit.register(callback)
    if callback not in _CALLBACKS:
        _CALLBACKS.append(callback)


def end() -> None:
    """Do what is done when Python ends."""
    for callback in reversed(_CALLBACKS):
        callback()
