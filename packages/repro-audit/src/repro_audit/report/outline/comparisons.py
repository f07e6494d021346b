"""The sections on comparisons: how outcomes compare, where two runs diverge first, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from repro_audit.compare import Cause, Comparison
from repro_audit.compare.cause_titles import changes
from repro_audit.report.outline.experiments import confirming
from repro_audit.report.outline.runs import facts
from repro_audit.report.outline.subject import Subject
from repro_audit.report.outline.tree import (
    Code,
    Curve,
    Fact,
    Facts,
    Listing,
    Node,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    line,
)
from repro_audit.report.steps import growth, step_facts
from repro_audit.report.summary import (
    NO_CAUSE,
    NO_CAUSE_MEANS,
    NO_SETTINGS,
    NO_SETTINGS_MEANS,
    distance,
    number,
)
from repro_audit.wording import counted, listed

__all__ = ["comparisons", "same_explanation"]

MAX_EXPLAINED = 3
"""Differences that a page explains."""

_MAX_NAMES = 12
_MAX_TENSORS = 3
_MAX_CONDITIONS = 4


def comparisons(subject: Subject) -> Iterator[Section]:
    """Yield each comparison; on a page with many, those that are alike only once."""
    several = len(subject.result.comparisons) > 1
    if several and subject.extent == "page":
        yield from _explained(subject)
        yield _each_run(subject)
        return
    for comparison in subject.result.comparisons:
        children = tuple(_comparison(subject, comparison))
        if subject.extent != "short":
            if not comparison.fields:
                nothing = Paragraph(line(f"Nothing was compared: {comparison.reason}."))
                children = (nothing, *children)
            yield _against(subject, comparison, children)
            continue
        title, said = line(Span(comparison.verdict, "verdict")), line(comparison.reason)
        whose = _whose(subject, comparison)
        # What a comparison alone comes to, the headline says.
        yield Section(
            title=title if several else (),
            said=said if several else (),
            children=(whose, *children),
        )


def same_explanation(compared: Iterable[Comparison]) -> list[list[Comparison]]:
    """Put comparisons together that diverge at the same place and for the same reasons.

    Args:
        compared: The comparisons; what does not diverge is left out.
    """
    found: dict[Any, list[Comparison]] = {}
    for item in compared:
        if item.first_difference is not None:
            causes = tuple((cause.certainty, cause.title) for cause in item.causes)
            found.setdefault((item.first_difference, causes), []).append(item)
    return list(found.values())


def _explained(subject: Subject) -> Iterator[Section]:
    parted = same_explanation(subject.result.comparisons)
    for first, *others in parted[:MAX_EXPLAINED]:
        children = list(_outcomes(subject, first))
        if others:
            names = listed((subject.names[item.actual] for item in others), _MAX_NAMES)
            children.insert(
                0, Paragraph(line(f"For the same reasons these diverge there, too: {names}."))
            )
        yield _against(subject, first, tuple(children))
    left = sum(map(len, parted[MAX_EXPLAINED:]))
    if left:
        text = f"{counted(left, 'further comparison')} with a difference: see the outcomes below, "
        yield Section(title=(), children=(Paragraph(line(text + "or compare two runs alone.")),))


def _each_run(subject: Subject) -> Section:
    rows = []
    for comparison in subject.result.comparisons:
        lacking = [item for item in comparison.fields if item.verdict in {"differ", "missing"}]
        said = "; ".join(
            f"{item.field} ({item.verdict}{': ' if item.detail else ''}{item.detail})"
            for item in lacking
        )
        if not comparison.fields:
            said = comparison.reason
        elif not lacking:
            said = f"nothing: {counted(len(comparison.fields), 'layer')} match"
        name, verdict = subject.names[comparison.actual], Span(comparison.verdict, "verdict")
        rows.append(Row((line(name), line(verdict), line(said))))
    head = ("run", "verdict", "what differs or is missing")
    return Section(
        title=line(Span("Outcomes, layer by layer", "strong")),
        children=(
            Paragraph(line(f"Each run against {subject.names[0]}.")),
            Table("Outcomes of each run", head, tuple(rows)),
        ),
    )


def _against(subject: Subject, comparison: Comparison, children: tuple[Node, ...]) -> Section:
    return Section(
        title=line(
            Span(subject.names[comparison.actual], "name"),
            " against ",
            Span(subject.names[comparison.expected], "name"),
        ),
        said=line(Span(comparison.verdict, "verdict")),
        children=children,
    )


def _whose(subject: Subject, comparison: Comparison) -> Facts:
    """Return which runs are compared."""
    return Facts(
        tuple(
            Fact(
                Span(role),
                line(
                    Span(subject.result.manifests[index].name, "name"),
                    Span(f"  {subject.manifests[index].run_id[:8]}", "soft"),
                ),
            )
            for role, index in (("expected", comparison.expected), ("actual", comparison.actual))
        )
    )


def _comparison(subject: Subject, comparison: Comparison) -> Iterator[Node]:
    """Yield how each outcome compares, and what follows from it."""
    several = len(subject.result.comparisons) > 1
    if several and comparison.verdict == "identical" and subject.extent == "short":
        return
    if comparison.fields:
        rows = [
            Row((line(item.field), line(Span(item.verdict, "verdict")), line(_soft(item.detail))))
            for item in comparison.fields
        ]
        yield Table("Outcomes", ("outcome", "verdict", "detail"), tuple(rows))
    yield from _outcomes(subject, comparison)


def _outcomes(subject: Subject, comparison: Comparison) -> Iterator[Node]:
    """Yield how the outcomes differ, where first, and why."""
    if comparison.metrics:
        yield Facts(tuple(_metrics(subject, comparison)))
    if comparison.ignored_metrics:
        yield Paragraph(line("Not compared: ", ", ".join(comparison.ignored_metrics)))
    if comparison.set_aside and comparison.verdict != "identical":
        yield Paragraph(line("Set aside: ", "; ".join(comparison.set_aside)))
    if comparison.first_difference is not None:
        yield Section(
            title=line(Span("Where", "strong")),
            said=line(comparison.first_difference.text),
            children=tuple(_where(subject, comparison)),
        )
        yield from _why(subject, comparison)
    elif comparison.verdict == "identical":
        expected, actual = (
            subject.manifests[at] for at in (comparison.expected, comparison.actual)
        )
        changed = changes(comparison.differences, expected, actual)
        if changed:
            listing = listed(changed, _MAX_CONDITIONS, "; ")
            yield Paragraph(line("Differed and changed nothing: ", listing))


def _metrics(subject: Subject, comparison: Comparison) -> Iterator[Fact]:
    fits, evaluations = (
        subject.has_several_fits(comparison),
        len(subject.manifests[comparison.expected].outcomes.evaluations) > 1,
    )
    for item in comparison.metrics:
        name = item.metric
        if item.fit is not None and fits:
            name = f"fit {item.fit + 1} {name}"
        elif item.evaluation is not None:
            which = f" {item.evaluation + 1}" if evaluations else ""
            name = f"evaluation{which} {name}"
        equal = f"{item.equal} of {item.epochs} epochs equal; " if item.fit is not None else ""
        where = f"epoch {item.first_epoch}: " if item.first_epoch is not None else ""
        apart = distance(item.ulps, item.dtype, item.relative) or "not comparable as numbers"
        values = f"{number(item.expected)} → {number(item.actual)}"
        yield Fact(Span(name, "name"), line(f"{equal}{where}{values}: {apart}"))


def _where(subject: Subject, comparison: Comparison) -> Iterator[Node]:
    """Yield the tensors that differ first, what the step was made of, and how far runs part."""
    tensors = comparison.first_difference.tensors if comparison.first_difference else ()
    if tensors:
        items = [
            line(_soft(f"{item.label or 'no label'}: {item.layer} {item.role}"))
            for item in tensors[:_MAX_TENSORS]
        ]
        if len(tensors) > _MAX_TENSORS:
            items.append(line(_soft(f"and {len(tensors) - _MAX_TENSORS} more tensors")))
        yield Listing(tuple(items))
    if comparison.trace is not None:
        several_fits = subject.has_several_fits(comparison)
        yield facts(step_facts(comparison.trace, several_fits=several_fits))
        # A page draws it as a chart.
        points = []
        if subject.extent != "page":
            points = growth(comparison.trace, several_fits=several_fits)
        if points:
            yield Curve(
                "How far apart the weights are, relative to their norm, on a log scale:",
                tuple(points),
            )


def _why(subject: Subject, comparison: Comparison) -> Iterator[Section]:
    """Yield what may explain the first difference, how to put it to the test, what cannot."""
    if not comparison.causes:
        said, means = NO_CAUSE, NO_CAUSE_MEANS
        if comparison.lacks_settings:
            said, means = NO_SETTINGS, NO_SETTINGS_MEANS
        yield Section(
            title=line(Span("Why", "strong")),
            said=line(said),
            children=(Paragraph(line(means)),),
        )
    for index, cause in enumerate(comparison.causes):
        yield _cause(cause, "Why" if index == 0 else "Also")
    command = confirming(comparison, subject.result)
    if command:
        yield Section(
            title=line(Span("To confirm the first by experiment:", "strong")),
            children=(Code(command),),
        )
    if comparison.later:
        items = tuple(
            line(_soft(f"{item.title}: {item.reason}"))
            for item in comparison.later[:_MAX_CONDITIONS]
        )
        if len(comparison.later) > _MAX_CONDITIONS:
            items += (line(_soft(f"and {len(comparison.later) - _MAX_CONDITIONS} more")),)
        title = line(Span("Also differs, and acts later:", "strong"))
        yield Section(title=title, children=(Listing(items),))
    if comparison.excluded:
        items = tuple(line(_soft(f"{item.title}: {item.reason}")) for item in comparison.excluded)
        yield Section(title=line(Span("Ruled out:", "strong")), children=(Listing(items),))
    unknown = [item for item in comparison.differences if item.is_gap]
    if unknown and not comparison.lacks_settings:
        items = tuple(
            line(_soft(f"{item.path.removeprefix('$.conditions.')}: {item.said}"))
            for item in unknown[:_MAX_CONDITIONS]
        )
        if len(unknown) > _MAX_CONDITIONS:
            items += (line(_soft(f"and {len(unknown) - _MAX_CONDITIONS} more")),)
        title = line(Span("Not known to differ:", "strong"))
        yield Section(title=title, children=(Listing(items),))


def _cause(cause: Cause, word: str) -> Section:
    return Section(
        title=line(Span(f"{word}, {cause.certainty}", "strong")),
        said=line(cause.title),
        children=(Paragraph(line(_soft(cause.reason))), Code(cause.remedy)),
    )


def _soft(text: str) -> Span:
    return Span(text, "soft")
