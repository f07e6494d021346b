"""The identity of a run: 20 random digits, and 12 of the millisecond in which the run began."""

from __future__ import annotations

import os
from datetime import UTC, datetime

_RANDOM_BYTES = 10
_MAX_MS = 2**48


def new_run_id(began: datetime) -> str:
    """Return another run id in each call: 32 hexadecimal digits.

    Args:
        began: When the run began, from 1970 on.

    >>> new_run_id(datetime(2026, 1, 2, tzinfo=UTC))[20:]
    '019b7c010400'
    """
    ms = int(began.timestamp() * 1000) % _MAX_MS
    # From the operating system: Python's generator stays where it is.
    return f"{os.urandom(_RANDOM_BYTES).hex()}{ms:012x}"


def began(run_id: str) -> datetime | None:
    """Return when the run of this id began.

    Returns:
        A time in UTC, to the millisecond; None after the year 9999.

    >>> began("f028a0b1c2d3e4f50617019b7c010400").isoformat()
    '2026-01-02T00:00:00+00:00'
    """
    try:
        return datetime.fromtimestamp(int(run_id[2 * _RANDOM_BYTES :], 16) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
