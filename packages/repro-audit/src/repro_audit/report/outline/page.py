"""The sections that only a page has: curves, maps of steps, conditions and digests."""

from __future__ import annotations

from collections.abc import Iterator

from repro_audit.audit import AuditedManifest
from repro_audit.manifest import Manifest
from repro_audit.report import curves, divergence
from repro_audit.report.condition_table import Part, side_by_side
from repro_audit.report.outline.comparisons import MAX_EXPLAINED, same_explanation
from repro_audit.report.outline.runs import facts
from repro_audit.report.outline.subject import Subject
from repro_audit.report.outline.tree import (
    Listing,
    Node,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    line,
)
from repro_audit.wording import counted

__all__ = ["page_only"]

_MAX_MISSING = 40


def page_only(subject: Subject) -> Iterator[Section]:
    """Yield the sections of a page that no other report has."""
    figures = tuple(curves.curves(subject.result, subject.manifests))
    if figures:
        yield Section(title=line(Span("Metrics", "strong")), children=figures)
    steps = tuple(_steps(subject))
    if steps:
        yield Section(title=line(Span("Step by step", "strong")), children=steps)
    conditions = tuple(_conditions(subject))
    if conditions:
        yield Section(title=line(Span("Conditions", "strong")), children=conditions)
    yield Section(
        title=line(Span("Provenance and digests", "strong")), children=tuple(_provenance(subject))
    )


def _steps(subject: Subject) -> Iterator[Node]:
    """Yield how fast runs diverge, and what differs since when."""
    distances = divergence.distances(subject.result, subject.manifests)
    if distances is not None:
        yield distances
    for first, *_ in same_explanation(subject.result.comparisons)[:MAX_EXPLAINED]:
        found = divergence.tensor_map(first, subject.manifests, subject.names)
        if found is not None:
            yield found


def _conditions(subject: Subject) -> Iterator[Node]:
    """Yield the conditions that differ, then those that do not, folded."""
    sides = side_by_side(subject.manifests)
    if sides.differing:
        rows = [
            Row(
                (
                    line(Span(path, "name")),
                    *(
                        line(Span(cell, "changed" if changed else "name"))
                        for cell, changed in cells
                    ),
                )
            )
            for path, cells in sides.differing
        ]
        yield Table("Conditions that differ", ("condition", *subject.names), tuple(rows))
        if sides.left:
            left = counted(sides.left, "further condition")
            yield Paragraph(line(Span(f"{left} that differ stand in the manifests.", "soft")))
    elif len(subject.manifests) > 1:
        # A history holds none.
        known = [item for manifest in subject.manifests for item in manifest.conditions if item]
        said = "No recorded condition differs." if known else "No condition was recorded."
        yield Paragraph(line(said))
    for part in sides.equal:
        yield _equal(part, several=len(subject.manifests) > 1)


def _equal(part: Part, *, several: bool) -> Section:
    rows = [Row((line(Span(path, "name")), line(Span(cell, "name")))) for path, cell in part.rows]
    children: list[Node] = [Table(f"Conditions: {part.name}", (part.name, "value"), tuple(rows))]
    if part.left:
        children.append(Paragraph(line(Span(f"{part.left} more stand in the manifest.", "soft"))))
    same = ", the same in every run" if several else ""
    return Section(
        title=line(part.name),
        said=line(f"{counted(len(part.rows) + part.left, 'value')}{same}"),
        children=tuple(children),
        folded=True,
    )


def _provenance(subject: Subject) -> Iterator[Node]:
    """Yield the processes of a repeat, and where each manifest comes from."""
    if subject.result.runs:
        rows = [
            Row((line(run.name), line(str(run.exit_code)), line(run.status), line(str(run.steps))))
            for run in subject.result.runs
        ]
        yield Table("Processes", ("process", "exit code", "status", "steps"), tuple(rows))
    for name, judged, manifest in zip(
        subject.names, subject.result.manifests, subject.manifests, strict=True
    ):
        yield Section(
            title=line(name),
            said=line(f"manifest {(judged.digest or 'without a digest')[:19]}"),
            children=tuple(_origin(judged, manifest)),
            folded=True,
        )


def _origin(judged: AuditedManifest, manifest: Manifest) -> Iterator[Node]:
    digests = manifest.outcomes.digests
    yield facts(
        (
            ("file", judged.name),
            ("run id", manifest.run_id),
            ("status", manifest.status),
            ("recorded by", manifest.recorder),
            ("started", manifest.information.started or "not recorded"),
            ("manifest", judged.digest or "no digest"),
            ("initial weights", digests.initial_weights or "not recorded"),
            ("history", digests.history or "not recorded"),
            ("final state", digests.final_state or "not recorded"),
            ("trace", digests.trace or "not recorded"),
        )
    )
    if manifest.missing:
        yield Paragraph(line("What could not be recorded:"))
        items = (
            line(Span(item.path, "name"), f": {item.reason}")
            for item in manifest.missing[:_MAX_MISSING]
        )
        yield Listing(tuple(items))
