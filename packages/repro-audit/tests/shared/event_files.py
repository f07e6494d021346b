"""Event files as TensorBoard's writers make them, byte by byte, to be read and to be damaged."""

import struct
from collections.abc import Iterable

from repro_audit.logs.crc32c import masked_crc32c

__all__ = ["event", "event_file", "field", "record", "simple", "tensor"]

FLOAT, DOUBLE, STRING, HALF = 1, 2, 7, 19


def varint(value: int) -> bytes:
    """Return an integer of 64 bits as a message holds it."""
    value %= 2**64
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: int | bytes) -> bytes:
    """Return a field: an integer, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def simple(tag: str, value: float) -> bytes:
    """Return a value of a summary as other tools than TensorFlow 2 write it."""
    return field(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", value)


def tensor(tag: str, value: float, dtype: int = FLOAT, shape: bytes = b"") -> bytes:
    """Return a value of a summary as TensorFlow 2 writes it, its bits in one piece."""
    form = {FLOAT: "<f", DOUBLE: "<d", HALF: "<e"}.get(dtype, "<f")
    content = field(1, dtype) + field(2, shape) + field(4, struct.pack(form, value))
    return field(1, tag.encode()) + field(8, content)


def event(step: int, *values: bytes) -> bytes:
    """Return an event that holds values of a summary."""
    head = varint(1 << 3 | 1) + struct.pack("<d", 1.7e9) + field(2, step)
    return head + field(5, b"".join(field(1, value) for value in values))


def record(data: bytes) -> bytes:
    """Return a record with its checksums."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (
            length,
            struct.pack("<I", masked_crc32c(length)),
            data,
            struct.pack("<I", masked_crc32c(data)),
        )
    )


def event_file(events: Iterable[bytes]) -> bytes:
    """Return a file: its version, then events."""
    return b"".join(map(record, [field(3, b"brain.Event:2"), *events]))
