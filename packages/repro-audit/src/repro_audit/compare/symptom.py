"""What the first difference looks like, which is what a cause has to explain."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.kinds import Stage
from repro_audit.compare.steps import resumed_at, step_name
from repro_audit.compare.trace_comparison import (
    ColumnDifference,
    ColumnKind,
    Distance,
    OrderDifference,
    StepDifference,
    TraceComparison,
)
from repro_audit.manifest import Manifest

__all__ = ["LOSS_ROUNDED", "Symptom", "read_symptom"]

_ROUNDING = 1e-3
_LARGE = 0.03
"""Distance over the size of one training step. Measured on a CNN: other rounding begins at
2e-6, another random stream or learning rate at 0.1 to 1."""
LOSS_ROUNDED = 0.05
"""Relative difference of one step's loss that no rounding makes. The first step of Adam and its kin
is as large whatever the gradients are: weights tell nothing there, and the loss does."""

_LEAST_LOSS = 1e-3
"""Below it a loss may be what is left of larger numbers, whose rounding is no small part of it."""

_STAGES: dict[ColumnKind, Stage] = {
    "batch": "batch",
    "random": "random",
    "loss": "loss",
    "weight": "update",
    "optimizer": "update",
}


class Symptom(NamedTuple):
    """The first difference, in the terms in which causes are ranked.

    Attributes:
        where: The stage of a run that it is at. ``between`` where steps that were not traced may
            differ before it; ``epoch`` where only an epoch is known.
        place: What to call the step; empty where it is not known.
        size: ``rounding``, ``large``, or None where it cannot be told.
        ratio: Distance of the weights over the size of one step; None where not known.
        roles: Roles of the columns of that kind that differ; of initial weights, classes of the
            layers.
        models: Which models' initial weights differ; empty elsewhere.
        batches_equal: Whether every batch is known to be equal up to and in that step; of a loop
            it never is, whose steps may take more than was seen to be given to them.
        loss_equal: Whether the loss of that step is known to be equal.
        loss_apart: By what part of itself the loss of that step differs; None where not known.
        metrics_only: Whether metrics differ there, and neither the loss nor any weight.
        batches_unknown: Whether one of the runs did not trace what its steps were given.
        batches_since: The first step in which batches differ, wherever that is; empty where no
            step that both runs have does.
        every_batch: Whether all batches of the epoch that differs do, as far as is known.
        start_equal: Whether the initial weights are known to be equal.
        lone: What one run alone has where the runs diverge; None where both have the same.
        resumed_at: The epoch at which one of the runs was resumed.
    """

    where: Stage | Literal["between", "epoch"]
    place: str = ""
    size: Literal["rounding", "large"] | None = None
    ratio: float | None = None
    roles: tuple[str, ...] = ()
    models: frozenset[int] = frozenset()
    batches_equal: bool = False
    loss_equal: bool = False
    loss_apart: float | None = None
    metrics_only: bool = False
    batches_unknown: bool = False
    batches_since: str = ""
    every_batch: bool = False
    start_equal: bool = False
    lone: OrderDifference | None = None
    resumed_at: int | None = None

    @property
    def parts(self) -> frozenset[str]:
        """What of the batch differs: ``x``, ``y``, ``sample_weight``; empty elsewhere."""
        if self.where != "batch":
            return frozenset()
        return frozenset(role.partition("/")[0] for role in self.roles)

    @property
    def labels_only(self) -> bool:
        """Whether the targets differ and the inputs do not."""
        return "y" in self.parts and "x" not in self.parts


def read_symptom(
    expected: Manifest, actual: Manifest, first: FirstDifference, trace: TraceComparison | None
) -> Symptom:
    """Return what the first difference looks like.

    Args:
        expected: The run compared with.
        actual: The run compared.
        first: Where the runs diverge.
        trace: What their traces show, where both were read.
    """
    mine, theirs = expected.outcomes.initial_weights, actual.outcomes.initial_weights
    known = bool(mine) and None not in mine
    symptom = Symptom(
        where="epoch",
        batches_since=_batches_since(trace),
        every_batch=_every_batch(trace),
        start_equal=known and mine == theirs,
        resumed_at=resumed_at(expected, actual),
    )
    if first.kind == "initial weights":
        layers = tuple(item.layer for item in first.tensors)
        models = frozenset(item.model for item in first.tensors)
        return symptom._replace(where="start", roles=layers, models=models)
    if first.kind in {"history", "evaluation", "final state"}:
        return symptom._replace(where="result" if _epochs_known(expected, actual) else "epoch")
    if first.kind in {"steps", "sequence"} or _is_longer(expected, actual, first):
        return symptom._replace(where="length")
    lone = _lone(first, trace)
    if lone is not None:
        return _of_lone(symptom, lone)
    step = None if trace is None else trace.step
    if trace is None or step is None or first.kind != "step":
        return symptom
    kind = step.columns[0].kind
    where = _STAGES[kind]
    if kind == "batch" and all(map(_weighs, (item for item in step.columns if item.kind == kind))):
        where = "loss"  # what weighs samples is no part of them
    fed = "batch" in step.equal or any(item.kind == "batch" for item in step.columns)
    symptom = symptom._replace(batches_unknown=not fed)
    place = step_name(step.fit, step.epoch, step.step)
    if where not in {"batch", "random"} and not step.is_first:
        return symptom._replace(where="between", place=place)
    ratio = _ratio(trace)
    size: Literal["rounding", "large"] | None = None
    if ratio is not None:
        size = "rounding" if ratio < _ROUNDING else "large" if ratio > _LARGE else None
    apart = _loss_apart(step)
    if apart is not None and apart > LOSS_ROUNDED:
        size = "large"
    return symptom._replace(
        where=where,
        place=place,
        size=size,
        ratio=ratio,
        roles=tuple(item.role for item in step.columns if item.kind == kind),
        batches_equal=step.is_first and "batch" in step.equal and not _is_loop(expected, step.fit),
        loss_equal="loss" in step.equal,
        loss_apart=apart,
        metrics_only=all(map(_is_metric, step.columns)),
        lone=_lone_column(trace, fed=fed),
    )


def _of_lone(symptom: Symptom, lone: OrderDifference) -> Symptom:
    """Return the symptom of what one run alone has, everything before it being equal."""
    place = step_name(lone.fit, lone.epoch, lone.step)
    symptom = symptom._replace(place=place, lone=lone, batches_equal=True)
    if lone.column is not None:
        where = "loss" if _weighs(lone.column) else _STAGES[lone.column.kind]
        return symptom._replace(where=where, roles=(lone.column.role,))
    # Behind steps that both have an epoch goes on in one run: it was given more batches.
    return symptom._replace(where="batch" if lone.step > 1 else "length", batches_equal=False)


def _is_loop(manifest: Manifest, fit: int) -> bool:
    """Whether a fit is a loop written by hand, which has no arguments."""
    training = manifest.conditions.training
    fits = () if training is None else training.fits
    return fit < len(fits) and not fits[fit].arguments


def _loss_apart(step: StepDifference) -> float | None:
    """Return the relative difference of the loss of a step; None where it is not known."""
    for column in step.columns:
        if column.kind == "loss" and column.role == "loss":
            one, other = column.expected, column.actual
            known = one is not None and other is not None and math.isfinite(one + other)
            if known and one and other and min(abs(one), abs(other)) >= _LEAST_LOSS:
                return abs(other - one) / abs(one)
    return None


def _is_metric(column: ColumnDifference) -> bool:
    """Whether a column is a metric, and no part of the loss."""
    return column.kind == "loss" and not column.role.endswith("loss")


def _weighs(column: ColumnDifference) -> bool:
    """Whether a column weighs samples: that acts on the loss, and on nothing before it."""
    return column.kind == "batch" and column.role.startswith("sample_weight")


def _lone(first: FirstDifference, trace: TraceComparison | None) -> OrderDifference | None:
    """Return what one run alone has, where that is the first difference."""
    if trace is None or first.kind != "trace":
        return None
    return next((item for item in trace.order if item.text == first.text), None)


def _lone_column(trace: TraceComparison, *, fed: bool) -> OrderDifference | None:
    """Return a column that one run alone has in the step in which the runs diverge.

    Args:
        trace: What the traces show.
        fed: Whether both tell of batches; else those of one run are only not recorded in the other.
    """
    step = trace.step
    if step is None:
        return None
    by_then = (step.fit, step.epoch, step.step)
    lone = (
        item
        for item in trace.order
        if item.column is not None and not item.is_metric and (fed or item.column.kind != "batch")
    )
    return next((item for item in lone if (item.fit, item.epoch, item.step) <= by_then), None)


def _epochs_known(*manifests: Manifest) -> bool:
    """Whether the weights after every epoch are known, and so to be equal."""
    fits = [fit for manifest in manifests for fit in manifest.outcomes.fits]
    return all(fit.epochs and None not in fit.epochs for fit in fits)


def _is_longer(expected: Manifest, actual: Manifest, first: FirstDifference) -> bool:
    """Whether one run goes on where the other ends, all that both have being equal."""
    if first.kind not in {"epoch weights", "trace"} or first.epoch is None:
        return False
    number = first.fit or 0
    fits = [
        manifest.outcomes.fits[number]
        for manifest in (expected, actual)
        if number < len(manifest.outcomes.fits)
    ]
    if len(fits) < 2:
        return True
    ends = [(fit.first_epoch or 1) + len(fit.epochs) for fit in fits]
    return bool(fits[0].epochs and fits[1].epochs) and first.epoch >= min(ends)


def _batches_since(trace: TraceComparison | None) -> str:
    fed = None if trace is None else trace.batches
    return "" if fed is None else step_name(fed.fit, fed.epoch, fed.first)


def _every_batch(trace: TraceComparison | None) -> bool:
    fed = None if trace is None else trace.batches
    return fed is None or fed.differing == fed.compared


def _ratio(trace: TraceComparison) -> float | None:
    """Return the first distance over the size of one step, where both are known."""
    for index, item in enumerate(trace.distances):
        if not item.differing:
            continue
        # The first probe has none before it: the next one tells how large a step is.
        sizes = [later.step_size for later in trace.distances[index:] if later.step_size]
        if not sizes or item.relative is None or not _is_early(trace, item):
            return None
        return item.relative / sizes[0]
    return None


def _is_early(trace: TraceComparison, distance: Distance) -> bool:
    """Whether a probe follows the first difference closely: later, any difference has grown."""
    step = trace.step
    if step is None or (step.fit, step.epoch) != (distance.fit, distance.epoch):
        return False
    return distance.step <= 2 * step.step
