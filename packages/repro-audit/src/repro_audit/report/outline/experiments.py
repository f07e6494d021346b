"""The sections on what a repeat showed beside the comparison, and the words that they share."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from repro_audit.audit import (
    Audit,
    Confirmation,
    Factor,
    Resume,
    Sensitivity,
    Spread,
    SpreadMetric,
)
from repro_audit.compare import Comparison
from repro_audit.compare.kinds import factor_of
from repro_audit.errors import printable
from repro_audit.report.outline.ladder import counted_samples
from repro_audit.report.outline.subject import Subject
from repro_audit.report.outline.tree import (
    Code,
    Fact,
    Facts,
    Node,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    line,
)
from repro_audit.report.summary import (
    CONFIRMED,
    control_text,
    control_word,
    shared_files_are_harmless,
    shared_files_read,
)
from repro_audit.wording import counted

__all__ = ["confirming", "experiments", "sensitivity_facts", "spread_line"]

_MAX_CAUSES, _MAX_FILES = 4, 5


def experiments(subject: Subject) -> Iterator[Section]:
    """Yield what a repeat showed beside the comparison."""
    result = subject.result
    if result.control is not None:
        yield Section(
            title=line("positive control"),
            said=line(Span(control_word(result), "verdict")),
            children=(Paragraph(line(control_text(result))),),
        )
    if result.recording_check is not None:
        yield Section(
            title=line(Span("recording changes the run", "strong")),
            said=line(result.recording_check.changes),
            children=(Paragraph(line(result.recording_check.text)),),
        )
    if result.confirmation is not None:
        yield _confirmation(result.confirmation)
    if result.resume is not None:
        yield _resume(result.resume, result.repeated or "SCRIPT ARGS")
    if result.sensitivity is not None:
        yield _sensitivity(result.sensitivity)
    if result.rounding is not None:
        yield _spread("Rounding", result.rounding, _rounding_summary(result.rounding))
    if result.spread is not None:
        section = _spread("Spread", result.spread, _spread_summary(result.spread))
        beside = [Paragraph(line(text)) for text in counted_samples(subject.manifests[0])]
        yield section._replace(children=(*section.children, *beside))
    if result.shared_files:
        yield _shared_files(result)


def _confirmation(confirmation: Confirmation) -> Section:
    return Section(
        title=line(Span(CONFIRMED[confirmation.confirmed][0], "strong")),
        said=line(confirmation.cause),
        children=(Paragraph(line(confirmation.text)),),
    )


def _resume(resume: Resume, script: str) -> Section:
    """Return whether a run that is stopped and resumed ends alike, and what it lost."""
    children: list[Node] = [Paragraph(line(resume.text))]
    if resume.verdict == "no resume" and resume.added is None:
        said = "Would it end alike, if each fit were given Keras's BackupAndRestore?"
        children += [
            Paragraph(line(said)),
            Code(f"repro-audit repeat --resume-with keras {script}"),
        ]
    for cause in resume.causes[:_MAX_CAUSES]:
        children += [
            Paragraph(line(Span(cause.certainty, "strong"), f": {cause.title}: {cause.reason}")),
            Code(cause.remedy),
        ]
    if resume.caught is not None:
        caught = "caught" if resume.caught else "not caught"
        children.append(
            Paragraph(line(Span(f"Its positive control was {caught}: {resume.control}.", "soft")))
        )
    return Section(
        title=line(Span("Resume", "strong")),
        said=line(Span(resume.verdict, "verdict")),
        children=tuple(children),
    )


def _sensitivity(sensitivity: Sensitivity) -> Section:
    """Return which conditions change the run."""
    first, *others = sensitivity_facts(sensitivity)
    rows = [
        Row(
            (
                line(factor.name),
                line(Span(factor.verdict, "verdict")),
                line(Span(_states(factor), "soft")),
            ),
            tuple(_notes(factor)),
        )
        for factor in sensitivity.factors
    ]
    head = ("factor", "verdict", "in force", "detail")
    return Section(
        title=line(Span("Sensitivity", "strong")),
        said=line(first),
        children=(
            Table("Sensitivity", head, tuple(rows)),
            *(Paragraph(line(text)) for text in others),
        ),
    )


def _notes(factor: Factor) -> Iterator[str]:
    """Yield what there is to say of a factor."""
    for text in (factor.reason, factor.first_difference, _distances(factor)):
        if text:
            yield text
    for hidden in factor.hidden_by:
        yield f"may be hidden: {hidden}"


def _spread(title: str, spread: Spread, said: str) -> Section:
    """Return how far the metrics scatter."""
    children: list[Node] = [Paragraph(line(spread.text))] if spread.text else []
    children.append(
        Facts(
            tuple(
                Fact(Span(metric.name, "name"), line(spread_line(metric)))
                for metric in spread.metrics
            )
        )
    )
    return Section(
        title=line(Span(title, "strong")),
        said=line(said),
        children=tuple(children),
    )


def _shared_files(result: Audit) -> Section:
    names = ", ".join(file.path for file in result.shared_files[:_MAX_FILES])
    more = ", …" if len(result.shared_files) > _MAX_FILES else ""
    kind = "info" if shared_files_are_harmless(result) else "warning"
    return Section(
        title=line(Span(kind, "verdict")),
        said=line("files shared between runs"),
        children=(
            Paragraph(
                line(
                    "One run left files where the next could read them: ",
                    Span(names + more, "name"),
                    f". {shared_files_read(result)} "
                    "Use --cwd copy to keep the runs apart, or --cwd empty where they read "
                    "nothing by a relative path.",
                )
            ),
        ),
    )


def confirming(comparison: Comparison, result: Audit) -> str:
    """Return the command that puts the first cause of a difference to the test.

    Args:
        comparison: The comparison.
        result: The audit it is of.

    Returns:
        A line for a shell; empty where no experiment can, or where what was compared is no file but
        lies in one: a manifest in a PDF, a fit in a run.
    """
    if not comparison.causes or not factor_of(comparison.causes[0]):
        return ""
    names = [result.manifests[at].name for at in (comparison.expected, comparison.actual)]
    if any(": " in name for name in names):
        return ""
    # A name with a new line would be a command of its own.
    files = " ".join(shlex.quote(printable(name)) for name in names)
    # Where the two lie in the folder of a repeat, another one must not take their place.
    place = "-d repeat/confirmed " if result.runs else ""
    return f"repro-audit repeat {place}--confirm {files} {result.repeated or 'SCRIPT ARGS'}"


def _states(factor: Factor) -> str:
    """Return what was in force of a factor, in the ordinary runs and where it was varied."""
    expected = factor.expected or "unknown"
    return expected if factor.actual is None else f"{expected} → {factor.actual}"


def _distances(factor: Factor) -> str:
    """Say how far a factor takes the weights."""
    if factor.first_distance is None or factor.last_distance is None:
        return ""
    return (
        f"the weights are {factor.first_distance:.1e} of their norm apart at first, "
        f"{factor.last_distance:.1e} at the end"
    )


def sensitivity_facts(sensitivity: Sensitivity) -> Iterator[str]:
    """Yield what there is to say of all factors together."""
    factors, runs = counted(len(sensitivity.factors), "factor"), counted(sensitivity.runs, "run")
    yield f"{factors}, {runs} beyond the repeat."
    if sensitivity.text:
        yield sensitivity.text
    elif sensitivity.complete and any(
        item.verdict == "changes the run" for item in sensitivity.factors
    ):
        yield "Together those found give the bits of the run in which everything was varied."


def _spread_summary(spread: Spread) -> str:
    """Say over which seeds metrics were taken."""
    seeds = ", ".join("none" if seed is None else str(seed) for seed in spread.seeds)
    return f"{len(spread.seeds)} seeds: {seeds}"


def _rounding_summary(rounding: Spread) -> str:
    """Say over how many runs metrics were taken."""
    if not rounding.seeds:
        return "not measured"
    runs = counted(len(rounding.seeds), "run")
    return f"{runs}, all but one with first weights moved by one unit in the last place"


def spread_line(metric: SpreadMetric) -> str:
    """Return mean, standard deviation and range of a metric.

    Returns:
        In the unit of the metric; every value instead where they have no standard deviation.
    """
    if metric.deviation is None and len(metric.values) > 1:
        return ", ".join(f"{value:.4f}" for value in metric.values)
    deviation = "" if metric.deviation is None else f" ± {metric.deviation:.2g}"
    return f"{metric.mean:.4f}{deviation}, from {metric.least:.4f} to {metric.most:.4f}"
