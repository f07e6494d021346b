"""Digest a model's state: the outcome that histories can hide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from repro_audit.canonical import digest_array, digest_json
from repro_audit.capture.backend import StateTensor
from repro_audit.capture.privacy import Cleaner
from repro_audit.manifest.records import Tensor
from repro_audit.manifest.structure import unstructure

__all__ = ["capture_tensors", "digest_state"]


def capture_tensors(tensors: Iterable[StateTensor]) -> tuple[Tensor, ...]:
    """Digest each tensor; names stay out, since Keras renames a second model's layers."""
    clean = Cleaner().record
    return tuple(
        Tensor(
            layer=clean(tensor.layer),
            role=clean(tensor.role),
            dtype=tensor.array.dtype.name,
            shape=tensor.array.shape,
            digest=digest_array(tensor.array),
        )
        for tensor in tensors
    )


def digest_state(models: Sequence[tuple[Tensor, ...] | None]) -> str | None:
    """Return one digest over the tensors of all models.

    Returns:
        ``sha256:`` and 64 hexadecimal digits; None where a model could not be read, or there is
        none.
    """
    if not models or None in models:
        return None
    return digest_json(unstructure(tuple(models)))
