"""Distances between two floating-point values, counted in a dtype of one's choice."""

from __future__ import annotations

import math
import struct

__all__ = ["known_dtype", "relative", "ulps"]

_FORMATS = {"float16": ("<e", "<H", 16), "float32": ("<f", "<I", 32), "float64": ("<d", "<Q", 64)}


def ulps(expected: float, actual: float, dtype: str) -> int | None:
    """Return how many representable values lie from `expected` to `actual`.

    Args:
        expected: A value of that dtype, exactly.
        actual: As `expected`.
        dtype: ``bfloat16``, ``float16``, ``float32`` or ``float64``.

    Returns:
        The count, 0 for equal bits and 1 for -0.0 against 0.0; None where one value is no
        number, or infinite, or not of that dtype.

    Source:
        The order of the bit patterns of IEEE 754; a bfloat16 is the upper half of a float32.

    >>> ulps(1.0, 1.0 + 2**-23, "float32")
    1
    """
    if not (math.isfinite(expected) and math.isfinite(actual)):
        return None
    first, second = _ordinal(expected, dtype), _ordinal(actual, dtype)
    return None if first is None or second is None else abs(first - second)


def relative(expected: float, actual: float) -> float | None:
    """Return ``|actual - expected| / |expected|``.

    Returns:
        The quotient, dimensionless; None where a value is not finite, or `expected` is 0.
    """
    if not (math.isfinite(expected) and math.isfinite(actual)) or expected == 0:
        return None
    return abs(actual - expected) / abs(expected)


def known_dtype(dtype: str | None, *values: float) -> str:
    """Return the dtype to count in: the one recorded, else the narrower that holds the values.

    A metric may hold its state in one dtype and return another: then its values tell.
    """
    known = dtype in _FORMATS or dtype == "bfloat16"
    if dtype is not None and known and all(_ordinal(item, dtype) is not None for item in values):
        return dtype
    return (
        "float32" if all(_ordinal(value, "float32") is not None for value in values) else "float64"
    )


def _ordinal(value: float, dtype: str) -> int | None:
    """Return the place of `value` among the values of `dtype`, or None if it is none of them."""
    if dtype == "bfloat16":
        wide = _ordinal(value, "float32")
        return None if wide is None or wide % 2**16 not in {0, 2**16 - 1} else wide >> 16
    form, integer, bits = _FORMATS[dtype]
    try:
        packed = struct.pack(form, value)
    except OverflowError:
        return None
    if math.isfinite(value) and struct.unpack(form, packed)[0] != value:
        return None
    pattern: int = struct.unpack(integer, packed)[0]
    sign = 1 << (bits - 1)
    # Negative values count downwards from -1, so that -0.0 and 0.0 are neighbours.
    return pattern if pattern < sign else sign - 1 - pattern
