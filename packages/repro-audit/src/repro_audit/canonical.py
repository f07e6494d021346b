"""Canonical JSON and SHA-256: one value, one sequence of bytes, one digest.

JSON values are serialised as RFC 8785 says. JSON has no NaN, no infinities and no negative
zero, and other languages read numbers as float64, so four floats and all larger integers are
strings:

=====================  ================
value                  written as
=====================  ================
NaN                    ``"NaN"``
±infinity              ``"Infinity"``, ``"-Infinity"``
-0.0                   ``"-0.0"``
integers from 2^53 on  ``"0x20000000000001"``, ``"-0x…"``
=====================  ================

Everything else is a JSON number, so every float64 survives bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "SPECIAL",
    "digest_array",
    "digest_bytes",
    "digest_file",
    "digest_json",
    "dumps",
    "encode",
    "number",
]

_MAX_EXACT = 2**53 - 1
SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0.0": -0.0}
"""The floats that JSON cannot hold, by the strings that stand for them."""

_MARK = "\0"
_MARK_WRITTEN = "\\u0000"
_MARKED = re.compile(rf'"{re.escape(_MARK_WRITTEN)}"')
"""Stands for a float that Python writes otherwise than the RFC: ``1e-07``, ``1e+16``."""

_MOST_EXPONENT, _LEAST_EXPONENT = 1e-4, 1e16
"""Between these Python writes floats without an exponent, and with the same digits as the RFC."""

_SURROGATES = "\ud800"

_AS_THEY_ARE = frozenset({str, bool, type(None)})
"""Types whose values Python writes as the RFC says: those of most values."""

_STRINGS = frozenset({str})


def encode(value: Any) -> Any:
    """Return `value` with every number JSON cannot hold replaced by its string.

    Returns:
        A value of dicts, lists, strings, booleans, None and numbers that float64 holds exactly.

    Raises:
        TypeError: Some part of it is no JSON value.

    >>> encode([float("nan"), -0.0, 0.0, 2**60])
    ['NaN', '-0.0', 0.0, '0x1000000000000000']
    """
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        if value == 0 and math.copysign(1, value) < 0:
            return "-0.0"
        return value
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -_MAX_EXACT <= value <= _MAX_EXACT else hex(value)
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    message = f"Expected a JSON value, received {type(value).__name__}."
    raise TypeError(message)


def number(value: float | str) -> float:
    """Return the float64 that a JSON number or one of the special strings stands for.

    >>> number("-0.0"), number(1)
    (-0.0, 1.0)
    """
    return SPECIAL[value] if isinstance(value, str) else float(value)


def dumps(value: Any) -> bytes:
    """Return the canonical JSON of an encoded value, in UTF-8.

    Raises:
        ValueError: A string holds a lone surrogate, or a number JSON cannot hold.

    Source:
        RFC 8785, the JSON Canonicalization Scheme.
    """
    rare: list[str] = []
    try:
        text = json.dumps(_with_marks(value, rare), ensure_ascii=False, separators=(",", ":"))
    except (TypeError, _UncommonError):
        return _as_said(value)
    # Above, keys are sorted by code points, which from the surrogates on is another order.
    marks = text.count(_MARK_WRITTEN)
    if marks != len(rare) or not (text.isascii() or max(text) < _SURROGATES):
        return _as_said(value)
    if rare:
        numbers = iter(rare)
        text = _MARKED.sub(lambda _: next(numbers), text)
    return text.encode()


class _UncommonError(Exception):
    """A value is one that `_with_marks` leaves to `_as_said`."""


def _as_said(value: Any) -> bytes:
    """Return the canonical JSON of any value by a library that knows all of the RFC, slowly."""
    import rfc8785

    return rfc8785.dumps(value)


def _with_marks(value: Any, rare: list[str]) -> Any:
    """Return a value, its keys in order, whose floats Python writes as the RFC says, or as marks.

    Args:
        value: An encoded value.
        rare: Takes what is to stand in the place of each mark, in the order of the marks.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is dict:
        if not _STRINGS.issuperset(map(type, value)):
            raise _UncommonError
        return {
            key: item if type(item) in _AS_THEY_ARE else _with_marks(item, rare)
            for key, item in sorted(value.items())
        }
    if kind is list:
        return [item if type(item) in _AS_THEY_ARE else _with_marks(item, rare) for item in value]
    if kind is float:
        size = abs(value)
        if size < _LEAST_EXPONENT and value.is_integer():
            return int(value)
        if _MOST_EXPONENT <= size < _LEAST_EXPONENT:
            return value
        rare.append(_as_said(value).decode())
        return _MARK
    if kind is int and -_MAX_EXACT <= value <= _MAX_EXACT:
        return value
    raise _UncommonError


def digest_bytes(content: bytes) -> str:
    """Return the SHA-256 of `content`, written ``sha256:…``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest_json(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of an encoded value."""
    return digest_bytes(dumps(value))


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def digest_array(array: np.ndarray[Any, Any]) -> str:
    """Return the SHA-256 of an array's dtype, shape and bits.

    The bytes are those of C order and little-endian, whatever the memory layout, behind a
    line ``dtype shape``, for example ``float32 3,5``. Elements that are strings or bytes are
    hashed each behind its length (8 bytes, little-endian).

    Args:
        array: Array of any rank and dtype.

    Returns:
        ``sha256:`` and 64 hexadecimal digits.
    """
    import numpy as np

    hasher = hashlib.sha256()
    shape = ",".join(str(size) for size in array.shape)
    if array.dtype.kind in "OSU":
        hasher.update(f"string {shape}\n".encode())
        for element in array.ravel(order="C").tolist():
            content = element if isinstance(element, bytes) else str(element).encode()
            hasher.update(len(content).to_bytes(8, "little"))
            hasher.update(content)
        return "sha256:" + hasher.hexdigest()
    little = array.dtype.newbyteorder("<")
    hasher.update(f"{little.name} {shape}\n".encode())
    if sys.byteorder != "little" or array.dtype.byteorder == ">":
        array = array.astype(little)
    # A view of bytes instead of a buffer of elements: bfloat16 has no buffer format.
    hasher.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return "sha256:" + hasher.hexdigest()
