"""How two runs diverge: how the distance of their weights grows, and what differs since when."""

from __future__ import annotations

from collections.abc import Sequence

from repro_audit.audit import Audit
from repro_audit.compare import Comparison
from repro_audit.manifest import Manifest
from repro_audit.report.charts import Series, Span, line_chart, span_chart
from repro_audit.report.figure import Figure, short_names, some
from repro_audit.report.summary import ulp_count
from repro_audit.wording import step_name

__all__ = ["distances", "tensor_map"]

_MAX_POINTS = 600
_MAX_SPANS = 40
_MAX_ROWS = 200
_STEP = "step of the run"
_WORDS = {"random": "random state", "loss": "running loss or metric"}


def distances(result: Audit, manifests: Sequence[Manifest]) -> Figure | None:
    """Return how far the weights of each run are from the first run's.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.

    Returns:
        A chart and a table; None where no distance is known.
    """
    names = short_names([judged.name for judged in result.manifests])
    lines, rows = [], []
    several_fits = any(manifest.has_several_fits for manifest in manifests)
    each = max(12, _MAX_POINTS // max(len(result.comparisons), 1))
    for comparison in result.comparisons:
        name = names[comparison.actual]
        points = []
        for item in comparison.trace.distances if comparison.trace else ():
            where = step_name(item.step, item.epoch, item.fit if several_fits else None)
            far = "not known" if item.relative is None else f"{item.relative:.2e}"
            ulps = "" if item.median_ulps is None else ulp_count(item.median_ulps)
            rows.append((name, where, f"{item.differing:,} of {item.sampled:,}", far, ulps))
            if item.relative and item.position is not None:
                text = f"{name}, {where}: {far} of the weights' norm"
                points.append((float(item.position), item.relative, text))
        if points:
            lines.append(Series(name, tuple(some(points, each))))
    if not lines:
        return None
    kept = some(rows, _MAX_ROWS)
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
    """Return which tensors are seen to differ since which step.

    Args:
        comparison: The comparison.
        manifests: The manifests of the audit, in its order.
        names: What each is called.

    Returns:
        A chart and a table; None where no step is known.
    """
    trace = comparison.trace
    if trace is None or not trace.partings:
        return None
    several_fits = any(manifest.has_several_fits for manifest in manifests)
    known = [item.position for item in trace.partings if item.position is not None]
    end = max([manifests[comparison.expected].steps, *known]) + 0.5
    spans, rows = [], []
    for parting in trace.partings[:_MAX_ROWS]:
        name, kind = parting.column.name, _WORDS.get(parting.column.kind, parting.column.kind)
        where = step_name(parting.step, parting.epoch, parting.fit if several_fits else None)
        rows.append((name, kind, where))
        if parting.position is not None:
            text = f"{name} ({kind}): {where}"
            spans.append(Span(name, parting.position - 0.5, end, kind, text))
    shown, left = spans[:_MAX_SPANS], len(trace.partings) - len(rows)
    stride = 1 if trace.step is None else trace.step.stride
    said = [f"{len(trace.partings):,} of the things that a step is made of are seen to differ."]
    if shown:
        said.append("Each bar begins where that is seen first; what comes after is not looked at.")
    if stride > 1:
        said.append(f"Every {stride:,}th step was traced, so each may differ earlier.")
    elif stride == 0:
        said.append("Only the ends of epochs were traced, so each may differ earlier.")
    if shown and len(shown) < len(trace.partings):
        said.append(f"The first {len(shown)} are drawn.")
    title = f"What differs in {names[comparison.actual]}, and since which step"
    return Figure(
        title=title,
        caption=" ".join(said),
        svg=span_chart(f"map-{comparison.actual}", title, shown, across=_STEP) if shown else "",
        head=("what", "kind", "first seen to differ"),
        rows=tuple(rows),
        left=f"{left:,} more are in the JSON of this audit." if left else "",
    )
