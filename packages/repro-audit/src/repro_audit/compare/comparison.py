"""What a comparison says."""

from __future__ import annotations

from typing import Literal, NamedTuple

from repro_audit.compare.trace_comparison import TraceComparison
from repro_audit.manifest.records import Evidence
from repro_audit.manifest.training import Json

__all__ = [
    "Cause",
    "Certainty",
    "Comparison",
    "ConditionDifference",
    "Excluded",
    "FieldVerdict",
    "FirstDifference",
    "Group",
    "LaterCause",
    "Match",
    "MetricDifference",
    "Outcome",
    "TensorDifference",
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

Certainty = Literal["certain", "likely", "possible"]
"""How well a cause explains a difference, the best first."""

Group = Literal["data", "seeds", "training", "determinism", "packages", "environment", "code"]
"""Groups of causes, in the order of their rank."""


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


SETTINGS = "$.conditions"
"""JSONPath of all conditions: of a log none is known."""


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
    """What may explain the difference: a condition that differs, or what the steps themselves tell.

    Attributes:
        kind: Name of the kind of cause, as in `repro_audit.compare.kinds` or
            `repro_audit.compare.testimony`.
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
    """A condition that differs and cannot have acted at all.

    Attributes:
        kind: Name of the kind of cause.
        title: What differs.
        reason: By which evidence it is excluded.
    """

    kind: str
    title: str
    reason: str


class LaterCause(NamedTuple):
    """A condition that differs and acts only behind the first difference.

    Attributes:
        kind: Name of the kind of cause.
        title: What differs.
        reason: On what it acts, and since when.
        remedy: Code that makes the runs agree in it.
    """

    kind: str
    title: str
    reason: str
    remedy: str


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
        later: Conditions that differ and act only behind the first difference.
        set_aside: What tells the runs apart and is not compared, each in a sentence: metrics and
            evaluations that one run alone has, another number of calls of fit.
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
    later: tuple[LaterCause, ...] = ()
    set_aside: tuple[str, ...] = ()

    @property
    def lacks_settings(self) -> bool:
        """Whether a run tells of no settings at all, so that nothing can be said of causes."""
        return any(item.path == SETTINGS for item in self.differences)
