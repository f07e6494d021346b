"""Train with other seeds, so that a run that repeats is not mistaken for a robust result."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from repro_audit.audit import Spread, SpreadMetric
from repro_audit.manifest import Manifest, final_metrics
from repro_audit.repeat.plan import Plan, Setting
from repro_audit.repeat.running import Done, Runner

__all__ = ["spread"]

_STRIDE = 10_007
"""Between two seeds: a script that seeds each fold anew must not come to those of another run."""


def spread(plan: Plan, runner: Runner, base: Done) -> Spread:
    """Train with further seeds, each so much above the script's own, and compare the metrics.

    Args:
        plan: What was repeated, and how many seeds are wanted.
        runner: Makes the runs.
        base: An ordinary run.
    """
    settings = [
        Setting(name=f"seed-{number}", request={"seed_shift": number * _STRIDE})
        for number in range(1, plan.spread + 1)
    ]
    ran = runner.run(settings, stop_at_failure=False)
    manifests = [run.manifest for run in (base, *ran) if run.problem is None and run.manifest]
    failed = [run.name for run in ran if run.problem is not None]
    seeds = tuple(manifest.seed for manifest in manifests)
    text = f"{', '.join(failed)} failed and do not count. " if failed else ""
    if len(set(seeds)) < len(seeds):
        text += (
            "The seed that is in force is the same in several runs: it is set in no way that can "
            "be changed from outside, and nothing can be said of other seeds. "
        )
        manifests = []
    metrics = tuple(_metrics(manifests)) if manifests else ()
    lost = [metric.name for metric in metrics if metric.deviation is None]
    if lost and len(manifests) > 1:
        text += f"Not every value of {', '.join(lost)} is finite. "
    return Spread(seeds=seeds, metrics=metrics, text=text.strip())


def _metrics(manifests: Sequence[Manifest]) -> list[SpreadMetric]:
    """Return each metric that all runs end with."""
    found = [final_metrics(manifest) for manifest in manifests]
    return [
        _metric(name, tuple(item[name] for item in found))
        for name in found[0]
        if all(name in item for item in found)
    ]


def _metric(name: str, values: tuple[float, ...]) -> SpreadMetric:
    """Return a metric over all runs; of what is not finite there is no mean."""
    finite = all(map(math.isfinite, values))
    return SpreadMetric(
        name=name,
        values=values,
        mean=statistics.fmean(values) if finite else math.nan,
        deviation=statistics.stdev(values) if finite and len(values) > 1 else None,
        least=min(values) if finite else math.nan,
        most=max(values) if finite else math.nan,
    )
