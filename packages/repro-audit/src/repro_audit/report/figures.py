"""What a page shows as charts: loss curves, the growth of a distance, and which tensors differ.

Each figure is a chart and the table of its values, for whoever cannot see or hover over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple, TypeVar

from repro_audit.audit import Audit
from repro_audit.compare import Comparison
from repro_audit.manifest import Manifest, metric_series
from repro_audit.report.charts import Series, Span, line_chart, span_chart
from repro_audit.report.summary import number
from repro_audit.report.timeline import Timeline
from repro_audit.wording import counted

T = TypeVar("T")

__all__ = ["Figure", "curves", "distances", "short_names", "tensor_map"]

_MOST_CURVES = 6
_MOST_POINTS = 200
_MOST_POINTS_OF_ALL = 2400
_MOST_ROWS = 60
_MOST_SPANS = 40
_MOST_TABLED = 200
_STEP = "step of the run"
_WORDS = {"random": "random state", "loss": "running loss or metric"}


class Figure(NamedTuple):
    """A chart and the table of its values.

    Attributes:
        title: What it shows.
        caption: What a reader should see in it.
        svg: The chart; empty where there is too little to draw.
        head: Titles of the table's columns.
        rows: Its rows.
        left: What the table leaves out, in words; else empty.
    """

    title: str
    caption: str
    svg: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: str = ""


def short_names(names: Sequence[str]) -> list[str]:
    """Return the parts of paths that tell them apart.

    >>> short_names(["build/run-1/manifest.json", "build/run-2/manifest.json"])
    ['run-1', 'run-2']
    >>> short_names(["a.json"]), short_names(["x/a.json", "x/a.json"])
    (['a.json'], ['a.json', 'a.json'])
    """
    parts = [name.split("/") for name in names]
    while all(len(part) > 1 for part in parts) and len({part[0] for part in parts}) == 1:
        parts = [part[1:] for part in parts]
    while all(len(part) > 1 for part in parts) and len({part[-1] for part in parts}) == 1:
        parts = [part[:-1] for part in parts]
    return ["/".join(part) for part in parts]


def curves(result: Audit, manifests: Sequence[Manifest]) -> Iterator[Figure]:
    """Yield a figure for each metric of a fit, every run over each other; losses come first.

    Last comes a table of what is not drawn: metrics of one value, evaluations, and metrics beyond
    the first few.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    names = short_names([judged.name for judged in result.manifests])
    found = [metric_series(manifest) for manifest in manifests]
    metrics = list(dict.fromkeys(name for series in found for name in series))
    metrics.sort(key=lambda metric: not metric.endswith("loss"))
    long = [metric for metric in metrics if any(len(item.get(metric, ())) > 1 for item in found)]
    shown = long[:_MOST_CURVES]
    for place, metric in enumerate(shown):
        series = [values.get(metric, ()) for values in found]
        yield _curve(f"curve-{place}", metric, names, series, lines=len(shown) * len(series))
    rows = [
        (metric, *(number((values.get(metric) or (None,))[-1]) for values in found))
        for metric in metrics
        if metric not in shown
    ]
    if rows:
        kept = rows[:_MOST_TABLED]
        yield Figure(
            title="Last values" if not shown else "Last values of other metrics",
            caption="",
            svg="",
            head=("metric", *names),
            rows=tuple(kept),
            left=f"{len(rows) - len(kept):,} more stand in the manifests."
            if len(kept) < len(rows)
            else "",
        )


def _curve(
    key: str,
    metric: str,
    names: Sequence[str],
    series: Sequence[Sequence[float | None]],
    *,
    lines: int,
) -> Figure:
    """Return one metric of every run, one of so many lines of the page."""
    drawn = []
    for name, values in zip(names, series, strict=True):
        points = [
            (float(epoch), value, f"{name}, epoch {epoch}: {number(value)}")
            for epoch, value in enumerate(values, start=1)
            if value is not None and math.isfinite(value)
        ]
        drawn.append(Series(name, tuple(_thinned(points, lines))))
    epochs = max((len(values) for values in series), default=0)
    rows = [
        (str(epoch), *(number(value) for value in values))
        for epoch, values in enumerate(zip_longest(*series), start=1)
    ]
    svg = ""
    if any(len(line.points) > 1 for line in drawn):
        title = f"{metric} by epoch, {counted(len(names), 'run')}"
        svg = line_chart(key, title, drawn, across="epoch")
    kept = _some(rows, _MOST_ROWS)
    return Figure(
        title=metric,
        caption=_agreement(series, drawn=bool(svg)),
        svg=svg,
        head=("epoch", *names),
        rows=tuple(kept),
        left=f"{len(kept)} of {epochs:,} epochs are listed." if len(kept) < len(rows) else "",
    )


def _agreement(series: Sequence[Sequence[float | None]], *, drawn: bool) -> str:
    """Say whether all runs have the same values."""
    if len(series) == 1:
        return ""
    if len({tuple(map(number, values)) for values in series}) > 1:
        return "Not every value is the same: the table shows all digits."
    lines = ", so the lines lie on one" if drawn else ""
    return f"Every value is the same in all runs, to the last bit{lines}."


def distances(result: Audit, manifests: Sequence[Manifest]) -> Figure | None:
    """Return how far the weights of each run are from the first run's, or None where none is.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    names = short_names([judged.name for judged in result.manifests])
    lines, rows = [], []
    for comparison in result.comparisons:
        name, timeline = names[comparison.actual], Timeline(manifests[comparison.expected])
        points = []
        for item in comparison.trace.distances if comparison.trace else ():
            step = timeline.place(item.fit, item.epoch, item.step)
            far = "nothing" if item.relative is None else f"{item.relative:.2e}"
            ulps = "" if item.median_ulps is None else f"{item.median_ulps:,}"
            rows.append((name, f"{step:,}", f"{item.differing:,} of {item.sampled:,}", far, ulps))
            if item.relative:
                text = f"{name}, step {step:,}: {far} of the weights' norm"
                points.append((float(step), item.relative, text))
        if points:
            lines.append(Series(name, tuple(_thinned(points, len(result.comparisons)))))
    if not lines:
        return None
    kept = _some(rows, _MOST_TABLED)
    return Figure(
        title="How far apart the weights are",
        caption=(
            "Norm of the difference over the norm of the weights, by samples of them, on a log "
            f"scale; against {names[0]}. About 1e-7 is one rounding of float32, 1 another network."
        ),
        svg=line_chart(
            "distance", "Distance of the weights by step, log scale", lines, across=_STEP, log=True
        ),
        head=("run", "step", "samples that differ", "relative distance", "median ULPs"),
        rows=tuple(kept),
        left=f"{len(kept)} of {len(rows):,} probes are listed." if len(kept) < len(rows) else "",
    )


def tensor_map(
    comparison: Comparison, manifests: Sequence[Manifest], names: Sequence[str]
) -> Figure | None:
    """Return which tensors differ from which step on, or None where no step is known.

    Args:
        comparison: The comparison.
        manifests: The manifests of the audit, in its order.
        names: What each is called.
    """
    trace = comparison.trace
    if trace is None or not trace.partings:
        return None
    timeline = Timeline(manifests[comparison.expected])
    spans, rows = [], []
    for parting in trace.partings[:_MOST_TABLED]:
        column = parting.column
        kind = _WORDS.get(column.kind, column.kind)
        step = timeline.place(parting.fit, parting.epoch, parting.step)
        where = f"step {parting.step:,} of epoch {parting.epoch:,}"
        rows.append((column.name, kind, where, f"{step:,}"))
        end = max(timeline.steps, step) + 0.5
        spans.append(Span(column.name, step - 0.5, end, kind, f"{column.name} ({kind}): {where}"))
    shown = spans[:_MOST_SPANS]
    left = len(trace.partings) - len(rows)
    drawn = f"; the first {len(shown)} are drawn" if len(shown) < len(trace.partings) else ""
    title = f"What differs in {names[comparison.actual]}, and from which step on"
    return Figure(
        title=title,
        caption=(
            f"{len(trace.partings):,} of {trace.columns:,} things that a step is made of differ, "
            f"each from where its bar begins to the end{drawn}."
        ),
        svg=span_chart(f"map-{comparison.actual}", title, shown, across=_STEP),
        head=("what", "kind", "differs from", "step of the run"),
        rows=tuple(rows),
        left=f"{left:,} more are in the JSON of this audit." if left else "",
    )


def _thinned(
    points: Sequence[tuple[float, float, str]], lines: int
) -> Sequence[tuple[float, float, str]]:
    """Return so many points that a page of all lines stays small."""
    return _some(points, min(_MOST_POINTS, max(12, _MOST_POINTS_OF_ALL // lines)))


def _some(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many items, evenly apart, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[round(index * last / (most - 1))] for index in range(most)]
