"""The two formats below an event file: records with checksums, and the fields of a message.

Both are read within the bytes there are: a length is a claim, and nothing is allocated for it.

Source:
    TFRecord: a record is its length (8 bytes, little-endian), the length's masked CRC-32C, the
    data, and the data's masked CRC-32C. Protocol Buffers: the encoding specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from repro_audit.logs.crc32c import masked_crc32c

__all__ = ["DamagedError", "fields", "records", "starts_as_records", "varints"]

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
_MAX_VARINT = 10
_FIXED = {1: 8, 5: 4}


class DamagedError(ValueError):
    """A file is not what its checksum or its format says; the text says where."""


def starts_as_records(content: bytes) -> bool:
    """Whether a file begins with a length and that length's checksum."""
    if len(content) < _HEAD.size:
        return False
    expected = int.from_bytes(content[8 : _HEAD.size], "little")
    return masked_crc32c(content[:8]) == expected


def records(content: bytes) -> Iterator[memoryview | None]:
    """Yield the data of each record; None at the end of a file that breaks off within one.

    Raises:
        DamagedError: A checksum is another than that of what stands there.
    """
    view, at = memoryview(content), 0
    while at < len(view):
        if len(view) - at < _HEAD.size:
            yield None
            return
        size, checksum = _HEAD.unpack_from(view, at)
        _check(view[at : at + 8], checksum, "length of a record", at)
        begin, end = at + _HEAD.size, at + _HEAD.size + size
        if end + _FOOT.size > len(view):
            yield None
            return
        _check(view[begin:end], _FOOT.unpack_from(view, end)[0], "record", begin)
        yield view[begin:end]
        at = end + _FOOT.size


def _check(data: memoryview, expected: int, what: str, at: int) -> None:
    actual = masked_crc32c(data)
    if actual != expected:
        message = (
            f"the {what} at offset {at:,} is damaged: expected the checksum {expected:08x}, "
            f"received {actual:08x}"
        )
        raise DamagedError(message)


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field of a message: an integer, or bytes.

    Raises:
        DamagedError: It is no message.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            what = f"a message holds a field of the kind {kind}"
            raise DamagedError(what)
        if size > len(message) - at:
            what = "a message ends within a field"
            raise DamagedError(what)
        yield key >> 3, message[at : at + size]
        at += size


def varints(packed: memoryview) -> Iterator[int]:
    """Yield integers that are packed into one field.

    Raises:
        DamagedError: The last one has no end.
    """
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(message[at : at + _MAX_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at + place + 1
    what = "a message ends within a number"
    raise DamagedError(what)
