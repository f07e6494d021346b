"""What two traces show of each other."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = [
    "BatchColumn",
    "BatchDifference",
    "BatchOrder",
    "ColumnDifference",
    "ColumnKind",
    "ColumnOnset",
    "Distance",
    "OrderDifference",
    "Side",
    "StepDifference",
    "TraceComparison",
]

ColumnKind = Literal["batch", "random", "loss", "weight", "optimizer"]
"""Kinds of column of a trace, in execution order."""

Side = Literal["expected", "actual"]
"""One of the two runs."""

BatchOrder = Literal["reordered", "other"]
"""How the batches of two epochs compare that are not the same."""


class BatchColumn(NamedTuple):
    """One tensor of a batch, in the epoch in which batches differ first.

    Attributes:
        role: What it is to the step: ``x``, ``y``, ``sample_weight``.
        differing: How many of the batches differ in it.
        expected: Element type and shape of the first batch that differs: ``float32 (32, 4)``.
        actual: As `expected`, of the other run.
    """

    role: str
    differing: int
    expected: str
    actual: str


class BatchDifference(NamedTuple):
    """What two runs were fed, in the epoch in which batches differ first.

    Attributes:
        fit: The fit, from 0.
        epoch: The epoch, from 1.
        first: The first step whose batch differs, from 1.
        compared: How many batches of the epoch both traces have.
        differing: How many of them differ.
        order: ``reordered`` where they are the same in another order; ``other`` where they are
            not; None where not all were seen.
        columns: What a batch is made of.
    """

    fit: int
    epoch: int
    first: int
    compared: int
    differing: int
    order: BatchOrder | None
    columns: tuple[BatchColumn, ...]


class ColumnDifference(NamedTuple):
    """One thing a step is made of that differs.

    Attributes:
        kind: ``batch``, ``random``, ``loss``, ``weight`` or ``optimizer``.
        role: What it is to its owner: ``x``, ``kernel``.
        layer: Class of the layer or optimizer; None for batch and loss.
        model: The model, from 0.
        position: Place in the model's state; None for batch and loss.
        label: Its name in the expected run; empty where there is none.
        dtype: Element type.
        expected: The value, of a loss.
        actual: As `expected`, of the other run.
        ulps: Distance of the two in units in the last place, of a loss.
    """

    kind: ColumnKind
    role: str
    layer: str | None
    model: int
    position: int | None
    label: str
    dtype: str
    expected: float | None = None
    actual: float | None = None
    ulps: int | None = None

    @property
    def name(self) -> str:
        """What to call it: its label, or what it is to its owner."""
        if self.label:
            return self.label
        return self.role if self.layer is None else f"{self.layer} {self.role}"


class StepDifference(NamedTuple):
    """The first step that differs.

    Attributes:
        fit: The fit, from 0.
        epoch: The epoch, from 1.
        step: The step within the epoch, from 1.
        columns: All that differs there, in execution order.
        equal: Kinds of column of which nothing differs there.
        stride: Every which step was traced: above 1, an earlier one may be the first. 0 where
            only each epoch's end was.
        begun_again: Those of the columns that are, in the first step of a run that was resumed, as
            they are in the first step of the other; empty in any other step.
    """

    fit: int
    epoch: int
    step: int
    columns: tuple[ColumnDifference, ...]
    equal: tuple[ColumnKind, ...]
    stride: int
    begun_again: tuple[ColumnDifference, ...] = ()

    @property
    def is_first(self) -> bool:
        """Whether no step before it can differ: every one was traced, or there is none."""
        place = self.fit, self.epoch, self.step
        return self.stride == 1 or (self.stride > 1 and place == (0, 1, 1))


class ColumnOnset(NamedTuple):
    """From which step on one column differs.

    Attributes:
        column: The column.
        fit: The fit, from 0.
        epoch: The epoch, from 1.
        step: The step within the epoch, from 1.
        position: The step of the whole run, from 1; None where not all before it is known.
    """

    column: ColumnDifference
    fit: int
    epoch: int
    step: int
    position: int | None = None


class OrderDifference(NamedTuple):
    """Something that only one run has: steps, or a column.

    Attributes:
        only: ``expected`` or ``actual``: the run that has it.
        what: ``steps`` or ``column``.
        text: The same in a sentence.
        fit: The fit of the first of them, from 0.
        epoch: Its epoch, from 1.
        step: Its step within the epoch, from 1.
        steps: How many in a row; 0 for a column.
        column: The column; None for steps.
    """

    only: Side
    what: Literal["steps", "column"]
    text: str
    fit: int
    epoch: int
    step: int
    steps: int
    column: ColumnDifference | None = None

    @property
    def is_metric(self) -> bool:
        """Whether it is a running loss or metric, which no weight follows from."""
        return self.column is not None and self.column.kind == "loss"


class Distance(NamedTuple):
    """How far apart the weights of two runs are after one step, by samples of them.

    Attributes:
        fit: The fit, from 0.
        epoch: The epoch, from 1.
        step: The step within the epoch, from 1.
        sampled: Elements that were sampled.
        differing: How many of them differ.
        relative: Norm of the difference over the norm of the expected samples.
        median_ulps: Median distance of those that differ, in units in the last place.
        largest_ulps: Largest distance, in units in the last place.
        step_size: How far one step of training takes the samples, relative as above, averaged
            since the probe before; None for the first.
        position: The step of the whole run, from 1; None where not all before it is known.
    """

    fit: int
    epoch: int
    step: int
    sampled: int
    differing: int
    relative: float | None
    median_ulps: int | None
    largest_ulps: int | None
    step_size: float | None
    position: int | None = None


class TraceComparison(NamedTuple):
    """Two traces compared.

    Attributes:
        rows: Rows of the same step in both.
        columns: Columns of the first block of rows.
        order: What only one run has, as far as it was noted.
        step: The first step that differs; None where no step that both have does.
        partings: Each column that differs, from its first step on, in execution order.
        distances: How far apart the weights are, in the order of steps.
        batches: What the runs were fed, where that differs; None where it does not.
    """

    rows: int
    columns: int
    order: tuple[OrderDifference, ...]
    step: StepDifference | None
    partings: tuple[ColumnOnset, ...]
    distances: tuple[Distance, ...]
    batches: BatchDifference | None
