"""An audit as text, for a terminal, a pipe or a log.

No boxes and no columns that a narrow window would break. Prose wraps to the width; code and
paths never do, so that they can be copied.
"""

from __future__ import annotations

from collections.abc import Sequence

from repro_audit.audit import Audit, AuditedManifest, Confirmation, Finding, Sensitivity, Spread
from repro_audit.compare import Cause, Comparison, TraceComparison
from repro_audit.manifest import Manifest
from repro_audit.report.experiments import (
    confirming,
    distances,
    factor_states,
    sensitivity_facts,
    spread_line,
    spread_summary,
)
from repro_audit.report.page import Page
from repro_audit.report.steps import growth, step_facts
from repro_audit.report.summary import (
    NO_CAUSE,
    NO_CAUSE_MEANS,
    beside_the_verdict,
    claims_summary,
    distance,
    evidence_of,
    headline,
    number,
    shared_files_read,
    summarize,
)
from repro_audit.wording import counted

__all__ = ["render_text"]


def render_text(
    result: Audit, manifests: Sequence[Manifest], *, width: int = 100, color: bool = False
) -> str:
    """Return an audit as text.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
        width: Columns to wrap prose to.
        color: Whether to use colours and weights.
    """
    page = Page(width, color=color)
    for part in page_parts(result):
        if part == "single":
            _headline(page, result)
            _single(page, result.manifests[0], manifests[0])
        elif part == "several":
            _several(page, result, manifests)
        else:
            _headline(page, result, evidence=False)
    if result.claims:
        _claims(page, result)
    _experiments(page, result)
    return page.text()


def _headline(page: Page, result: Audit, *, evidence: bool = True) -> None:
    """Show what decides."""
    word, style, text = headline(result)
    shown = f"{text} (evidence: {evidence_of(result)})" if evidence else text
    page.verdict(style, shown, word=word)
    for label, line in beside_the_verdict(result):
        page.labelled(label, line, 13)


def _experiments(page: Page, result: Audit) -> None:
    """Show what a repeat showed beside the comparison."""
    if result.control is not None:
        page.blank()
        caught = result.control.caught
        word = f"positive control: {'caught' if caught else 'not caught'}"
        page.verdict("match" if caught else "missing", "", word=word)
        page.prose(result.control.text, indent=2)
    if result.recording_check is not None:
        page.blank()
        page.line(("bold", "recording changes the run: "), ("", result.recording_check.changes))
        page.prose(result.recording_check.text, indent=2)
    if result.confirmation is not None:
        _confirmation(page, result.confirmation)
    if result.sensitivity is not None:
        _sensitivity(page, result.sensitivity)
    if result.spread is not None:
        _spread(page, result.spread)
    if result.shared_files:
        page.blank()
        files = ", ".join(file.path for file in result.shared_files[:5])
        page.line(("warning", "warning"), ("", "  files shared between runs"))
        page.prose(
            f"One run left files where the next could read them: {files}"
            + (", …" if len(result.shared_files) > 5 else "")
            + f". {shared_files_read(result)} "
            "Use --cwd empty or --cwd copy to keep the runs apart.",
            indent=2,
        )


def _claims(page: Page, result: Audit) -> None:
    """Show which of the published numbers a run has."""
    page.blank()
    page.line(("bold", "Claims: "), ("", claims_summary(result)))
    width = max(len(claim.metric) for claim in result.claims)
    printed = max(len(claim.claimed) for claim in result.claims)
    for position, judged in enumerate(result.manifests):
        if len(result.manifests) > 1:
            page.line(("dim", f"  {judged.name}"))
        for claim in result.claims:
            if claim.manifest == position:
                page.line(
                    ("", f"  {claim.metric:<{width}}  "),
                    (claim.verdict, f"{claim.verdict:<7}"),
                    ("", f"  {claim.claimed:<{printed}}"),
                    ("dim", f"  {claim.text}"),
                )


def _confirmation(page: Page, confirmation: Confirmation) -> None:
    page.blank()
    word = {True: "confirmed", False: "not confirmed", None: "not decided"}[confirmation.confirmed]
    page.line(("bold", f"{word}: "), ("", confirmation.cause))
    page.prose(confirmation.text, indent=2)


def _sensitivity(page: Page, sensitivity: Sensitivity) -> None:
    """Show which conditions change the run."""
    page.blank()
    page.line(("bold", "Sensitivity: "), ("", next(facts := sensitivity_facts(sensitivity))))
    width = max(len(factor.name) for factor in sensitivity.factors)
    for factor in sensitivity.factors:
        head = f"  {factor.name:<{width}}  "
        states = factor_states(factor)
        beside = len(head) + 17 + len(states) <= page.width
        page.line(
            ("", head),
            (factor.verdict, f"{factor.verdict:<15}"),
            ("dim", f"  {states}" if beside else ""),
        )
        for text in (
            "" if beside else states,
            factor.reason,
            factor.first_difference,
            distances(factor),
            *(f"may be hidden: {hidden}" for hidden in factor.hidden_by),
        ):
            if text:
                page.prose(text, indent=width + 4, style="dim")
    for fact in facts:
        page.prose(fact, indent=2)


def _spread(page: Page, spread: Spread) -> None:
    """Show how far the metrics scatter over seeds."""
    page.blank()
    page.line(("bold", "Spread: "), ("", spread_summary(spread)))
    if spread.text:
        page.prose(spread.text, indent=2)
    width = max((len(metric.name) for metric in spread.metrics), default=0)
    for metric in spread.metrics:
        page.labelled(metric.name, spread_line(metric), width)


def page_parts(result: Audit) -> list[str]:
    """Return which part of the page an audit needs."""
    if result.comparisons:
        return ["several"]
    # After a repeat the one manifest of a run that ended badly is not what was asked for.
    return ["single"] if len(result.manifests) == 1 and not result.runs else ["verdict"]


def _single(page: Page, judged: AuditedManifest, manifest: Manifest) -> None:
    page.line(("", judged.name))
    page.blank()
    for label, text in summarize(manifest):
        page.labelled(label, text, 7)
    for finding in judged.findings:
        page.blank()
        _finding(page, finding)
    page.blank()
    page.prose(_count_findings(judged), indent=0)


def _finding(page: Page, finding: Finding) -> None:
    page.line((finding.severity, f"{finding.code} {finding.severity}"), ("", f"  {finding.title}"))
    page.prose(finding.seen, indent=2)
    page.prose(finding.why, indent=2, style="dim")
    page.code(finding.remedy, indent=4)


def _count_findings(judged: AuditedManifest) -> str:
    if not judged.findings:
        return "No findings."
    severities = [finding.severity for finding in judged.findings]
    counts = [
        counted(severities.count(name), name)
        if name != "info"
        else f"{severities.count(name)} info"
        for name in ("error", "warning", "info")
        if name in severities
    ]
    return f"{', '.join(counts)}. More on one: repro-audit explain {judged.findings[0].code}"


def _several(page: Page, result: Audit, manifests: Sequence[Manifest]) -> None:
    _headline(page, result)
    if len(result.manifests) > 2:
        _groups(page, result)
    for comparison in result.comparisons:
        page.blank()
        _comparison(page, comparison, result, manifests)
    noted = [item for item in result.manifests if item.findings]
    if noted:
        page.blank()
        page.line(("dim", "Findings in single manifests (repro-audit FILE shows them):"))
        for item in noted:
            codes = ", ".join(dict.fromkeys(finding.code for finding in item.findings))
            page.line(("", f"  {item.name}  {item.verdict}: {codes}"))


def _groups(page: Page, result: Audit) -> None:
    page.blank()
    page.line(
        (
            "",
            f"{len(result.manifests)} runs in "
            + counted(len(result.groups), "group")
            + " of identical outcomes:",
        )
    )
    for number_, members in enumerate(result.groups, start=1):
        names = ", ".join(result.manifests[index].name for index in members)
        page.labelled(f"group {number_}", names, 9)


def _comparison(
    page: Page, comparison: Comparison, result: Audit, manifests: Sequence[Manifest]
) -> None:
    if len(result.comparisons) > 1:
        page.verdict(comparison.verdict, comparison.reason)
    for role, index in (("expected", comparison.expected), ("actual", comparison.actual)):
        run_id = manifests[index].run_id[:8]
        page.line(
            ("dim", f"  {role:<8}  "),
            ("", result.manifests[index].name),
            ("dim", f"  {run_id}"),
        )
    if comparison.verdict == "identical" and len(result.comparisons) > 1:
        return
    if comparison.fields:
        page.blank()
    for field in comparison.fields:
        page.line(
            ("", f"  {field.field:<15}  "),
            (field.verdict, f"{field.verdict:<7}"),
            ("dim", f"  {field.detail}"),
        )
    _outcomes(page, comparison, result)


def _outcomes(page: Page, comparison: Comparison, result: Audit) -> None:
    """Show how the outcomes differ, where first, and why."""
    if comparison.metrics:
        page.blank()
        _metrics(page, comparison)
    if comparison.ignored_metrics:
        page.prose("Not compared: " + ", ".join(comparison.ignored_metrics), indent=2)
    if comparison.first_difference is not None:
        page.blank()
        page.line(("bold", "Where: "), ("", comparison.first_difference.text))
        _tensors(page, comparison)
        if comparison.trace is not None:
            _steps(page, comparison.trace)
        page.blank()
        _causes(page, comparison, result)
    elif comparison.differences and comparison.verdict == "identical":
        page.blank()
        paths = [item.path.removeprefix("$.conditions.") for item in comparison.differences]
        listed = ", ".join(paths[:4]) + (", …" if len(paths) > 4 else "")
        page.prose(
            f"{counted(len(paths), 'condition')} differed and changed nothing: {listed}", indent=2
        )


def _metrics(page: Page, comparison: Comparison) -> None:
    for item in comparison.metrics:
        name = item.metric
        if item.fit is None:
            name = f"evaluation {name}"
        equal = f"{item.equal} of {item.epochs} epochs equal; " if item.fit is not None else ""
        where = f"epoch {item.first_epoch}: " if item.first_epoch is not None else ""
        page.labelled(
            name,
            f"{equal}{where}{number(item.expected)} → {number(item.actual)}: "
            f"{distance(item.ulps, item.dtype, item.relative) or 'not comparable as numbers'}",
            15,
        )


def _tensors(page: Page, comparison: Comparison) -> None:
    difference = comparison.first_difference
    if difference is None or not difference.tensors:
        return
    for tensor in difference.tensors[:3]:
        label = tensor.label or "no label"
        page.line(("dim", f"  {label}: {tensor.layer} {tensor.role}"))
    if len(difference.tensors) > 3:
        page.line(("dim", f"  and {len(difference.tensors) - 3} more tensors"))


def _steps(page: Page, trace: TraceComparison) -> None:
    """Show what the first step that differs was made of, and how the distance grows."""
    for label, text in step_facts(trace):
        page.labelled(label, text, 12)
    bars = growth(trace)
    if bars:
        page.blank()
        page.line(
            ("dim", "  How far apart the weights are, relative to their norm, on a log scale:")
        )
        width = max(len(where) for where, _, _ in bars)
        for where, far, bar in bars:
            page.line(("dim", f"  {where:<{width}}  {far:>7}  "), ("cyan", bar))


def _causes(page: Page, comparison: Comparison, result: Audit) -> None:
    if not comparison.causes:
        page.line(("bold", "Why: "), ("", NO_CAUSE))
        page.prose(NO_CAUSE_MEANS, indent=2)
    for index, cause in enumerate(comparison.causes):
        _cause(page, cause, "Why" if index == 0 else "Or")
    command = confirming(comparison, result)
    if command:
        page.blank()
        page.line(("bold", "To confirm the first by experiment:"))
        page.code(command, indent=4)
    if comparison.excluded:
        page.blank()
        page.line(("bold", "Ruled out:"))
        for item in comparison.excluded:
            page.prose(f"{item.title}: {item.reason}", indent=2, style="dim")


def _cause(page: Page, cause: Cause, word: str) -> None:
    page.line(("bold", f"{word}, {cause.certainty}: "), ("", cause.title))
    page.prose(cause.reason, indent=2, style="dim")
    page.code(cause.remedy, indent=4)
