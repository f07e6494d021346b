"""The identity of a run: random, and of the moment in which the run began.

It is a UUID of version 7 (RFC 9562): 48 bits of milliseconds since 1970, then random ones.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

_VERSION = 7
_VARIANT = 0b10
_LONGEST_MS = 2**48


def new_run_id(began: datetime) -> str:
    """Return another run id in each call.

    Args:
        began: When the run began, from 1970 on.

    >>> new_run_id(datetime(2026, 1, 2, tzinfo=UTC))[:13]
    '019b7c0104007'
    """
    # From the operating system: Python's generator stays where it is.
    random = int.from_bytes(os.urandom(10), "big")
    ms = int(began.timestamp() * 1000) % _LONGEST_MS
    head = ms << 16 | _VERSION << 12 | random >> 68
    tail = _VARIANT << 62 | random & (2**62 - 1)
    return f"{head:016x}{tail:016x}"


def began(run_id: str) -> datetime | None:
    """Return when the run of this id began, to the millisecond; None where no run has this id.

    >>> began("019b7c0104007f028f0000000000000a").isoformat()
    '2026-01-02T00:00:00+00:00'
    >>> began("0" * 31 + "7") is None
    True
    """
    if int(run_id[12], 16) != _VERSION or int(run_id[16], 16) >> 2 != _VARIANT:
        return None
    try:
        return datetime.fromtimestamp(int(run_id[:12], 16) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # after the year 9999
