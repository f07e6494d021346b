"""What a rule means, as a command prints it and as an editor shows it beside a finding."""

from __future__ import annotations

import textwrap

from repro_audit.audit import Rule
from repro_audit.report.escaping import plain
from repro_audit.report.places import language_of

__all__ = ["explanation", "explanation_markdown"]


def explanation(rule: Rule) -> str:
    """Return what a rule means, as text."""
    why = textwrap.fill(rule.why, 88, initial_indent="  ", subsequent_indent="  ")
    return (
        f"{rule.code} {rule.severity}: {rule.title}\n\n{why}\n\n"
        f"Remedy:\n    {rule.remedy}\n\nSource: {rule.source}"
    )


def explanation_markdown(rule: Rule) -> str:
    """Return what a rule means, as Markdown."""
    language = {"python": "python", "shell": "shell", "words": ""}[language_of(rule.remedy)]
    return (
        f"**{rule.code} {rule.severity}: {plain(rule.title)}**\n\n{plain(rule.why)}\n\n"
        f"```{language}\n{rule.remedy}\n```\n\nSource: {plain(rule.source)}"
    )
