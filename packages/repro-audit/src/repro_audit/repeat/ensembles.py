"""Train again with other seeds, and with weights that are moved by one unit in the last place.

A run that repeats bit for bit is not yet a robust result. How far its metrics scatter tells what
somebody else's run may be apart from it, and be the same.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from repro_audit.audit import Spread, SpreadMetric
from repro_audit.compare import compare
from repro_audit.manifest import Manifest, final_metrics
from repro_audit.noise.ensemble import Member, Moved, member
from repro_audit.repeat.plan import Plan, Setting
from repro_audit.repeat.running import Done, Runner

__all__ = ["Scattered", "perturb", "spread"]

_STRIDE = 10_007
"""Between two seeds: a script that seeds each fold anew must not come to those of another run."""


class Scattered(NamedTuple):
    """What runs showed that noise has moved.

    Attributes:
        spread: How far their final metrics scatter.
        members: The runs themselves; none where they say nothing.
    """

    spread: Spread
    members: tuple[Member, ...]


def spread(plan: Plan, runner: Runner, base: Done) -> Scattered:
    """Train with further seeds, each so much above the script's own.

    Args:
        plan: What was repeated, and how many seeds are wanted.
        runner: Makes the runs.
        base: An ordinary run.
    """
    settings = [
        Setting(name=f"seed-{number}", request={"seed_shift": number * _STRIDE})
        for number in range(1, plan.spread + 1)
    ]
    ran, text = _made(runner, settings)
    manifests = _manifests((base, *ran))
    seeds = tuple(manifest.seed for manifest in manifests)
    if len(set(seeds)) == len(seeds):
        return _scattered("seed", base, ran, text)
    text += (
        "The seed that is in force is the same in several runs: it is set in no way that can be "
        "changed from outside, and nothing can be said of other seeds."
    )
    return Scattered(Spread(seeds=seeds, metrics=(), text=text), ())


def perturb(plan: Plan, runner: Runner, base: Done) -> Scattered:
    """Train with first weights that are moved by one unit in the last place at most.

    Args:
        plan: What was repeated, and how many such runs are wanted.
        runner: Makes the runs.
        base: An ordinary run.
    """
    settings = [
        Setting(name=f"perturb-{number}", request={"perturb": number})
        for number in range(1, plan.perturb + 1)
    ]
    ran, text = _made(runner, settings)
    if all(manifest.perturbation is not None for manifest in _manifests(ran)):
        return _scattered("rounding", base, ran, text)
    text += "The recording has found no weights to move, and nothing can be said of rounding."
    return Scattered(Spread(seeds=(), metrics=(), text=text), ())


def _made(runner: Runner, settings: Sequence[Setting]) -> tuple[list[Done], str]:
    """Make runs; return those that came to their end, and what to say of the others."""
    ran = runner.run(settings, stop_at_failure=False)
    failed = [run.name for run in ran if run.problem is not None]
    ended = [run for run in ran if run.problem is None and run.manifest]
    return ended, f"{', '.join(failed)} failed and do not count. " if failed else ""


def _manifests(runs: Sequence[Done]) -> list[Manifest]:
    return [run.manifest for run in runs if run.manifest is not None]


def _scattered(moved: Moved, base: Done, ran: Sequence[Done], text: str) -> Scattered:
    """Return what runs showed, the ordinary one among them."""
    manifests = _manifests((base, *ran))
    metrics = tuple(_metrics(manifests))
    lost = [metric.name for metric in metrics if metric.deviation is None]
    if lost and len(manifests) > 1:
        text += f"Not every value of {', '.join(lost)} is finite. "
    members = tuple(
        member(run.name, moved, run.manifest, _distance(base, run)) for run in ran if run.manifest
    )
    seeds = tuple(manifest.seed for manifest in manifests)
    return Scattered(Spread(seeds=seeds, metrics=metrics, text=text.strip()), members)


def _distance(base: Done, run: Done) -> float | None:
    """Return how far the weights of a run end from those of the ordinary one, over their norm."""
    if base.manifest is None or run.manifest is None:
        return None
    # As if nobody had moved it: it is compared to see how far that took it.
    manifest = run.manifest._replace(perturbation=None)
    found = compare(base.manifest, manifest, traces=(base.trace(), run.trace())).trace
    return found.distances[-1].relative if found is not None and found.distances else None


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
