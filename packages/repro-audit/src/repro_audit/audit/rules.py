"""What a rule is, and the register of all rules."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from repro_audit.manifest import Manifest

__all__ = ["Finding", "Rule", "Seen", "all_rules", "check", "rule"]

FAMILIES = ("seeding", "determinism", "data", "environment", "evidence", "contradictions")
SEVERITIES = ("error", "warning", "info")


class Seen(NamedTuple):
    """What a rule saw in one manifest.

    Attributes:
        text: What was seen, in a sentence.
        path: JSONPath of the field it was seen in.
        remedy: Code that fits this manifest, where the rule's own is too general.
        severity: A lesser one than the rule's, where this manifest calls for it.
    """

    text: str
    path: str
    remedy: str | None = None
    severity: str | None = None


class Finding(NamedTuple):
    """One thing a rule found in one manifest."""

    code: str
    severity: str
    title: str
    seen: str
    path: str
    why: str
    remedy: str
    source: str


class Rule(NamedTuple):
    """A rule for single manifests.

    Attributes:
        code: ``RA101`` and so on.
        severity: ``error`` makes a run uncontrolled; ``warning``; ``info``.
        title: What is wrong, in a few words.
        why: Why it matters, in a sentence or two.
        remedy: Code that mends it.
        source: Where the fact comes from.
        see: The function that looks for it.
    """

    code: str
    severity: str
    title: str
    why: str
    remedy: str
    source: str
    see: Callable[[Manifest], Iterator[Seen]]


_RULES: dict[str, Rule] = {}


def rule(
    code: str, severity: str, title: str, *, why: str, remedy: str, source: str
) -> Callable[[Callable[[Manifest], Iterator[Seen]]], Callable[[Manifest], Iterator[Seen]]]:
    """Register a function that looks for one thing in a manifest as a rule."""

    def register(
        see: Callable[[Manifest], Iterator[Seen]],
    ) -> Callable[[Manifest], Iterator[Seen]]:
        if code in _RULES:
            message = f"The rule {code} is registered twice."
            raise ValueError(message)
        _RULES[code] = Rule(
            code=code,
            severity=severity,
            title=title,
            why=why,
            remedy=remedy,
            source=source,
            see=see,
        )
        return see

    return register


def all_rules() -> tuple[Rule, ...]:
    """Return every rule, by code."""
    for family in FAMILIES:
        importlib.import_module(f"repro_audit.audit.{family}")
    return tuple(_RULES[code] for code in sorted(_RULES))


def check(manifest: Manifest) -> tuple[Finding, ...]:
    """Return everything the rules find in a manifest, the gravest first."""
    findings = [
        Finding(
            code=item.code,
            severity=seen.severity or item.severity,
            title=item.title,
            seen=seen.text,
            path=seen.path,
            why=item.why,
            remedy=seen.remedy or item.remedy,
            source=item.source,
        )
        for item in all_rules()
        for seen in item.see(manifest)
    ]
    findings.sort(key=lambda finding: (SEVERITIES.index(finding.severity), finding.code))
    return tuple(findings)
