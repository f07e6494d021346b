"""What the traces of two runs show, in words that every format shares."""

from __future__ import annotations

import math
from collections.abc import Sequence

from repro_audit.compare import BatchDifference, ColumnDifference, Distance, TraceComparison
from repro_audit.compare.ulp import relative
from repro_audit.report.summary import MOST_ULPS, distance, share, ulp_count
from repro_audit.wording import counted, epoch_name, listed, step_name

__all__ = ["growth", "step_facts"]

_KINDS = {
    "batch": "batch",
    "random": "random state",
    "loss": "running loss",
    "weight": "weights",
    "optimizer": "optimizer",
}
_MAX_NAMES = 3
_MAX_BARS = 12
_BAR = 32


def step_facts(trace: TraceComparison, *, several_fits: bool) -> list[tuple[str, str]]:
    """Return what is known of the first step that differs, as pairs of a label and a text.

    Args:
        trace: What the traces show.
        several_fits: Whether a step is told from others only with its fit.
    """
    facts = [("order", item.text) for item in trace.order]
    step = trace.step
    if step is None:
        return facts
    equal = [_KINDS[kind] for kind in step.equal]
    if equal:
        facts.append(("identical", ", ".join(equal)))
    for kind, word in _KINDS.items():
        columns = [column for column in step.columns if column.kind == kind]
        if columns:
            facts.append((word, _columns(columns)))
    if trace.batches is not None:
        facts.append(("batches", _batches(trace.batches, several_fits)))
    if "loss" in step.equal:
        facts.append(("loss", _loss(trace, several_fits)))
    apart = next((item for item in trace.distances if item.differing), None)
    if apart is not None:
        facts.append(("distance", _distance(apart, several_fits)))
    return facts


def growth(trace: TraceComparison, *, several_fits: bool) -> list[tuple[str, str, str]]:
    """Return how the distance of the weights grows: where, how far, and a bar on a log scale.

    Args:
        trace: What the traces show.
        several_fits: Whether a step is told from others only with its fit.

    Returns:
        From the first step to the last; empty where fewer than two distances are known.
    """
    points = [item for item in trace.distances if item.relative]
    if len(points) < 2:
        return []
    kept = _spread(points)
    logs = [math.log10(item.relative or 1.0) for item in kept]
    low, high = math.floor(min(logs)), max(logs)
    scale = (_BAR - 1) / (high - low) if high > low else 0.0
    return [
        (
            f"fit {item.fit + 1:,} " * several_fits + f"epoch {item.epoch:,} step {item.step:,}",
            f"{item.relative:.1e}",
            "█" * (1 + round((value - low) * scale)),
        )
        for item, value in zip(kept, logs, strict=True)
    ]


def _spread(points: Sequence[Distance]) -> list[Distance]:
    """Return at most so many points, the first and the last among them."""
    if len(points) <= _MAX_BARS:
        return list(points)
    last = len(points) - 1
    places = sorted({round(index * last / (_MAX_BARS - 1)) for index in range(_MAX_BARS)})
    return [points[place] for place in places]


def _columns(columns: Sequence[ColumnDifference]) -> str:
    names = []
    for column in columns:
        name = column.name
        if column.expected is not None and column.actual is not None:
            apart = distance(column.ulps, column.dtype, relative(column.expected, column.actual))
            name += f" {column.expected!r} → {column.actual!r}" + (f" ({apart})" if apart else "")
        names.append(name)
    return listed(names, _MAX_NAMES)


def _batches(fed: BatchDifference, several_fits: bool) -> str:
    """Say how the batches of the first epoch in which any differ relate."""
    epoch = epoch_name(fed.epoch, fed.fit if several_fits else None)
    if fed.order == "reordered":
        return f"those of {epoch} are the same in another order"
    text = f"{fed.differing:,} of {fed.compared:,} differ in {epoch}"
    equal = [item.role for item in fed.columns if not item.differing]
    text += f", the first in step {fed.first:,}" if fed.first > 1 else ""
    return text + (f"; {listed(equal, _MAX_NAMES)} equal in all" if equal else "")


def _loss(trace: TraceComparison, several_fits: bool) -> str:
    """Say how long the metrics hide the difference."""
    later = [item for item in trace.partings if item.column.kind == "loss"]
    if not later:
        return "running loss and metrics are identical throughout"
    first = later[0]
    where = step_name(first.step, first.epoch, first.fit if several_fits else None)
    return f"{first.column.name} is identical until {where}"


def _distance(apart: Distance, several_fits: bool) -> str:
    """Say how far apart the weights are at the first probe that shows it."""
    where = step_name(apart.step, apart.epoch, apart.fit if several_fits else None)
    sampled = counted(apart.sampled, "sampled element")
    text = f"{apart.differing:,} of {sampled} differ after {where}"
    median, largest = apart.median_ulps, apart.largest_ulps
    if median is not None and largest is not None and median <= MOST_ULPS:
        text += f", by {counted(median, 'ULP')} in the median and {ulp_count(largest)} at most"
    if apart.relative is not None:
        text += f"; {share(apart.relative)} of the weights' norm"
    return text
