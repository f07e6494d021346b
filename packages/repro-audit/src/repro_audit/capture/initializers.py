"""The condition `initializers`: what the built-in random ones give, and each layer's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repro_audit.canonical import digest_array
from repro_audit.manifest.conditions import InitializerSample

if TYPE_CHECKING:
    from repro_audit.capture.backend import Initializers

__all__ = ["BUILTIN", "SEED", "SHAPES", "capture_builtin_initializers"]

SEED = 42
SHAPES = ((1, 1), (3, 5))
BUILTIN = (
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
)
"""Keras's built-in initializers that draw random numbers."""


def capture_builtin_initializers(backend: Initializers) -> tuple[InitializerSample, ...]:
    """Sample each built-in initializer at a seed of its own, so no shared generator moves.

    The backend must be in use already: sampling would initialise it, and settings that the
    user makes later would fail.

    Returns:
        One sample for each of `BUILTIN` and each of `SHAPES`; values in C order, dimensionless.
    """
    samples = []
    for name in BUILTIN:
        for shape in SHAPES:
            values = backend.sample_initializer(name, SEED, shape)
            samples.append(
                InitializerSample(
                    initializer=name,
                    shape=shape,
                    values=tuple(values.ravel().tolist()),
                    digest=digest_array(values),
                )
            )
    return tuple(samples)
