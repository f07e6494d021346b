"""Compare two runs and reach a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from repro_audit.compare.causes import rank_causes
from repro_audit.compare.comparison import Comparison, FieldVerdict, FirstDifference
from repro_audit.compare.conditions import condition_differences
from repro_audit.compare.groups import outcome_digest
from repro_audit.compare.history import all_close, metric_differences
from repro_audit.compare.outcomes import compare_outcomes
from repro_audit.errors import printable
from repro_audit.manifest import Manifest

__all__ = ["EVIDENCE", "compare"]

EVIDENCE = ("none", "history", "weights", "trace")
"""Strengths of evidence, the weakest first."""


def compare(
    expected: Manifest,
    actual: Manifest,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    ignore_metrics: Sequence[str] = (),
    require: str = "weights",
    positions: tuple[int, int] = (0, 1),
) -> Comparison:
    """Compare two runs: is every outcome the same, where do they part first, and why.

    Args:
        expected: The run compared with; `rtol` scales its values.
        actual: The run compared.
        rtol: Relative tolerance of history values. With `rtol` or `atol` given, a run whose
            bits differ can be ``close``.
        atol: Absolute tolerance of history values, in the metric's own unit.
        ignore_metrics: Metrics, such as timers, that are not compared.
        require: The least evidence on which ``identical`` and ``close`` may rest.
        positions: Where the two stand among the runs given.
    """
    evidence = min(expected.evidence, actual.evidence, key=EVIDENCE.index)
    obstacle = _obstacle(expected, actual)
    fields: tuple[FieldVerdict, ...] = ()
    first: FirstDifference | None = None
    if obstacle is None:
        fields, first = compare_outcomes(expected, actual, ignore_metrics)
    tolerant = rtol is not None or atol is not None
    enough = EVIDENCE.index(evidence) >= EVIDENCE.index(require)
    below = f"the evidence is {evidence}, and {require} is required"
    if obstacle is not None:
        verdict, reason = "inconclusive", obstacle
    elif first is None and not enough:
        verdict, reason = "inconclusive", f"nothing differs, but {below}"
    elif first is None:
        verdict, reason = "identical", "every compared outcome has the same bits"
        if evidence != "history":
            verdict, reason = _without_difference(expected, actual, fields, ignore_metrics)
    elif tolerant and all_close(expected, actual, ignore_metrics, rtol or 0.0, atol or 0.0):
        verdict, reason = (
            ("close", f"bits differ; every history value lies within {_tolerance(rtol, atol)}")
            if enough
            else ("inconclusive", f"every value is close, but {below}")
        )
    else:
        agreeing = _agreeing_metrics(expected, actual, first, ignore_metrics)
        while_others = f", while {agreeing} still agree to the last bit" if agreeing else ""
        verdict, reason = "divergent", f"they part first in {first.text}{while_others}"
    differences = condition_differences(expected, actual) if obstacle is None else ()
    return Comparison(
        expected=positions[0],
        actual=positions[1],
        verdict=verdict,
        reason=reason,
        evidence=evidence,
        fields=fields,
        first_difference=first,
        metrics=metric_differences(expected, actual, ignore_metrics) if obstacle is None else (),
        ignored_metrics=tuple(ignore_metrics),
        causes=rank_causes(expected, actual, differences, first) if first is not None else (),
        differences=differences,
    )


def _without_difference(
    expected: Manifest, actual: Manifest, fields: Sequence[FieldVerdict], ignored: Sequence[str]
) -> tuple[str, str]:
    """Return the verdict on two runs of which nothing that both hold differs."""
    if outcome_digest(expected, ignored) == outcome_digest(actual, ignored):
        return "identical", "every compared outcome has the same bits"
    lacking = [f"{field.field} {field.detail}" for field in fields if field.verdict == "missing"]
    if lacking:
        return "inconclusive", f"nothing differs, but evidence is missing: {'; '.join(lacking)}"
    return "inconclusive", "nothing differs but the digests: one manifest contradicts itself"


def _obstacle(expected: Manifest, actual: Manifest) -> str | None:
    """Say why two runs cannot be compared, or return None."""
    if expected.run_id == actual.run_id:
        return "one run is given twice: both have the run id " + expected.run_id
    for name, manifest in (("expected", expected), ("actual", actual)):
        if manifest.control_run is not None:
            return f"the {name} run is a control run: one bit was flipped in it on purpose"
        if not manifest.complete:
            return f"the {name} run is not complete: its status is {manifest.status}"
        if manifest.evidence == "none":
            return f"the {name} run holds no outcome: no training was recorded"
    return None


def _agreeing_metrics(
    expected: Manifest, actual: Manifest, first: FirstDifference, ignored: Sequence[str]
) -> str:
    """Name the metrics that agree up to the epoch whose weights differ: what hides it."""
    if first.kind != "epoch weights" or first.fit is None or first.epoch is None:
        return ""
    mine = expected.outcomes.fits[first.fit].history
    theirs = actual.outcomes.fits[first.fit].history
    names = [
        name
        for name, values in mine.items()
        if name not in ignored
        and not name.startswith("val_")
        and len(values) >= first.epoch
        and values[: first.epoch] == theirs.get(name, ())[: first.epoch]
    ]
    names.sort(key=lambda name: (name != "loss", name))
    return " and ".join(
        filter(None, [", ".join(map(printable, names[:-1])), *map(printable, names[-1:])])
    )


def _tolerance(rtol: float | None, atol: float | None) -> str:
    parts = [
        f"{name} {value:g}" for name, value in (("rtol", rtol), ("atol", atol)) if value is not None
    ]
    return " and ".join(parts)
