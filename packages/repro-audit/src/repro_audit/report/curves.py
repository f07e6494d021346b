"""Metrics by epoch, every run over each other, as charts with the tables of their values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from repro_audit.audit import Audit
from repro_audit.compare import same_value
from repro_audit.manifest import Manifest, MetricLine, metric_lines, metric_series
from repro_audit.report.charts import Band, Series, line_chart
from repro_audit.report.figure import Figure, short_names, some
from repro_audit.report.summary import number
from repro_audit.wording import counted

__all__ = ["curves"]

_MAX_CHARTS = 6
_MAX_LINES = 24
_MAX_POINTS = 200
_MAX_POINTS_OF_ALL = 1500
_MAX_CELLS = 600
_MAX_ROWS = 60
_MAX_DIFFERING = 20
_MAX_METRICS = 200
_MAX_VALUE = 1e100
"""What is larger no chart is drawn with."""


class _Line(NamedTuple):
    """One metric of one fit of one run."""

    name: str
    run: int
    of: MetricLine

    def at(self, epoch: int) -> float | None:
        epochs = self.of.epochs or range(0)
        return self.of.values[epochs.index(epoch)] if epoch in epochs else None


def curves(result: Audit, manifests: Sequence[Manifest]) -> Iterator[Figure]:
    """Yield a figure for each metric of a fit, every run and fold over each other; losses first.

    Last comes a table of what is not drawn: metrics of one value, evaluations, and metrics beyond
    the first few.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    names = short_names([judged.name for judged in result.manifests])
    found: dict[str, list[_Line]] = {}
    for run, (name, manifest) in enumerate(zip(names, manifests, strict=True)):
        several = len(manifest.outcomes.fits) > 1
        for line in metric_lines(manifest):
            title = f"{name} fit {line.fit + 1}" if several else name
            found.setdefault(line.metric, []).append(_Line(title, run, line))
    metrics = sorted(found, key=lambda metric: not metric.endswith("loss"))
    long = [
        metric
        for metric in metrics
        if any(line.of.epochs is not None and len(line.of.values) > 1 for line in found[metric])
    ]
    shown = long[:_MAX_CHARTS]
    drawn = sum(min(len(found[metric]), _MAX_LINES) for metric in shown)
    for place, metric in enumerate(shown):
        lines = [line for line in found[metric] if line.of.epochs is not None]
        points = min(_MAX_POINTS, max(8, _MAX_POINTS_OF_ALL // drawn))
        bands = _bands(result, metric, lines)
        yield _curve(f"curve-{place}", metric, lines, names, points, bands)
    yield from _last_values(names, manifests, shown)


def _curve(
    key: str,
    metric: str,
    lines: Sequence[_Line],
    names: Sequence[str],
    points: int,
    bands: Sequence[Band],
) -> Figure:
    """Return one metric of every run, with so many points of each line."""
    epochs = _all_epochs(lines)
    differing = list(_differing(lines, epochs))
    kept = sorted({*some(epochs, points), *some(differing, max(2, points // 4))})
    left_out = False
    series = []
    for line in lines[:_MAX_LINES]:
        drawn = []
        for epoch in kept:
            if line.of.epochs is None or epoch not in line.of.epochs:
                continue
            value = line.at(epoch)
            drawable = value is not None and math.isfinite(value) and abs(value) < _MAX_VALUE
            left_out = left_out or not drawable
            text = f"{line.name}, epoch {epoch}: {number(value)}"
            drawn.append(
                (float(epoch), value if drawable and value is not None else math.nan, text)
            )
        series.append(Series(line.name, tuple(drawn)))
    svg = ""
    if any(sum(math.isfinite(value) for _, value, _ in line.points) > 1 for line in series):
        title = f"{metric} by epoch, {counted(len(series), 'line')}"
        svg = line_chart(key, title, series, across="epoch", bands=bands)
    said = [
        *_agreement(lines, names, differing, drawn=bool(svg)),
        *(["A band is where one more run of the ensemble may lie."] if svg and bands else []),
        *(["A gap is a value that is not finite, or too large to draw."] if left_out else []),
    ]
    if svg and len(kept) < len(epochs):
        said.append(f"{len(kept):,} of {len(epochs):,} epochs are drawn.")
    if len(lines) > _MAX_LINES:
        said.append(f"{_MAX_LINES} of {len(lines):,} lines are shown.")
    rows, left = _table(lines[:_MAX_LINES], epochs, differing)
    head = ("epoch", *(line.name for line in lines[:_MAX_LINES]))
    return Figure(metric, " ".join(said), svg, head, rows, left)


def _bands(result: Audit, metric: str, lines: Sequence[_Line]) -> list[Band]:
    """Return where runs of an ensemble may lie at each epoch, other seeds before rounding."""
    rungs = result.ladder[0].rungs if result.ladder else ()
    epochs = lines[0].of.epochs if lines else None
    bands = []
    for rung in reversed(rungs):
        found = sorted(
            (float(epochs[value.position - 1]), value.low, value.high)
            for value in rung.values
            if epochs is not None and value.metric == metric and value.position <= len(epochs)
        )
        # One epoch has no width that a band could be seen by.
        if len(found) > 1 and all(math.isfinite(end) for _, *ends in found for end in ends):
            bands.append(Band(f"{rung.name}, {counted(rung.runs, 'run')}", tuple(found)))
    return bands


def _table(
    lines: Sequence[_Line], epochs: Sequence[int], differing: Sequence[int]
) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Return the rows of a figure's table, epochs that differ among them, and what is left out."""
    most = min(_MAX_ROWS, max(8, _MAX_CELLS // max(len(lines), 1)))
    kept = sorted({*some(epochs, most), *some(differing, _MAX_DIFFERING)})
    rows = tuple((str(epoch), *(number(line.at(epoch)) for line in lines)) for epoch in kept)
    left = f"{len(kept):,} of {len(epochs):,} epochs are listed."
    return rows, left if len(kept) < len(epochs) else ""


def _all_epochs(lines: Sequence[_Line]) -> Sequence[int]:
    """Return the epochs that any line has."""
    ranges = {line.of.epochs for line in lines if line.of.epochs is not None}
    if len(ranges) == 1:
        return ranges.pop()
    return sorted({epoch for epochs in ranges for epoch in epochs})


def _differing(lines: Sequence[_Line], epochs: Sequence[int]) -> Iterator[int]:
    """Yield the epochs at which runs that have a value there do not have the same."""
    alike: dict[int, list[_Line]] = {}
    for line in lines:
        alike.setdefault(line.of.fit, []).append(line)
    pairs = [
        (first, other)
        for first, *others in alike.values()
        for other in others
        if first.of.values != other.of.values or first.of.epochs != other.of.epochs
    ]
    for epoch in epochs if pairs else ():
        for first, other in pairs:
            has = all(epoch in (line.of.epochs or ()) for line in (first, other))
            if has and not same_value(first.at(epoch), other.at(epoch)):
                yield epoch
                break


def _agreement(
    lines: Sequence[_Line], names: Sequence[str], differing: Sequence[int], *, drawn: bool
) -> Iterator[str]:
    """Say whether the runs have the same values, and which has none."""
    if len(names) == 1:
        return
    lacking = [name for run, name in enumerate(names) if all(line.run != run for line in lines)]
    if differing:
        yield (
            f"The runs differ in {counted(len(differing), 'epoch')}, first in epoch "
            f"{differing[0]:,}; the table shows all digits."
        )
    elif len({(line.of.fit, line.of.epochs) for line in lines}) > len(
        {line.of.fit for line in lines}
    ):
        yield "The runs have other epochs; what both have is the same to the last bit."
    elif len(lacking) < len(names) - 1:
        lie = ", so the lines lie on one" if drawn else ""
        yield f"Every value is the same in all runs that have it, to the last bit{lie}."
    if lacking:
        yield f"{', '.join(lacking[:8])} {'has' if len(lacking) == 1 else 'have'} none."


def _last_values(
    names: Sequence[str], manifests: Sequence[Manifest], shown: Sequence[str]
) -> Iterator[Figure]:
    """Yield a table of the metrics that are not drawn, with the last value of each run."""
    found = [metric_series(manifest) for manifest in manifests]
    rows = []
    for metric in dict.fromkeys(name for series in found for name in series):
        fit, _, base = metric.rpartition(" ")
        if not (metric in shown or (fit.startswith("fit ") and base in shown)):
            last = ((values.get(metric) or (None,))[-1] for values in found)
            rows.append((metric, *map(number, last)))
    most = min(_MAX_METRICS, max(20, _MAX_CELLS // len(names))) if names else 0
    if rows:
        yield Figure(
            title="Last values of other metrics" if shown else "Last values",
            caption="",
            svg="",
            head=("metric", *names),
            rows=tuple(rows[:most]),
            left=f"{len(rows) - most:,} more stand in the manifests." if len(rows) > most else "",
        )
