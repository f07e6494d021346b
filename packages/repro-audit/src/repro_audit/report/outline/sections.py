"""The sections of a report, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from repro_audit.audit import Audit
from repro_audit.manifest import Manifest
from repro_audit.report.figure import short_names
from repro_audit.report.outline.comparisons import comparisons
from repro_audit.report.outline.experiments import experiments
from repro_audit.report.outline.ladder import how_to_measure, ladder_sections
from repro_audit.report.outline.runs import claims, findings, runs
from repro_audit.report.outline.subject import Extent, Subject
from repro_audit.report.outline.tree import Outline, Section
from repro_audit.report.summary import COMPARED, beside_the_verdict, evidence_of, headline

__all__ = ["outline"]


def outline(result: Audit, manifests: Sequence[Manifest], extent: Extent) -> Outline:
    """Return an audit as a tree of what a report shows.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
        extent: How much a reader is shown: ``short`` for a screen, ``full``, or a whole ``page``.

    Returns:
        The tree, with text as it is: whoever renders it escapes it.
    """
    names = [judged.name for judged in result.manifests]
    subject = Subject(
        result, tuple(manifests), tuple(short_names(names) if extent == "page" else names), extent
    )
    return Outline(
        headline=headline(result),
        # After a repeat that left one manifest or none nothing was compared.
        evidence=evidence_of(result) if result.comparisons or subject.is_single else "",
        compared=f"{'Compared' if result.comparisons else 'Recorded'}: {COMPARED[result.evidence]}",
        beside=tuple(beside_the_verdict(result)),
        sections=tuple(sections(subject)),
    )


def sections(subject: Subject) -> Iterator[Section]:
    """Yield every section, in the order of a report.

    Args:
        subject: What is reported, and to which extent.
    """
    yield from runs(subject)
    yield from comparisons(subject)
    yield from ladder_sections(subject)
    yield from findings(subject)
    yield from claims(subject)
    yield from how_to_measure(subject)
    yield from experiments(subject)
    if subject.extent == "page":
        from repro_audit.report.outline.page import page_only  # what draws: no other report does

        yield from page_only(subject)
