"""Words that messages and reports of every layer share."""

from __future__ import annotations

__all__ = ["EXAMPLE_SEED", "counted"]

EXAMPLE_SEED = 812
"""What code that is advised seeds with where the run itself has no seed."""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "epoch"), counted(2000, "step"), counted(2, "process")
    ('1 epoch', '2,000 steps', '2 processes')
    """
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"
