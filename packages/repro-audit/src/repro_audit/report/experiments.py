"""What experiments beside a repeat showed, in lines for every renderer."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from repro_audit.audit import Audit, Factor, Sensitivity, Spread, SpreadMetric
from repro_audit.compare import Comparison
from repro_audit.compare.kinds import kind_named
from repro_audit.errors import printable
from repro_audit.wording import counted

__all__ = [
    "confirming",
    "distances",
    "factor_states",
    "sensitivity_facts",
    "spread_line",
    "spread_summary",
]


def confirming(comparison: Comparison, result: Audit) -> str:
    """Return the command that puts the first cause of a difference to the test.

    It is empty where no experiment can, or where the manifests are no files but lie in a PDF.

    Args:
        comparison: The comparison.
        result: The audit it is of.
    """
    if not comparison.causes or not kind_named(comparison.causes[0].kind).factor:
        return ""
    names = [result.manifests[at].name for at in (comparison.expected, comparison.actual)]
    if any(".pdf: " in name for name in names):
        return ""
    # A name with a new line would be a command of its own.
    files = " ".join(shlex.quote(printable(name)) for name in names)
    return f"repro-audit repeat --confirm {files} SCRIPT ARGS"


def factor_states(factor: Factor) -> str:
    """Return what was in force of a factor, in the ordinary runs and where it was varied."""
    expected = factor.expected or "unknown"
    return expected if factor.actual is None else f"{expected} → {factor.actual}"


def distances(factor: Factor) -> str:
    """Say how far a factor takes the weights."""
    if factor.first_distance is None or factor.last_distance is None:
        return ""
    return (
        f"the weights are {factor.first_distance:.1e} of their norm apart at first, "
        f"{factor.last_distance:.1e} at the end"
    )


def sensitivity_facts(sensitivity: Sensitivity) -> Iterator[str]:
    """Yield what there is to say of all factors together."""
    factors, runs = counted(len(sensitivity.factors), "factor"), counted(sensitivity.runs, "run")
    yield f"{factors}, {runs} beyond the repeat."
    if sensitivity.text:
        yield sensitivity.text
    elif sensitivity.complete and any(
        item.verdict == "changes the run" for item in sensitivity.factors
    ):
        yield "Together those found give the bits of the run in which everything was varied."


def spread_summary(spread: Spread) -> str:
    """Say over which seeds metrics were taken."""
    seeds = ", ".join("none" if seed is None else str(seed) for seed in spread.seeds)
    return f"{len(spread.seeds)} seeds: {seeds}"


def spread_line(metric: SpreadMetric) -> str:
    """Return mean, standard deviation and range of a metric."""
    if metric.deviation is None and len(metric.values) > 1:
        return ", ".join(f"{value:.4f}" for value in metric.values)
    deviation = "" if metric.deviation is None else f" ± {metric.deviation:.2g}"
    return f"{metric.mean:.4f}{deviation}, from {metric.least:.4f} to {metric.most:.4f}"
