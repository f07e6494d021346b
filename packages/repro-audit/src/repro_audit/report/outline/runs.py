"""The sections on single runs: what each was, what was found in it, which claims it bears out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from repro_audit.audit import AuditedManifest, Claim, Finding
from repro_audit.manifest import Manifest
from repro_audit.report.outline.subject import Subject
from repro_audit.report.outline.tree import (
    Code,
    Fact,
    Facts,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    line,
)
from repro_audit.report.summary import although, claims_summary, summarize
from repro_audit.wording import counted, listed

__all__ = ["claims", "facts", "findings", "runs"]

_MAX_NAMES = 12


def runs(subject: Subject) -> Iterator[Section]:
    """Yield what the runs are, and which of them are alike."""
    result = subject.result
    if subject.extent == "page" and subject.manifests:
        parts: list[Facts | Table] = [summary(subject.manifests[0])]
        if len(subject.manifests) > 1:
            parts.append(_table_of_runs(subject))
        yield Section(title=(), children=tuple(parts))
    if len(result.manifests) > 2 and result.groups:
        groups = counted(len(result.groups), "group")
        most = _MAX_NAMES if subject.extent == "page" else len(subject.names)
        title = f"{len(result.manifests)} runs in {groups} of identical outcomes:"
        rows = [
            (f"group {number}", listed((subject.names[index] for index in members), most))
            for number, members in enumerate(result.groups, start=1)
        ]
        yield Section(title=line(Span(title, "strong")), children=(facts(rows),))


def findings(subject: Subject) -> Iterator[Section]:
    """Yield what the rules found in each run; where several are compared in short, only which."""
    if subject.is_single:
        yield from _of_single(subject)
    elif subject.extent == "page":
        yield from _of_alike(subject)
    elif subject.extent == "full":
        yield from _of_each(subject)
    elif subject.result.comparisons:
        yield from _codes(subject)


def claims(subject: Subject) -> Iterator[Section]:
    """Yield which of the published numbers a run has."""
    result = subject.result
    if not result.claims:
        return
    tables = [
        (name, _table_of_claims([item for item in result.claims if item.manifest == position]))
        for position, name in enumerate(subject.names)
    ]
    children: tuple[Table | Section, ...] = tuple(table for _, table in tables)
    if len(tables) > 1:
        children = tuple(
            Section(title=line(Span(name, "name")), children=(table,)) for name, table in tables
        )
    yield Section(
        title=line(Span("Claims", "strong")),
        said=line(claims_summary(result)),
        children=children,
    )


def _table_of_claims(checked: Sequence[Claim]) -> Table:
    rows = [
        Row(
            (
                line(Span(claim.metric, "name")),
                line(Span(claim.verdict, "verdict")),
                line(Span(claim.claimed, "name")),
                line(Span(claim.text, "soft")),
            )
        )
        for claim in checked
    ]
    return Table("Claims", ("metric", "verdict", "claimed", "detail"), tuple(rows))


def facts(rows: Sequence[tuple[str, str]]) -> Facts:
    """Return pairs of our own word and a text as facts."""
    return Facts(tuple(Fact(Span(label), line(text)) for label, text in rows))


def summary(manifest: Manifest) -> Facts:
    """Return what there is to know of a run at a glance."""
    return facts(tuple(summarize(manifest)))


def _table_of_runs(subject: Subject) -> Table:
    rows = [
        Row(
            (
                line(name, Span(" (expected)" if index == 0 else "", "soft")),
                line(Span(judged.name, "name")),
                line(Span(judged.run_id[:8], "name")),
                line(Span(judged.verdict, "verdict")),
            )
        )
        for index, (name, judged) in enumerate(
            zip(subject.names, subject.result.manifests, strict=True)
        )
    ]
    return Table("Runs", ("run", "file", "run id", "verdict alone"), tuple(rows))


def _of_single(subject: Subject) -> Iterator[Section]:
    (judged,) = subject.result.manifests
    found = tuple(map(_finding, judged.findings))
    count = Paragraph(line(_count(judged.findings)))
    if subject.extent == "page":
        yield Section(title=line(Span("Findings", "strong")), children=(*found, count))
        return
    yield Section(
        title=line(Span(judged.name, "name")),
        children=(summary(subject.manifests[0]), *found, count),
    )


def _explained(subject: Subject) -> tuple[Paragraph, ...]:
    """Return what a reader has to know who sees runs that are alike called uncontrolled."""
    said = although(subject.result)
    return (Paragraph(line(said)),) if said else ()


def _of_each(subject: Subject) -> Iterator[Section]:
    if explained := _explained(subject):
        yield Section(title=(), children=explained)
    for judged, manifest in zip(subject.result.manifests, subject.manifests, strict=True):
        yield Section(
            title=line(Span(judged.name, "name")),
            said=line(Span(judged.verdict, "verdict")),
            children=(summary(manifest), *map(_finding, judged.findings)),
        )


def _of_alike(subject: Subject) -> Iterator[Section]:
    """Yield one section, in which runs that share their findings stand together."""
    alike: dict[Any, list[str]] = {}
    for name, judged in zip(subject.names, subject.result.manifests, strict=True):
        alike.setdefault((judged.verdict, judged.findings), []).append(name)
    children = [
        Section(
            title=line(listed(names, _MAX_NAMES)),
            said=line(Span(verdict, "verdict")),
            children=tuple(map(_finding, found)) or (Paragraph(line("No findings.")),),
        )
        for (verdict, found), names in alike.items()
    ]
    if children:
        yield Section(
            title=line(Span("Findings", "strong")), children=(*_explained(subject), *children)
        )


def _codes(subject: Subject) -> Iterator[Section]:
    noted = [item for item in subject.result.manifests if item.findings]
    if noted:
        rows = [
            Row(
                (
                    line(Span(item.name, "name")),
                    line(
                        _judged(item),
                        ", ".join(dict.fromkeys(finding.code for finding in item.findings)),
                    ),
                )
            )
            for item in noted
        ]
        yield Section(
            title=line(Span("Findings in single manifests (repro-audit FILE shows them):", "soft")),
            children=(Table("Findings", ("run", "findings"), tuple(rows)), *_explained(subject)),
        )


def _judged(item: AuditedManifest) -> str:
    """Say what a manifest is, and why where it is not controlled."""
    said = item.verdict if item.verdict == "controlled" else f"{item.verdict} ({item.reason})"
    return f"{said}: "


def _finding(finding: Finding) -> Section:
    return Section(
        title=line(Span(finding.code, "strong"), " ", Span(finding.severity, "verdict")),
        said=line(finding.title),
        children=(
            Paragraph(line(finding.seen)),
            Paragraph(line(Span(finding.why, "soft"))),
            Code(finding.remedy),
        ),
    )


def _count(found: Sequence[Finding]) -> str:
    if not found:
        return "No findings."
    severities = [finding.severity for finding in found]
    counts = [
        counted(severities.count(name), name)
        if name != "info"
        else f"{severities.count(name)} info"
        for name in ("error", "warning", "info")
        if name in severities
    ]
    return f"{', '.join(counts)}. More on one: repro-audit explain {found[0].code}"
