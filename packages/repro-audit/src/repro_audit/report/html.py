"""An audit as one HTML file: nothing else is loaded, and whatever came from a manifest is escaped.

The page has a policy of its own that lets it load nothing and run nothing, so that even a
mistake in escaping would not let a manifest act.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from repro_audit.audit import Audit, AuditedManifest
from repro_audit.compare import Comparison
from repro_audit.errors import missing_extra, printable
from repro_audit.manifest import Manifest
from repro_audit.report import experiments, figures, sides, steps, summary
from repro_audit.wording import counted

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = ["render_html"]

_LONGEST = 1000
_MOST_EXPLAINED = 3
_EVIDENCE = {
    "trace": "every step that was traced and every weight after every epoch, bit for bit",
    "weights": "every weight after every epoch and at the end, bit for bit",
    "history": "the values of the history alone, and weights can differ where those agree",
    "none": "nothing",
}


def render_html(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return an audit as a page that needs nothing but itself.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.

    Raises:
        MissingExtraError: ``repro-audit[paper]`` is not installed.
    """
    template = _template()
    names = figures.short_names([judged.name for judged in result.manifests])
    parted = _alike(item for item in result.comparisons if item.first_difference is not None)
    return template.render(
        audit=result,
        manifests=manifests,
        names=names,
        style=_read("report.css"),
        compared=_EVIDENCE[result.evidence],
        summary=dict(summary.summarize(manifests[0])) if manifests else {},
        explained=[_explained(item, result, manifests, names) for item in parted[:_MOST_EXPLAINED]],
        unexplained=sum(map(len, parted[_MOST_EXPLAINED:])),
        findings=_findings(result, names),
        curves=list(figures.curves(result, manifests)),
        distances=figures.distances(result, manifests),
        differing=sides.differing(result),
        equal=sides.equal(result, manifests) if manifests else [],
        version=version("repro-audit"),
    )


def _alike(comparisons: Iterable[Comparison]) -> list[list[Comparison]]:
    """Put comparisons together that part at the same place and for the same reasons."""
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
        "map": figures.tensor_map(comparison, manifests, names),
        "confirming": experiments.confirming(comparison, result),
    }


def _findings(result: Audit, names: Sequence[str]) -> list[tuple[list[str], AuditedManifest]]:
    """Return each manifest with findings of its own, and the names of all that share them."""
    found: dict[Any, tuple[list[str], AuditedManifest]] = {}
    for name, judged in zip(names, result.manifests, strict=True):
        found.setdefault((judged.verdict, judged.findings), ([], judged))[0].append(name)
    return list(found.values())


@functools.cache
def _template() -> Template:
    """Return the page's template."""
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        what = "an HTML report"
        raise missing_extra(what) from error
    environment: Environment = Environment(
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        claims_summary=summary.claims_summary,
        counted=counted,
        number=summary.number,
        how_far=summary.distance,
        shared_state_read=summary.shared_state_read,
        no_cause=summary.NO_CAUSE,
        no_cause_means=summary.NO_CAUSE_MEANS,
        envelope_facts=experiments.envelope_facts,
        factor_states=experiments.factor_states,
        factor_distances=experiments.distances,
        spread_summary=experiments.spread_summary,
        spread_line=experiments.spread_line,
        confirmed={True: "confirmed", False: "not confirmed", None: "not decided"},
    )
    return environment.from_string(_read("report.html.jinja"))


def _harmless(value: Any) -> Any:
    """Return what an expression of the template shows: one line, not long, escaped after this."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    shown = printable(value)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
