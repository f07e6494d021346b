"""An audit as one HTML file: nothing else is loaded, and whatever came from a manifest is escaped.

The page has a policy of its own that lets it load nothing and run nothing, so that even a
mistake in escaping would not let a manifest act.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from repro_audit.audit import Audit, AuditedManifest
from repro_audit.compare import Comparison
from repro_audit.manifest import Manifest
from repro_audit.report import experiments, parting, steps
from repro_audit.report.curves import curves
from repro_audit.report.figure import short_names
from repro_audit.report.sides import side_by_side
from repro_audit.report.summary import COMPARED, headline, summarize
from repro_audit.report.templates import read, template

__all__ = ["render_html"]

_MOST_EXPLAINED = 3


def render_html(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return an audit as a page that needs nothing but itself.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.

    Raises:
        MissingExtraError: ``repro-audit[paper]`` is not installed.
    """
    page = template("report.html.jinja")
    names = short_names([judged.name for judged in result.manifests])
    parted = _alike(item for item in result.comparisons if item.first_difference is not None)
    return page.render(
        audit=result,
        manifests=manifests,
        names=names,
        style=read("report.css"),
        compared=COMPARED[result.evidence],
        headline=headline(result),
        summary=dict(summarize(manifests[0])) if manifests else {},
        explained=[_explained(item, result, manifests, names) for item in parted[:_MOST_EXPLAINED]],
        unexplained=sum(map(len, parted[_MOST_EXPLAINED:])),
        findings=_findings(result, names),
        curves=list(curves(result, manifests)),
        distances=parting.distances(result),
        sides=side_by_side(manifests),
        version=version("repro-audit"),
    )


def _alike(comparisons: Iterable[Comparison]) -> list[list[Comparison]]:
    """Put comparisons together that diverge at the same place and for the same reasons."""
    found: dict[Any, list[Comparison]] = {}
    for item in comparisons:
        causes = tuple((cause.certainty, cause.title) for cause in item.causes)
        found.setdefault((item.first_difference, causes), []).append(item)
    return list(found.values())


def _explained(
    alike: Sequence[Comparison],
    result: Audit,
    manifests: Sequence[Manifest],
    names: Sequence[str],
) -> dict[str, Any]:
    """Return what the page says of comparisons that are alike, by the first of them."""
    comparison = alike[0]
    return {
        "comparison": comparison,
        "others": [item.actual for item in alike[1:]],
        "facts": steps.step_facts(comparison.trace) if comparison.trace else [],
        "map": parting.tensor_map(comparison, manifests, names),
        "confirming": experiments.confirming(comparison, result),
    }


def _findings(result: Audit, names: Sequence[str]) -> list[tuple[list[str], AuditedManifest]]:
    """Return each manifest with findings of its own, and the names of all that share them."""
    found: dict[Any, tuple[list[str], AuditedManifest]] = {}
    for name, judged in zip(names, result.manifests, strict=True):
        found.setdefault((judged.verdict, judged.findings), ([], judged))[0].append(name)
    return list(found.values())
