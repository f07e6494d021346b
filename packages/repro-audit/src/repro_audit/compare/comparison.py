"""What a comparison says."""

from __future__ import annotations

from typing import Literal, NamedTuple

from repro_audit.manifest.records import Evidence
from repro_audit.manifest.training import Json

__all__ = [
    "BatchOrder",
    "Cause",
    "Certainty",
    "ColumnDifference",
    "ColumnKind",
    "ColumnOnset",
    "Comparison",
    "ConditionDifference",
    "Distance",
    "Excluded",
    "FieldVerdict",
    "FirstDifference",
    "Group",
    "Match",
    "MetricDifference",
    "OrderDifference",
    "Outcome",
    "Side",
    "StepDifference",
    "TensorDifference",
    "TraceComparison",
    "Verdict",
]

Verdict = Literal["identical", "close", "divergent", "inconclusive"]
"""What two runs are to each other, the worst last."""

Match = Literal["match", "differ", "missing"]
"""How one thing of two runs compares."""

Outcome = Literal[
    "initial weights", "step", "trace", "epoch weights", "steps", "sequence", "history",
    "evaluation", "final state",
]  # fmt: skip
"""What came out of a run and can be the first to differ."""

ColumnKind = Literal["batch", "random", "loss", "weight", "optimizer"]
"""Kinds of column of a trace, in execution order."""

Certainty = Literal["certain", "likely", "possible"]
"""How well a cause explains a difference, the best first."""

Group = Literal["data", "seeds", "training", "determinism", "packages", "environment", "code"]
"""Groups of causes, in the order of their rank."""

Side = Literal["expected", "actual"]
"""One of the two runs."""

BatchOrder = Literal["reordered", "other"]
"""How the batches of two epochs compare that are not the same."""


class FieldVerdict(NamedTuple):
    """One kind of outcome: ``match``, ``differ``, ``missing`` or ``not_compared``."""

    field: str
    verdict: Match | Literal["not_compared"]
    detail: str


class TensorDifference(NamedTuple):
    """A tensor whose bits differ. Its label is that of the expected run."""

    model: int
    position: int
    layer: str
    role: str
    label: str


class MetricDifference(NamedTuple):
    """One metric of one fit or evaluation whose values differ.

    Attributes:
        metric: Its name.
        fit: The fit, from 0; None for an evaluation.
        evaluation: The evaluation, from 0; None for a fit.
        equal: Epochs with equal bits.
        epochs: Epochs compared.
        first_epoch: First epoch that differs, from 1; None for an evaluation.
        expected: Its value there; None where it has none.
        actual: As `expected`, of the other run.
        dtype: Element type in which `ulps` are counted.
        ulps: Distance in units in the last place; None where it has no meaning.
        relative: |actual - expected| / |expected|; None where it has no meaning.
        largest_relative: Largest `relative` over all epochs.
    """

    metric: str
    fit: int | None
    evaluation: int | None
    equal: int
    epochs: int
    first_epoch: int | None
    expected: float | None
    actual: float | None
    dtype: str
    ulps: int | None
    relative: float | None
    largest_relative: float | None


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
    """

    fit: int
    epoch: int
    step: int
    columns: tuple[ColumnDifference, ...]
    equal: tuple[ColumnKind, ...]
    stride: int

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
    """

    only: Side
    what: Literal["steps", "column"]
    text: str
    fit: int
    epoch: int
    step: int
    steps: int


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
        batches: ``reordered`` where the batches of the epoch that differs are the same in
            another order; ``other`` where they are not; None where they do not differ.
    """

    rows: int
    columns: int
    order: tuple[OrderDifference, ...]
    step: StepDifference | None
    partings: tuple[ColumnOnset, ...]
    distances: tuple[Distance, ...]
    batches: BatchOrder | None


class FirstDifference(NamedTuple):
    """Where two runs diverge, in the order in which a run makes its outcomes.

    Attributes:
        kind: ``initial weights``, ``step``, ``trace``, ``epoch weights``, ``steps``,
            ``sequence``, ``history``, ``evaluation`` or ``final state``.
        text: The same in a sentence.
        fit: The fit, from 0, where there is one.
        epoch: The epoch of that fit, from 1, where there is one.
        step: The step of that epoch, from 1, where there is one.
        tensors: Tensors that differ there, where they are known.
    """

    kind: Outcome
    text: str
    fit: int | None = None
    epoch: int | None = None
    step: int | None = None
    tensors: tuple[TensorDifference, ...] = ()


DifferenceState = Literal[
    "changed",
    "only in expected",
    "only in actual",
    "not recorded in expected",
    "not recorded in actual",
]
"""How a condition differs: what one run did not record may be the same in both."""


class ConditionDifference(NamedTuple):
    """One condition that differs.

    Attributes:
        path: Its JSONPath.
        expected: Its value in the expected run, shortened to text where it is long.
        actual: As `expected`, of the other run.
        state: Whether both runs hold a value, one has nothing there, or one did not record it.
    """

    path: str
    expected: Json
    actual: Json
    state: DifferenceState = "changed"

    @property
    def said(self) -> str:
        """How it differs, in words: ``only in the actual run``."""
        how, _, run = self.state.rpartition(" ")
        return f"{how} the {run} run" if how else run

    @property
    def is_gap(self) -> bool:
        """Whether it is unknown in one run, and so not known to differ."""
        return self.state.startswith("not recorded")


class Cause(NamedTuple):
    """A condition that differs and may explain the difference.

    Attributes:
        kind: Name of the kind of cause, as in `repro_audit.compare.cause_kinds`.
        group: ``data``, ``seeds``, ``training``, ``determinism``, ``packages``,
            ``environment`` or ``code``.
        title: What differs, in a few words.
        certainty: ``certain``, ``likely`` or ``possible``.
        reason: Why it can, or must, change the run.
        remedy: Code that makes the runs agree in it.
        paths: JSONPaths of the conditions.
    """

    kind: str
    group: Group
    title: str
    certainty: Certainty
    reason: str
    remedy: str
    paths: tuple[str, ...]


class Excluded(NamedTuple):
    """A condition that differs and does not explain the difference.

    Attributes:
        kind: Name of the kind of cause.
        title: What differs.
        reason: By which evidence it is excluded.
    """

    kind: str
    title: str
    reason: str


class Comparison(NamedTuple):
    """Two runs compared.

    Attributes:
        expected: Position of the expected run among those given.
        actual: Position of the actual run.
        verdict: ``identical``, ``close``, ``divergent`` or ``inconclusive``.
        reason: The verdict in a sentence.
        evidence: The weaker evidence of the two.
        fields: Each kind of outcome.
        first_difference: Where they diverge.
        metrics: Metrics that differ.
        ignored_metrics: Metrics that were not compared, as asked.
        causes: Conditions that may explain it, the best first.
        differences: Every condition that differs.
        trace: What the traces show; None where they were not compared.
        excluded: Kinds of cause that the evidence excludes, each with the reason.
    """

    expected: int
    actual: int
    verdict: Verdict
    reason: str
    evidence: Evidence
    fields: tuple[FieldVerdict, ...]
    first_difference: FirstDifference | None
    metrics: tuple[MetricDifference, ...]
    ignored_metrics: tuple[str, ...]
    causes: tuple[Cause, ...]
    differences: tuple[ConditionDifference, ...]
    trace: TraceComparison | None = None
    excluded: tuple[Excluded, ...] = ()
