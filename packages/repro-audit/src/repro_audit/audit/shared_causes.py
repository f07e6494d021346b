"""Causes that both runs have in common: what a rule found in each, and no condition explains.

Two runs of one script under equal conditions differ because of something that races or was
never seeded. The rules know such things; here they become candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

from repro_audit.audit.rules import Finding
from repro_audit.compare import Cause, Certainty, Comparison

__all__ = ["with_shared_causes"]

_GIVEN = frozenset({"batch"})
_COMPUTED = frozenset({"loss", "weight", "optimizer"})
_SEEDED = frozenset({"start", "batch", "random", "loss"})

_RULES: dict[str, tuple[str, frozenset[str], Certainty]] = {
    "RA106": ("python_seed", _SEEDED, "likely"),
    "RA107": ("generators", _GIVEN, "likely"),
    "RA201": ("op_determinism", _COMPUTED | _GIVEN, "possible"),
    "RA202": ("op_determinism", _COMPUTED | _GIVEN, "possible"),
    "RA203": ("op_determinism", _COMPUTED | _GIVEN, "possible"),
    "RA206": ("racing_op", _COMPUTED, "likely"),
    "RA302": ("pipeline_order", _GIVEN, "likely"),
    "RA303": ("parallel_map", _GIVEN, "likely"),
    "RA305": ("parallel_map", _GIVEN, "likely"),
}
"""By rule: the kind of cause it finds, in which kinds of column that can show first, and how
well it explains what shows there."""


def with_shared_causes(
    comparison: Comparison, expected: Sequence[Finding], actual: Sequence[Finding]
) -> Comparison:
    """Return a comparison with what both runs have in common among its causes.

    Args:
        comparison: The comparison; as it is where a condition that differs is at least likely.
        expected: Findings in the expected run.
        actual: Findings in the actual run.
    """
    explained = any(cause.certainty != "possible" for cause in comparison.causes)
    if comparison.first_difference is None or explained:
        return comparison
    from repro_audit.compare.cause_kinds import kind_named  # most audits need none

    where = _where(comparison)
    codes = {(finding.code, finding.path) for finding in actual}
    found: dict[str, Cause] = {}
    for finding in expected:
        if finding.code not in _RULES:
            continue
        kind, acts_on, certainty = _RULES[finding.code]
        fits = where == "unknown" or where in acts_on
        if fits and kind not in found and (finding.code, finding.path) in codes:
            found[kind] = Cause(
                kind=kind,
                group=kind_named(kind).group,
                title=f"{finding.title}, in both runs",
                certainty=certainty,
                reason=f"{finding.seen} {finding.why}",
                remedy=finding.remedy,
                paths=(finding.path,),
            )
    # "likely" before "possible", and before the conditions that are merely possible.
    standing = sorted(found.values(), key=lambda cause: cause.certainty)
    return comparison._replace(causes=(*standing, *comparison.causes))


def _where(comparison: Comparison) -> str:
    """Return in which kind of column the runs diverge."""
    first, trace = comparison.first_difference, comparison.trace
    if first is not None and first.kind == "initial weights":
        return "start"
    if trace is None or trace.step is None:
        return "unknown"
    return trace.step.columns[0].kind
