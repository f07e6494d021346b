"""An audit, a comparison and a recording as a cell of a notebook shows them.

Without ``repro-audit[paper]`` there is no HTML, and a notebook shows the plain text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.audit import Audit, Finding, audit
from repro_audit.compare import Comparison
from repro_audit.errors import MissingExtraError, printable
from repro_audit.report.figure import short_names
from repro_audit.report.summary import (
    control_text,
    control_word,
    evidence_of,
    headline,
    summarize,
)
from repro_audit.report.templates import template

if TYPE_CHECKING:
    from repro_audit.recording import Run

__all__ = [
    "audit_cell",
    "audit_text",
    "comparison_cell",
    "comparison_text",
    "recording_cell",
]


def audit_cell(result: Audit) -> str | None:
    """Return an audit as HTML for a notebook.

    Args:
        result: The audit.

    Returns:
        An HTML fragment; None where ``repro-audit[paper]`` is not installed.
    """
    names = short_names([judged.name for judged in result.manifests])
    findings = list(_findings(result, names))
    word, style, text = headline(result)
    said = {"word": word, "style": style, "reason": text}
    return _cell(
        result, names=names, findings=findings, claims=result.claims, control=result.control, **said
    )


def audit_text(result: Audit) -> str:
    """Return in a few lines what an audit says, where a notebook shows no HTML."""
    word, _, text = headline(result)
    lines = [f"{word}  {text} (evidence: {evidence_of(result)})"]
    lines += [line for item in result.comparisons for line in _why(item)]
    if result.control is not None:
        lines.append(f"positive control: {control_word(result)}; {control_text(result)}")
    codes = [finding.code for judged in result.manifests for finding in judged.findings]
    lines += [f"findings: {', '.join(dict.fromkeys(codes))}"] if codes else []
    return "\n".join(map(printable, lines))


def comparison_text(comparison: Comparison) -> str:
    """Return in a few lines what a comparison says, where a notebook shows no HTML."""
    said = f"{comparison.verdict}  {comparison.reason} (evidence: {comparison.evidence})"
    return "\n".join(map(printable, [said, *_why(comparison)]))


def _why(comparison: Comparison) -> Iterator[str]:
    """Yield the first cause of a difference, and its remedy."""
    for cause in comparison.causes[:1]:
        yield f"Why, {cause.certainty}: {cause.title}"
        yield from (f"    {line}" for line in cause.remedy.splitlines())


def _findings(result: Audit, names: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Yield each finding once, behind the names of the runs that have it: none where all have."""
    having: dict[Finding, list[str]] = {}
    for name, judged in zip(names, result.manifests, strict=True):
        for finding in judged.findings:
            having.setdefault(finding, []).append(name)
    for finding, runs in having.items():
        yield "" if len(runs) == len(names) else ", ".join(runs), finding


def comparison_cell(comparison: Comparison) -> str | None:
    """Return a comparison as HTML for a notebook.

    Args:
        comparison: The comparison.

    Returns:
        An HTML fragment; None where ``repro-audit[paper]`` is not installed.
    """
    return _cell(comparison, comparisons=[comparison])


def recording_cell(run: Run) -> str | None:
    """Return a run, as far as it is recorded, as HTML for a notebook.

    Args:
        run: The recording.

    Returns:
        The HTML, or None where nothing is recorded yet or the extra is missing.
    """
    manifest = run.recorded()
    if manifest is None:
        return None
    result = audit(manifest)
    findings = [("", finding) for finding in result.manifests[0].findings]
    return _cell(result, findings=findings, summary=list(summarize(manifest)))


def _cell(said: Audit | Comparison, **more: Any) -> str | None:
    """Render what has a verdict, a reason and evidence."""
    try:
        cell = template("notebook.html.jinja")
    except MissingExtraError:
        return None
    values: dict[str, Any] = {
        "names": (),
        "findings": (),
        "claims": (),
        "summary": (),
        "control": None,
    }
    values["comparisons"] = said.comparisons if isinstance(said, Audit) else ()
    values |= {"word": said.verdict, "style": said.verdict}
    known = evidence_of(said) if isinstance(said, Audit) else said.evidence
    values |= {"reason": said.reason, "evidence": known}
    return cell.render({**values, **more})
