"""What holds of every diagnosis, whatever runs it is of: every one that a test makes is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from repro_audit.compare import Comparison
from repro_audit.compare.kinds import kind_of
from repro_audit.compare.resuming import LOST
from repro_audit.compare.testimony import TOLD
from repro_audit.manifest import Manifest

__all__ = ["checking", "faults_of"]

_ALSO = {
    "data": {"sample_order"},
    "drawn_seeds": {"python_seed", "given_seeds", "seed"},
}
"""Kinds that conditions of one kind are named as, in the light of others."""

_TOLD_APART = {*LOST, "unrecorded_data"}
"""Causes that come from no condition that differs."""


def faults_of(found: Comparison, expected: Manifest, actual: Manifest) -> list[str]:
    """Return what of a diagnosis cannot be right.

    Args:
        found: The comparison.
        expected: The run compared with.
        actual: The run compared.
    """
    named = [cause.kind for cause in found.causes]
    known = {item.path for item in found.differences if not item.is_gap}
    faults = []
    if found.first_difference is None and (named or found.later or found.excluded):
        faults.append("something is named where nothing differs")
    for cause in found.causes:
        of_conditions = cause.kind not in TOLD | _TOLD_APART
        if cause.certainty == "certain" and of_conditions and not known & set(cause.paths):
            faults.append(f"{cause.title} is certain, and does not differ")
    if set(named) & {item.kind for item in found.excluded}:
        faults.append("a cause is ruled out as well")
    faults += _wrongly_ruled_out(found, expected, actual)
    if found.first_difference is not None:
        everywhere = {*named, *(item.kind for item in (*found.later, *found.excluded))}
        for path in known:
            kind = kind_of(path)
            if kind is not None and not {kind.name, *_ALSO.get(kind.name, ())} & everywhere:
                faults.append(f"{path} differs, and is neither a cause nor set aside")
    return faults


def _wrongly_ruled_out(found: Comparison, expected: Manifest, actual: Manifest) -> list[str]:
    """Return what is ruled out by something that is not so."""
    faults = []
    step = None if found.trace is None else found.trace.step
    batches = found.trace is not None and found.trace.batches is not None
    in_batch = step is not None and any(item.kind == "batch" for item in step.columns)
    weights = expected.outcomes.initial_weights != actual.outcomes.initial_weights
    for item in found.excluded:
        if "batches are equal" in item.reason and (batches or in_batch):
            faults.append(f"{item.title} is ruled out by batches that differ")
        if "initial weights are equal" in item.reason and weights:
            faults.append(f"{item.title} is ruled out by initial weights that differ")
        if item.reason.startswith("every step") and step is not None:
            faults.append(f"{item.title} is ruled out by steps that differ")
    return faults


def checking(compare: Callable[..., Comparison]) -> Callable[..., Comparison]:
    """Return what compares two runs, and checks what it says of them.

    Raises:
        AssertionError: A diagnosis cannot be right; whoever calls it says which.
    """

    def checked(expected: Manifest, actual: Manifest, **options: Any) -> Comparison:
        found = compare(expected, actual, **options)
        faults = faults_of(found, expected, actual)
        assert not faults, "; ".join(faults)
        return found

    return checked
