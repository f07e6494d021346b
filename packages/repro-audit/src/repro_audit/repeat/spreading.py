"""Train with other seeds, so that a run that repeats is not mistaken for a robust result."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from repro_audit.audit import Spread, SpreadMetric
from repro_audit.manifest import Manifest
from repro_audit.repeat.plan import Plan, Setting
from repro_audit.repeat.running import Done, Runner

__all__ = ["spread"]


def spread(plan: Plan, runner: Runner, base: Done) -> Spread:
    """Train with further seeds, each so much above the script's own, and compare the metrics.

    Args:
        plan: What was repeated, and how many seeds are wanted.
        runner: Makes the runs.
        base: An ordinary run.
    """
    settings = [
        Setting(name=f"seed-{shift}", request={"seed_shift": shift})
        for shift in range(1, plan.spread + 1)
    ]
    ran = runner.run(settings, stop_at_failure=False)
    manifests = [run.manifest for run in (base, *ran) if run.problem is None and run.manifest]
    failed = [run.name for run in ran if run.problem is not None]
    seeds = tuple(_seed(manifest) for manifest in manifests)
    text = f"{', '.join(failed)} failed and do not count. " if failed else ""
    if len(set(seeds)) < len(seeds):
        text += "No seed was seen to be set that could be another: the runs say nothing of seeds. "
    return Spread(seeds=seeds, metrics=tuple(_metrics(manifests)), text=text.strip())


def _seed(manifest: Manifest) -> int | None:
    """Return the seed of a run, as read back."""
    seeds = manifest.conditions.seeds
    if seeds is None:
        return None
    return seeds.backend.seed if seeds.declared is None else seeds.declared


def _metrics(manifests: Sequence[Manifest]) -> list[SpreadMetric]:
    """Return each metric that all runs end with."""
    found = [_final(manifest) for manifest in manifests]
    return [
        SpreadMetric(
            name=name,
            values=(values := tuple(item[name] for item in found)),
            mean=statistics.fmean(values),
            deviation=statistics.stdev(values) if len(values) > 1 else None,
            least=min(values),
            most=max(values),
        )
        for name in found[0]
        if all(name in item for item in found)
    ]


def _final(manifest: Manifest) -> dict[str, float]:
    """Return the last value of every metric of every fit and evaluation."""
    outcomes = manifest.outcomes
    several = len(outcomes.fits) > 1
    found = {
        f"fit {number} {name}" if several else name: values[-1]
        for number, fit in enumerate(outcomes.fits, start=1)
        for name, values in fit.history.items()
        if values and values[-1] is not None
    }
    several = len(outcomes.evaluations) > 1
    for number, evaluation in enumerate(outcomes.evaluations, start=1):
        for name, value in evaluation.results.items():
            found[f"evaluation {number} {name}" if several else f"evaluation {name}"] = value
    return {name: value for name, value in found.items() if value is not None}
