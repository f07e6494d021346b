"""What the steps themselves tell of a cause, whatever conditions were recorded.

A trace holds what each step was given and what came of it. Which of it differs, and which does
not, says where to look: equal gradients and other weights are another learning rate; equal inputs
and other targets are other labels.
"""

from __future__ import annotations

from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.samples import differing_samples
from repro_audit.compare.symptom import Symptom
from repro_audit.compare.testimony.batches import of_batch
from repro_audit.compare.testimony.ends import of_length, of_result
from repro_audit.compare.testimony.told import TOLD, Testimony
from repro_audit.compare.testimony.weights import (
    of_initial_weights,
    of_lone_column,
    of_loss,
    of_metrics,
    of_update,
)
from repro_audit.compare.trace_comparison import TraceComparison
from repro_audit.manifest import Manifest

__all__ = ["TOLD", "Testimony", "testify"]


def testify(
    expected: Manifest,
    actual: Manifest,
    first: FirstDifference,
    trace: TraceComparison | None,
    symptom: Symptom,
) -> Testimony | None:
    """Return what the evidence tells of a cause, whatever conditions differ.

    Args:
        expected: The run compared with.
        actual: The run compared.
        first: Where the runs diverge.
        trace: What their traces show, where both were read.
        symptom: What the first difference looks like.

    Returns:
        The testimony; None where the evidence points nowhere in particular.
    """
    if symptom.where == "start":
        return of_initial_weights(expected, first)
    if symptom.where == "length":
        return of_length(expected, actual, first)
    if symptom.where == "result":
        return of_result(expected, actual, first)
    if trace is None:
        return None
    if symptom.lone is not None and symptom.lone.column is not None:
        return of_lone_column(symptom)
    if symptom.where == "batch":
        return of_batch(trace, symptom, differing_samples(expected, actual, first.fit or 0))
    if symptom.metrics_only:
        return of_metrics(trace)
    if symptom.where == "loss" and symptom.size != "rounding":
        return of_loss(trace)
    return of_update(trace, symptom) if symptom.where == "update" else None
