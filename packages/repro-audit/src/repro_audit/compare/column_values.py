"""The values of a column whose word holds their bits, of both runs."""

from __future__ import annotations

import struct

from repro_audit.compare.trace_comparison import ColumnDifference
from repro_audit.compare.ulp import ulps
from repro_audit.trace import Column

__all__ = ["with_values"]

_FLOATS = {"float16": "<e", "float32": "<f", "float64": "<d"}


def with_values(
    described: ColumnDifference, column: Column, expected: int, actual: int
) -> ColumnDifference:
    """Return a column that differs with its values and their distance, where its words are those.

    Args:
        described: The column without them.
        column: The same, as the trace describes it.
        expected: Its word in the expected run.
        actual: As `expected`, of the other run.
    """
    form = _FLOATS.get(column.dtype) if column.bits else None
    if form is None:
        return described
    size = struct.calcsize(form)
    values = [
        float(struct.unpack(form, word.to_bytes(8, "little")[:size])[0])
        for word in (expected, actual)
    ]
    return described._replace(
        expected=values[0], actual=values[1], ulps=ulps(values[0], values[1], column.dtype)
    )
