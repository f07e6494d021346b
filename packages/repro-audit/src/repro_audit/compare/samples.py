"""Which samples of two runs differ, in the first epoch of a fit."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from repro_audit.manifest import Manifest

__all__ = ["SampleDifference", "differing_samples"]

_DIGITS = 8
_MAX_SAMPLES = 1024
"""Samples that a manifest holds at most; of more of them, not all are known."""


class SampleDifference(NamedTuple):
    """How the samples of two runs differ.

    Attributes:
        expected: How many the expected run was fed.
        actual: As `expected`, of the other run.
        differing: How many of the longer one the other does not have, in whatever order they come.
        targets_only: Whether the inputs are the same, so that what belongs to them differs.
        moved: Whether those that both have come in another order.
    """

    expected: int
    actual: int
    differing: int
    targets_only: bool
    moved: bool


def differing_samples(expected: Manifest, actual: Manifest, fit: int) -> SampleDifference | None:
    """Return how the samples of the first epoch of a fit differ.

    Args:
        expected: The run compared with.
        actual: The run compared.
        fit: The fit, from 0.

    Returns:
        None where they do not, or where those of one run are not all known.
    """
    mine, theirs = _samples(expected, fit), _samples(actual, fit)
    if mine is None or theirs is None or mine == theirs:
        return None
    (inputs, whole), (other_inputs, other_whole) = mine, theirs
    shared = Counter(whole) & Counter(other_whole)
    differing = max(len(whole), len(other_whole)) - shared.total()
    return SampleDifference(
        expected=len(whole),
        actual=len(other_whole),
        differing=differing,
        targets_only=differing > 0 and Counter(inputs) == Counter(other_inputs),
        moved=_only(whole, shared) != _only(other_whole, shared),
    )


def _samples(manifest: Manifest, fit: int) -> tuple[list[str], list[str]] | None:
    """Return the digests of the inputs and of all of each sample; None where not all are known."""
    fits = manifest.outcomes.fits
    digests = fits[fit].samples if fit < len(fits) else None
    if digests is None:
        return None
    inputs, whole = (
        [text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS)] for text in digests
    )
    if len(inputs) != len(whole) or not 0 < len(whole) < _MAX_SAMPLES:
        return None
    return inputs, whole


def _only(samples: list[str], wanted: Counter[str]) -> list[str]:
    """Return those samples that are wanted, each as often as that."""
    left = wanted.copy()
    kept = []
    for sample in samples:
        if left[sample] > 0:
            left[sample] -= 1
            kept.append(sample)
    return kept
