"""An audit as Markdown, for a pull request or a CI summary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from repro_audit.audit import Audit, Sensitivity, Spread
from repro_audit.compare import Comparison, TraceComparison
from repro_audit.errors import printable
from repro_audit.manifest import Manifest
from repro_audit.report.escaping import code_span, plain
from repro_audit.report.experiments import (
    confirming,
    distances,
    factor_states,
    sensitivity_facts,
    spread_line,
    spread_summary,
)
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

__all__ = ["render_markdown"]


def render_markdown(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return an audit as Markdown; whatever came from a manifest stands in code spans.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    word, _, text = headline(result)
    lines = [f"## repro-audit: {word}", "", f"{plain(text)}."]
    lines += ["", f"Evidence: **{evidence_of(result)}**."]
    for label, line in beside_the_verdict(result):
        lines += ["", f"{label.capitalize()}: {plain(line)}."]
    if len(result.groups) > 1 and len(result.manifests) > 2:
        lines += ["", f"{len(result.groups)} groups of identical outcomes:", ""]
        for members in result.groups:
            names = ", ".join(code_span(result.manifests[index].name) for index in members)
            lines.append(f"- {names}")
    for comparison in result.comparisons:
        lines += ["", *_comparison(comparison, result)]
    if result.claims:
        lines += ["", *_claims(result)]
    lines += _experiments(result)
    for judged, manifest in zip(result.manifests, manifests, strict=True):
        lines += ["", f"### {code_span(judged.name)}: {judged.verdict}", ""]
        lines += ["| | |", "|---|---|"]
        lines += [f"| {label} | {plain(text)} |" for label, text in summarize(manifest)]
        for finding in judged.findings:
            lines += ["", f"**{finding.code}** {finding.severity}: {finding.title}", ""]
            lines += [f"{plain(finding.seen)} {plain(finding.why)}", "", *_block(finding.remedy)]
    return "\n".join(lines) + "\n"


def _claims(result: Audit) -> Iterator[str]:
    """Show which of the published numbers a run has."""
    yield from (f"### Claims: {claims_summary(result)}", "")
    yield from ("| run | metric | claimed | verdict | |", "|---|---|---|---|---|")
    for claim in result.claims:
        run, metric = result.manifests[claim.manifest].name, claim.metric
        shown = " | ".join(map(code_span, (run, metric, claim.claimed)))
        yield f"| {shown} | {claim.verdict} | {plain(claim.text)} |"


def _experiments(result: Audit) -> list[str]:
    """Return what a repeat showed beside the comparison."""
    lines: list[str] = []
    if result.control is not None:
        caught = "caught" if result.control.caught else "**not caught**"
        lines += ["", f"Positive control: {caught}: {plain(result.control.text)}."]
    if result.recording_check is not None:
        check = result.recording_check
        lines += ["", f"Recording changes the run: {check.changes}: {plain(check.text)}."]
    if result.confirmation is not None:
        word = {True: "confirmed", False: "not confirmed", None: "not decided"}
        confirmation = result.confirmation
        lines += ["", f"Cause {word[confirmation.confirmed]}: {plain(confirmation.text)}"]
    if result.sensitivity is not None:
        lines += ["", *_sensitivity(result.sensitivity)]
    if result.spread is not None:
        lines += ["", *_spread(result.spread)]
    if result.shared_files:
        names = ", ".join(code_span(file.path) for file in result.shared_files[:5])
        left = f"one run left files where the next could read them: {names}."
        lines += ["", f"Files shared between runs: {left} {plain(shared_files_read(result))}"]
    return lines


def _sensitivity(sensitivity: Sensitivity) -> Iterator[str]:
    """Show which conditions change the run."""
    yield from ("### Sensitivity", "", "| factor | | in force | |", "|---|---|---|---|")
    for factor in sensitivity.factors:
        hidden = (f"may be hidden: {text}" for text in factor.hidden_by)
        notes = (factor.reason, factor.first_difference, distances(factor), *hidden)
        said = "; ".join(plain(text) for text in notes if text)
        yield f"| {factor.name} | {factor.verdict} | {plain(factor_states(factor))} | {said} |"
    yield from ("", " ".join(map(plain, sensitivity_facts(sensitivity))))


def _spread(spread: Spread) -> Iterator[str]:
    """Show how far the metrics scatter over seeds."""
    yield from (
        "### Spread",
        "",
        f"{plain(spread_summary(spread))}. {plain(spread.text)}".strip(),
    )
    yield from ("", "| metric | mean ± standard deviation, range |", "|---|---|")
    for metric in spread.metrics:
        yield f"| {code_span(metric.name)} | {plain(spread_line(metric))} |"


def _comparison(comparison: Comparison, result: Audit) -> Iterator[str]:
    expected = code_span(result.manifests[comparison.expected].name)
    actual = code_span(result.manifests[comparison.actual].name)
    yield f"### {actual} against {expected}: {comparison.verdict}"
    if comparison.fields:
        yield from ("", "| outcome | verdict | |", "|---|---|---|")
    for field in comparison.fields:
        yield f"| {field.field} | {field.verdict} | {plain(field.detail)} |"
    if comparison.metrics:
        yield from ("", "| metric | first differs | expected | actual | distance |")
        yield "|---|---|---|---|---|"
    for item in comparison.metrics:
        where = "evaluation" if item.first_epoch is None else f"epoch {item.first_epoch}"
        apart = distance(item.ulps, item.dtype, item.relative)
        yield (
            f"| {code_span(item.metric)} | {where} | {number(item.expected)} "
            f"| {number(item.actual)} | {apart} |"
        )
    if comparison.first_difference is not None:
        yield from ("", f"**Where:** {plain(comparison.first_difference.text)}")
        if comparison.trace is not None:
            yield from _steps(comparison.trace)
        yield from _causes(comparison)
        command = confirming(comparison, result)
        if command:
            yield from ("", "To confirm the first by experiment:", "", *_block(command))


def _causes(comparison: Comparison) -> Iterator[str]:
    """Show what may explain the first difference, and what cannot."""
    if not comparison.causes:
        yield from ("", f"**Why:** {NO_CAUSE}. {NO_CAUSE_MEANS}")
    for index, cause in enumerate(comparison.causes):
        word = "Why" if index == 0 else "Or"
        title, reason = plain(cause.title), plain(cause.reason)
        yield from ("", f"**{word}, {cause.certainty}:** {title}; {reason}")
        yield from ("", *_block(cause.remedy))
    if comparison.excluded:
        yield from ("", "Ruled out:", "")
    for excluded in comparison.excluded:
        yield f"- {plain(excluded.title)}: {plain(excluded.reason)}"


def _steps(trace: TraceComparison) -> Iterator[str]:
    """Show what the first step that differs was made of, and how the distance grows."""
    yield ""
    for label, text in step_facts(trace):
        yield f"- {label}: {plain(text)}"
    bars = growth(trace)
    if bars:
        yield from (
            "",
            "How far apart the weights are, relative to their norm, on a log scale:",
            "",
        )
        yield "```"
        for where, far, bar in bars:
            yield f"{where:<24}  {far}  {bar}"
        yield "```"


def _block(code: str) -> list[str]:
    """Return a code block that ends where it should."""
    fence = "`" * max(3, max((len(run) for run in re.findall(r"`+", code)), default=0) + 1)
    return [fence, *(printable(line) for line in code.splitlines()), fence]
