"""Digest a model's state: the outcome that histories can hide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.canonical import digest_array, digest_json
from repro_audit.capture.backend import StateTensor
from repro_audit.capture.privacy import Cleaner
from repro_audit.manifest.records import Tensor
from repro_audit.manifest.structure import unstructure

if TYPE_CHECKING:
    import numpy as np

__all__ = ["StateDigests", "digest_state"]


class StateDigests:
    """Digests the state of one model as often as asked, and each tensor anew where it changed.

    The end of an epoch, of its fit and of the run are often one state, and frozen layers never
    change. Whether a tensor has changed is told by the XXH3-128 of its bytes, which takes a
    twentieth of the time of SHA-256: neither the count of updates nor the identity of a variable
    tells, since weights can be set.
    """

    def __init__(self) -> None:
        """Begin without a state."""
        self._known: dict[int, tuple[bytes, str]] = {}

    def capture(self, tensors: Iterable[StateTensor]) -> tuple[Tensor, ...]:
        """Digest each tensor; names stay out, since Keras renames a second model's layers.

        Args:
            tensors: The state, each tensor at the place it had before.
        """
        clean = Cleaner().record
        return tuple(
            Tensor(
                layer=clean(tensor.layer),
                role=clean(tensor.role),
                dtype=tensor.array.dtype.name,
                shape=tensor.array.shape,
                digest=self._digest(place, tensor.array),
            )
            for place, tensor in enumerate(tensors)
        )

    def _digest(self, place: int, array: np.ndarray[Any, Any]) -> str:
        """Return the digest of the array at one place."""
        if array.dtype.hasobject or not array.flags.c_contiguous:
            return digest_array(array)
        import xxhash

        content = xxhash.xxh3_128(f"{array.dtype} {array.shape}".encode())
        content.update(array.reshape(-1).view("uint8").data)
        key = content.digest()
        if place not in self._known or self._known[place][0] != key:
            self._known[place] = key, digest_array(array)
        return self._known[place][1]


def digest_state(models: Sequence[tuple[Tensor, ...] | None]) -> str | None:
    """Return one digest over the tensors of all models.

    Returns:
        ``sha256:`` and 64 hexadecimal digits; None where a model could not be read, or there is
        none.
    """
    if not models or None in models:
        return None
    return digest_json(unstructure(tuple(models)))
