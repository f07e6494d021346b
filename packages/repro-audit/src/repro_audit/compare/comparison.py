"""What a comparison says."""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.manifest.conditions import Json

__all__ = [
    "Cause",
    "Comparison",
    "ConditionDifference",
    "FieldVerdict",
    "FirstDifference",
    "MetricDifference",
    "TensorDifference",
]


class FieldVerdict(NamedTuple):
    """One kind of outcome: ``match``, ``differ``, ``missing`` or ``not_compared``."""

    field: str
    verdict: str
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
    """Where two runs part, in the order in which a run makes its outcomes.

    Attributes:
        kind: ``initial weights``, ``epoch weights``, ``steps``, ``sequence``, ``history``,
            ``evaluation`` or ``final state``.
        text: The same in a sentence.
        fit: The fit, from 0, where there is one.
        epoch: The epoch of that fit, from 1, where there is one.
        tensors: Tensors that differ there, where they are known.
    """

    kind: str
    text: str
    fit: int | None = None
    epoch: int | None = None
    tensors: tuple[TensorDifference, ...] = ()


class ConditionDifference(NamedTuple):
    """One condition that differs; long values are shortened to text."""

    path: str
    expected: Json
    actual: Json


class Cause(NamedTuple):
    """A condition that differs and may explain the difference.

    Attributes:
        group: ``data``, ``seeds``, ``training``, ``determinism``, ``packages``,
            ``environment`` or ``code``.
        title: What differs, in a few words.
        certainty: ``certain``, ``likely`` or ``possible``.
        reason: Why it can, or must, change the run.
        remedy: Code that makes the runs agree in it.
        paths: JSONPaths of the conditions.
    """

    group: str
    title: str
    certainty: str
    reason: str
    remedy: str
    paths: tuple[str, ...]


class Comparison(NamedTuple):
    """Two runs compared.

    Attributes:
        expected: Position of the expected run among those given.
        actual: Position of the actual run.
        verdict: ``identical``, ``close``, ``divergent`` or ``inconclusive``.
        reason: The verdict in a sentence.
        evidence: The weaker evidence of the two.
        fields: Each kind of outcome.
        first_difference: Where they part.
        metrics: Metrics that differ.
        ignored_metrics: Metrics that were not compared, as asked.
        causes: Conditions that may explain it, the best first.
        differences: Every condition that differs.
    """

    expected: int
    actual: int
    verdict: str
    reason: str
    evidence: str
    fields: tuple[FieldVerdict, ...]
    first_difference: FirstDifference | None
    metrics: tuple[MetricDifference, ...]
    ignored_metrics: tuple[str, ...]
    causes: tuple[Cause, ...]
    differences: tuple[ConditionDifference, ...]
