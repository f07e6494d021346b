"""What a rule is, and the register of all rules."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar, get_args

from repro_audit.manifest import Manifest
from repro_audit.wording import EXAMPLE_SEED

if TYPE_CHECKING:
    from repro_audit.trace import Trace
    from repro_audit.trace.summary import FitTrace

__all__ = ["Finding", "Hit", "Rule", "Severity", "all_rules", "check", "rule"]

FAMILIES = (
    "seeding", "determinism", "data", "environment", "evidence",
    "contradictions", "recomputed", "counted", "reported",
)  # fmt: skip
"""Modules that hold rules."""

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

Look = TypeVar("Look", bound=Callable[..., "Iterator[Hit]"])


class Hit(NamedTuple):
    """What a rule saw in one manifest.

    Attributes:
        text: What was seen, in a sentence.
        path: JSONPath of the field it was seen in.
        remedy: Code that fits this manifest, where the rule's own is too general. In it, as in the
            rule's own, ``{seed}`` stands for the run's seed.
        severity: A lesser one than the rule's, where this manifest calls for it.
    """

    text: str
    path: str
    remedy: str | None = None
    severity: Severity | None = None


class Finding(NamedTuple):
    """One thing a rule found in one manifest."""

    code: str
    severity: Severity
    title: str
    seen: str
    path: str
    why: str
    remedy: str
    source: str
    contradicts: bool


class See(Protocol):
    """Looks for one thing in a manifest, and in the trace beside it where that was read."""

    def __call__(
        self, manifest: Manifest, trace: Mapping[int, FitTrace] | None = None, /
    ) -> Iterator[Hit]: ...


class Rule(NamedTuple):
    """A rule for single manifests.

    Attributes:
        code: ``RA101`` and so on.
        severity: ``error`` makes a run uncontrolled; ``warning``; ``info``.
        title: What is wrong, in a few words.
        why: Why it matters, in a sentence or two.
        remedy: Code that mends it, with a seed as an example.
        source: Where the fact comes from.
        see: The function that looks for it.
        contradicts: Whether what it sees cannot be: the evidence then proves nothing.
        own_remedy: The same code with ``{seed}`` where the run's own seed belongs.
    """

    code: str
    severity: Severity
    title: str
    why: str
    remedy: str
    source: str
    see: See
    contradicts: bool
    own_remedy: str


_RULES: dict[str, Rule] = {}


def rule(
    code: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    remedy: str,
    source: str,
    contradicts: bool = False,
    reads_trace: bool = False,
) -> Callable[[Look], Look]:
    """Register a function that looks for one thing in a manifest as a rule.

    Args:
        code: See `Rule`, as for all that are not named here.
        severity: How grave it is.
        title: What is wrong.
        why: Why it matters.
        remedy: Code that mends it; ``{seed}`` stands for the run's seed.
        source: Where the fact comes from.
        contradicts: Whether what it sees cannot be.
        reads_trace: Whether the function is also given what the trace says.

    Returns:
        A decorator that returns the function as it is.
    """

    def register(look: Look) -> Look:
        if code in _RULES:
            message = f"The rule {code} is registered twice."
            raise ValueError(message)
        _RULES[code] = Rule(
            code=code,
            severity=severity,
            title=title,
            why=why,
            remedy=_with_seed(remedy, None),
            own_remedy=remedy,
            source=source,
            see=look if reads_trace else lambda manifest, _=None: look(manifest),
            contradicts=contradicts,
        )
        return look

    return register


def all_rules() -> tuple[Rule, ...]:
    """Return every rule, by code."""
    for family in FAMILIES:
        importlib.import_module(f"repro_audit.audit.{family}")
    return tuple(_RULES[code] for code in sorted(_RULES))


def check(manifest: Manifest, trace: Mapping[int, FitTrace] | None = None) -> tuple[Finding, ...]:
    """Return everything the rules find in a manifest, the gravest first.

    Args:
        manifest: The manifest.
        trace: What the trace beside it says of each fit, where that was read.
    """
    findings = [
        Finding(
            code=item.code,
            severity=seen.severity or item.severity,
            title=item.title,
            seen=seen.text,
            path=seen.path,
            why=item.why,
            remedy=_of_run(seen.remedy or item.own_remedy, manifest),
            source=item.source,
            contradicts=item.contradicts,
        )
        for item in all_rules()
        for seen in item.see(manifest, trace)
    ]
    findings.sort(key=lambda finding: (SEVERITIES.index(finding.severity), finding.code))
    return tuple(findings)


def check_with_trace(manifest: Manifest, trace: Trace | None) -> tuple[Finding, ...]:
    """Return what the rules find in a manifest and its trace, which is read.

    Of a run that did not complete, the trace is only checked against its digest.

    Args:
        manifest: The manifest.
        trace: Its trace, if that is there.

    Raises:
        TraceError: The trace is damaged, or not the manifest's.
    """
    if trace is None:
        return check(manifest)
    if not manifest.complete:
        trace.verify()
        return check(manifest)
    from repro_audit.trace.summary import summarize_trace  # NumPy, where it is needed

    return check(manifest, summarize_trace(trace, manifest))


def _of_run(remedy: str, manifest: Manifest) -> str:
    """Return code that a user of this run can paste."""
    seeds = manifest.conditions.seeds
    known = seeds is not None and seeds.declared_by == "repro_audit.control"
    needed = remedy.startswith("repro_audit.") and not known
    return ("import repro_audit\n" if needed else "") + _with_seed(remedy, manifest.seed)


def _with_seed(remedy: str, seed: int | None) -> str:
    """Return code that seeds as the run does, so that whoever follows it changes no experiment."""
    return remedy.replace("{seed}", str(EXAMPLE_SEED if seed is None else seed))
