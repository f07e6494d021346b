"""A digest of samples that is the same in whatever order they come.

Each sample becomes 64 bits, and what all of them come to is summed, so that nothing is sorted and a
part is read at a time. Numbers are mixed for many samples at once; a sample that is long, or text,
by itself.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.trace.fingerprint import dtype_name, fingerprint

if TYPE_CHECKING:
    import numpy as np

__all__ = ["digest_unordered"]

_CHUNK_BYTES = 2**20
_CHUNK_LEAST_BYTES = 64
"""What a sample is taken to have at least: 64 bits of each are held as well."""

_LONG_BYTES = 4096
"""From here on a sample is hashed by itself: XXH3 is then as fast as NumPy is for many."""

_WORD_BYTES = 8
_MULTIPLIER = 0x9E3779B97F4A7C15
_LANES = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
"""Odd numbers with bits all over: multiplied by one of them, each bit reaches those above it."""


def digest_unordered(arrays: Sequence[np.ndarray[Any, Any]]) -> str:
    """Return a SHA-256 of samples, each the same place of all arrays.

    Args:
        arrays: Arrays of one length, of dtypes that a trace can hold.

    Returns:
        ``sha256:`` and 64 hexadecimal digits, over the number of samples, the type of each array
        and four sums of 64 bits. Bits alone count, as in `repro_audit.canonical.digest_array`.

    Raises:
        TypeError: An array is of a dtype without a code, or has elements that are no text.

    Source:
        The mixing and its numbers are those of SplitMix64 and wyhash. That a sum over hashes
        belongs to a set in any order is the idea of Bellare and Micciancio's AdHash. It tells sets
        apart that differ by chance; whoever wants to can make two with one sum.
    """
    import numpy as np

    sums = [0] * len(_LANES)
    longest = max(array[:1].nbytes for array in arrays)
    together = max(1, _CHUNK_BYTES // max(longest, _CHUNK_LEAST_BYTES))
    for part in zip(*(_samples(array, together) for array in arrays), strict=True):
        mixed = part[0]
        for other in part[1:]:
            mixed = _mix(mixed, other)
        for lane, number in enumerate(_LANES):
            spread = mixed * np.uint64(number)
            spread ^= spread >> np.uint64(31)
            sums[lane] = (sums[lane] + int(spread.sum(dtype=np.uint64))) % 2**64
    kinds = [f"{dtype_name(array.dtype)} {array.shape[1:]}" for array in arrays]
    text = f"{len(arrays[0])} samples of {kinds}: {sums}"
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _samples(array: np.ndarray[Any, Any], together: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield 64 bits for each sample, for so many at a time."""
    import numpy as np

    length = array[:1].nbytes
    plain = dtype_name(array.dtype) != "string"
    for start in range(0, len(array), together):
        chunk = array[start : start + together]
        if plain and length < _LONG_BYTES:
            yield _mixed(chunk, length)
        else:
            yield np.array([fingerprint(np.asarray(item)) for item in chunk], np.uint64)


def _mixed(chunk: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Return 64 bits for each sample of a few, of so many bytes each."""
    import numpy as np

    if chunk.dtype.byteorder == ">" or sys.byteorder != "little":
        chunk = chunk.astype(chunk.dtype.newbyteorder("<"))
    count = len(chunk)
    content = np.ascontiguousarray(chunk).reshape(-1).view(np.uint8).reshape(count, length)
    if length % _WORD_BYTES:
        padded = np.zeros((count, -(-length // _WORD_BYTES) * _WORD_BYTES), np.uint8)
        padded[:, :length] = content
        content = padded
    words = content.view(np.uint64)
    mixed = np.full(count, _MULTIPLIER, np.uint64)
    for place in range(words.shape[1]):
        mixed = _mix(mixed, words[:, place])
    return mixed


def _mix(mixed: np.ndarray[Any, Any], words: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return numbers that follow from two each, and from the order of the two."""
    import numpy as np

    mixed = (mixed ^ words) * np.uint64(_MULTIPLIER)
    mixed ^= mixed >> np.uint64(29)
    return mixed
