"""CRC-32C, by which TensorBoard's event files tell that a record is as it was written."""

from __future__ import annotations

from functools import cache

__all__ = ["masked_crc32c"]

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8


def masked_crc32c(data: bytes | memoryview) -> int:
    """Return the checksum that stands beside `data` in a file of records.

    Source:
        Castagnoli's polynomial (RFC 3720), rotated and shifted as TensorFlow's
        ``tsl/lib/hash/crc32c.h`` does, so that a checksum of a checksum is none.

    >>> hex(masked_crc32c(b"123456789"))  # CRC-32C 0xe3069283
    '0xc78ab0e5'
    """
    table = _table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)
