"""Causes that both runs have in common: what a rule found in each, and no condition explains.

Two runs of one script under equal conditions differ because of something that races or was
never seeded. The rules know such things; here they become candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from repro_audit.audit.rules import Finding
from repro_audit.compare import Cause, Certainty, Comparison
from repro_audit.manifest import Manifest

if TYPE_CHECKING:
    from repro_audit.compare.symptom import Symptom

__all__ = ["with_shared_causes"]

_GIVEN = frozenset({"batch"})
_COMPUTED = frozenset({"loss", "update"})
_SEEDED = frozenset({"start", "batch", "random", "loss"})
_UNKNOWN = frozenset({"between", "epoch"})

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
"""By rule: the kind of cause it finds, the stages at which that can show first, and how well it
explains what shows there."""

_ROUNDS = frozenset({"op_determinism", "racing_op"})


def with_shared_causes(
    comparison: Comparison,
    manifests: tuple[Manifest, Manifest],
    expected: Sequence[Finding],
    actual: Sequence[Finding],
) -> Comparison:
    """Return a comparison with what both runs have in common among its causes.

    Args:
        comparison: The comparison; as it is where a condition that differs is at least likely.
        manifests: The two runs.
        expected: Findings in the expected run.
        actual: Findings in the actual run.
    """
    explained = any(_explains(cause, manifests) for cause in comparison.causes)
    if comparison.first_difference is None or explained:
        return comparison
    from repro_audit.compare.kinds import kind_named  # most audits need none
    from repro_audit.compare.seen import see
    from repro_audit.compare.symptom import read_symptom

    if comparison.set_aside:
        seen = see(*manifests)
        manifests = seen.expected, seen.actual
    symptom = read_symptom(*manifests, comparison.first_difference, comparison.trace)
    codes = {(finding.code, finding.path) for finding in actual}
    found: dict[str, Cause] = {}
    for finding in expected:
        if finding.code not in _RULES:
            continue
        kind, acts_at, certainty = _RULES[finding.code]
        fits = symptom.where in acts_at | _UNKNOWN and _can(kind, symptom, manifests, comparison)
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
    # What a rule has found comes before what is merely as likely.
    both = [*found.values(), *comparison.causes]
    likely = [cause for cause in both if cause.certainty != "possible"]
    possible = [cause for cause in both if cause.certainty == "possible"]
    return comparison._replace(causes=(*likely, *possible))


def _explains(cause: Cause, manifests: tuple[Manifest, Manifest]) -> bool:
    """Whether a cause is a condition that tells one run from the other."""
    from repro_audit.compare.cause_case import hash_seed_is_random
    from repro_audit.compare.testimony import TOLD

    if cause.certainty == "possible" or cause.kind in TOLD:
        return False
    return cause.kind != "hash_seed" or not hash_seed_is_random(*manifests)


def _can(
    kind: str, symptom: Symptom, manifests: tuple[Manifest, Manifest], comparison: Comparison
) -> bool:
    """Whether what a rule has found can have made a difference like this one."""
    if kind not in _ROUNDS:
        return True
    if symptom.where == "batch":
        from repro_audit.compare.cause_case import orders_pipelines

        return any(map(orders_pipelines, manifests))
    # Rounding is small, and sets no learning rate.
    told = {cause.kind for cause in comparison.causes} & {"learning_rate", "update_rule"}
    return symptom.size != "large" and not told
