"""The part of the condition `determinism` that needs no framework: the cores."""

from __future__ import annotations

import os

__all__ = ["usable_cores"]


def usable_cores() -> int:
    """Return the cores this process may use; a framework sizes its thread pools by them.

    Source:
        Measured on TensorFlow 2.21: a process that may use one core computes the bits of one
        thread.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
