"""Which number a value of a log is, and which precision numbers have."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable
from typing import Final

from repro_audit.canonical import SPECIAL

__all__ = ["NO_NUMBER", "NoNumber", "number_of", "precision_of", "shortest", "to_float32"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")
_WORDS = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}
_ABSENT = frozenset({"", "na", "n/a", "none", "null"})
"""What stands where a row has no value; a CSVLogger writes ``NA``."""

_MAX_LENGTH = 400
_PRINTED_DIGITS = 9
"""Digits that tell every float32 from the next: who prints more has converted it to float64."""


class NoNumber:
    """Stands for what is no number."""


NO_NUMBER: Final = NoNumber()


def number_of(value: object) -> float | NoNumber | None:
    """Return the number that a value is, or that a text says.

    Returns:
        A float; None for what stands where there is no value; `NO_NUMBER` for anything else.

    >>> number_of("0.69"), number_of("NA"), number_of(3)
    (0.69, None, 3.0)
    """
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str) or len(value) > _MAX_LENGTH:
        return NO_NUMBER
    text = value.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        return NO_NUMBER if math.isinf(number) else number
    if text in SPECIAL:
        return SPECIAL[text]
    word = text.lower()
    if word in _ABSENT:
        return None
    unsigned = word.removeprefix("-").removeprefix("+")
    if unsigned in _WORDS:
        return math.copysign(_WORDS[unsigned], -1.0 if word.startswith("-") else 1.0)
    return NO_NUMBER


def to_float32(value: float) -> float:
    """Return the float32 nearest to a float64.

    >>> to_float32(0.69)
    0.6899999976158142
    """
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def precision_of(values: Iterable[float | None]) -> str | None:
    """Return the dtype that values show they have.

    Returns:
        ``float32`` where each is a float32, and one of them has more digits than a short decimal
        would have by chance; ``float64`` where one has that many digits and is none; else None:
        they were printed with fewer digits, or are round.

    >>> precision_of([0.6899999976158142, 0.5]), precision_of([0.1 + 0.2]), precision_of([0.69])
    ('float32', 'float64', None)
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    short = [_digits(value) <= _PRINTED_DIGITS for value in finite]
    single = [to_float32(value) == value for value in finite]
    if all(single):
        return None if all(short) else "float32"
    if any(not few and not exact for few, exact in zip(short, single, strict=True)):
        return "float64"
    return None


def _digits(value: float) -> int:
    """Return how many digits a float needs, from the first that is not zero to the last."""
    mantissa = repr(abs(value)).partition("e")[0].replace(".", "")
    return len(mantissa.strip("0"))


def shortest(value: float) -> str:
    """Return a number as it was written: Keras holds the settings of optimizers in float32.

    >>> shortest(0.009999999776482582), shortest(0.9), shortest(0.5)
    ('0.01', '0.9', '0.5')
    """
    for digits in range(1, _PRINTED_DIGITS + 1):
        text = f"{value:.{digits}g}"
        try:
            (single,) = struct.unpack("<f", struct.pack("<f", float(text)))
        except OverflowError:
            break
        if value in {single, float(text)}:
            return repr(float(text))
    return repr(value)
