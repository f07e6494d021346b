"""Rank what may explain the first difference: certain, likely or possible; and what cannot.

A condition that differs is a cause only if it can act where the runs diverge. ``certain`` is kept
for what must change the run there: other drawn seeds where the initial weights differ, other
content of the training data where the batches do. What can do so, and does nothing else, is
``likely``; what may be a coincidence is ``possible``; what the evidence speaks against is
excluded, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, get_args

from repro_audit.compare.cause_kinds import DRAWN_SEED, Kind, Strength, kind_named
from repro_audit.compare.cause_sorting import sort_by_kind
from repro_audit.compare.cause_titles import extra_draws, title_of
from repro_audit.compare.comparison import (
    Cause,
    Certainty,
    ConditionDifference,
    Excluded,
    FirstDifference,
    Group,
    TraceComparison,
)
from repro_audit.compare.remedies import REMEDIES
from repro_audit.compare.symptom import Symptom, read_symptom
from repro_audit.compare.timing import by_time
from repro_audit.manifest import Manifest

__all__ = ["GROUPS", "diagnose"]

GROUPS: tuple[Group, ...] = get_args(Group)
_CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)
_SEEDS = frozenset({"seed", "drawn_seeds", "python_seed", "given_seeds"})
_BEGINS_LATER = "it acts only in a fit that begins after the runs diverge"
_TRAIN = r"data\W+train\w*"
_NOT_TRAINED_ON = ("test", "validation")
_TRAINED_ON = _TRAIN + r"\W+digest"


class _Case(NamedTuple):
    """What is to be explained, and by what."""

    expected: Manifest
    actual: Manifest
    symptom: Symptom
    kinds: dict[Kind, list[ConditionDifference]]

    def strength(self, kind: Kind) -> Strength:
        """Return what a kind can do by the conditions of it that differ."""
        effective = kind.is_effective(item.path for item in self.kinds[kind])
        return kind.strength if effective else "rarely"

    def has(self, *names: str) -> bool:
        """Whether one of these kinds differs, in a condition that has an effect."""
        return any(kind.name in names and self.strength(kind) != "rarely" for kind in self.kinds)

    def other_keras(self) -> bool:
        """Whether the runs have another Keras each."""
        return any(
            "distributions.keras." in item.path for items in self.kinds.values() for item in items
        )

    def has_hash_seed(self) -> bool:
        """Whether strings are hashed otherwise in the two runs."""
        seeds = [manifest.conditions.seeds for manifest in (self.expected, self.actual)]
        probes = {None if item is None else item.hash_seed.probe for item in seeds}
        return len(probes) == 2 and None not in probes

    def differs(self, kind: Kind, pattern: str) -> bool:
        """Whether both runs have the condition that the pattern names, and differ in it."""
        return any(
            re.fullmatch(pattern, item.path.removeprefix("$.conditions."))
            and item.expected is not None
            and item.actual is not None
            for item in self.kinds.get(kind, ())
        )


class _Judgement(NamedTuple):
    """How well one kind explains the case, None where it is excluded, and why."""

    certainty: Certainty | None
    reason: str = ""
    rank: int = 0
    """Among causes of one certainty, the higher comes first."""


def diagnose(
    expected: Manifest,
    actual: Manifest,
    differences: Sequence[ConditionDifference],
    first: FirstDifference,
    trace: TraceComparison | None,
) -> tuple[tuple[Cause, ...], tuple[Excluded, ...]]:
    """Return what may explain the first difference, the best first, and what cannot.

    Args:
        expected: The run compared with.
        actual: The run compared.
        differences: Conditions that differ.
        first: Where the runs diverge.
        trace: What their traces show, where both were read.
    """
    symptom = read_symptom(expected, actual, first, trace)
    known = [item for item in differences if not item.is_gap]
    kinds, later = by_time(expected, actual, sort_by_kind(expected, actual, known), first)
    case = _Case(expected, actual, symptom, kinds)
    judged = {kind: _judge(case, kind) for kind in case.kinds}
    found = [
        (judgement, _cause(case, kind, judgement.certainty, judgement.reason))
        for kind, judgement in judged.items()
        if judgement.certainty is not None
    ]
    found += [*_resumed(case), *_unrecorded(case)]
    found.sort(
        key=lambda item: (
            _CERTAINTIES.index(item[1].certainty),
            -item[0].rank,
            GROUPS.index(item[1].group),
        )
    )
    excluded = [
        Excluded(kind=kind.name, title=title_of(kind, case.kinds[kind]), reason=judgement.reason)
        for kind, judgement in judged.items()
        if judgement.certainty is None
    ]
    excluded += [
        Excluded(kind=kind.name, title=title_of(kind, items), reason=_BEGINS_LATER)
        for kind, items in later.items()
    ]
    return tuple(cause for _, cause in found), tuple(excluded)


def _judge(case: _Case, kind: Kind) -> _Judgement:
    """Return how well a kind explains the case."""
    where = case.symptom.where
    if where == "start":
        return _at_start(case, kind)
    if where == "batch":
        return _in_batch(case, kind)
    if where == "random":
        return _in_random_state(case, kind)
    if where in {"loss", "weight", "optimizer"}:
        return _in_computation(case, kind)
    if where in {"between", "epoch"}:
        return _in_epoch(case, kind)
    return _in_outcome(case, kind)


def _at_start(case: _Case, kind: Kind) -> _Judgement:
    """Judge where the initial weights differ: nothing was trained yet."""
    if kind.name in _SEEDS and case.differs(kind, DRAWN_SEED):
        return _Judgement("certain")
    strength = case.strength(kind)
    if strength == "seeds" or kind.name == "numeric_packages":
        return _Judgement("likely")
    return _Judgement("possible", rank=strength == "bits")


def _in_batch(case: _Case, kind: Kind) -> _Judgement:
    """Judge where the first step was given another batch."""
    symptom, strength = case.symptom, case.strength(kind)
    if kind.name in {"data", "sample_order"}:
        upstream = case.has_hash_seed() and symptom.labels_only
        if upstream:
            return _Judgement("likely", "it may follow from the hash seed")
        rival = case.has(*_SEEDS) or any(
            other.acts_on == "batch" for other in case.kinds if other is not kind
        )
        trained_on = case.differs(kind, _TRAINED_ON)
        return _Judgement("certain" if trained_on and not rival else "likely", rank=3)
    if kind.name == "hash_seed":
        if symptom.labels_only:
            return _Judgement(
                "likely", "the targets differ and the inputs do not, as where a set numbers them", 4
            )
        return _Judgement("likely" if not case.has("data", "sample_order") else "possible")
    if kind.acts_on == "batch" or (strength == "seeds" and kind.name != "model"):
        return _Judgement("likely", rank=2)
    if strength in {"inputs", "seeds"}:
        return _excluded("the batches differ already, before the model sees them")
    explained = any(
        other.acts_on == "batch" or other.name in {"data", "seed"} for other in case.kinds
    )
    if strength == "bits" and explained:
        return _excluded("the batches differ already, before anything is computed from them")
    return _Judgement("possible", rank=strength == "bits")


def _in_random_state(case: _Case, kind: Kind) -> _Judgement:
    """Judge where a layer's generator is in another state, and the batches are equal."""
    if case.strength(kind) == "bits":
        return _excluded("a generator's state is made of integers, which rounding cannot change")
    if kind.name in {"data", "sample_order"}:
        return _excluded("a generator's state does not follow from what a batch holds")
    if kind.name == "optimizer":
        return _excluded("no update can move a generator's state")
    return _Judgement("likely" if case.strength(kind) == "seeds" else "possible")


_BATCHES_EQUAL = "the batches are equal up to and in the step that differs"


def _in_computation(case: _Case, kind: Kind) -> _Judgement:
    """Judge where batch and random state are equal, and what is computed from them is not."""
    symptom, strength = case.symptom, case.strength(kind)
    if kind.acts_on == "batch" or kind.name == "data":
        return _excluded(_BATCHES_EQUAL) if symptom.batches_equal else _in_epoch(case, kind)
    if kind.name == "optimizer":
        if symptom.where == "loss":
            return _excluded("the loss differs first, and is computed before the update")
        return _Judgement("likely" if symptom.size != "rounding" else "possible", rank=3)
    if kind.name in {"model", "loss", "training"}:
        if case.other_keras():
            return _Judgement("possible", "another Keras may write the same config differently")
        return _Judgement("likely" if symptom.size != "rounding" else "possible", rank=2)
    if kind.name in {"jit", "numeric_packages"} and strength != "rarely":
        return _Judgement("likely", rank=2)
    if strength == "bits":
        return _by_rounding(symptom)
    return _Judgement("likely" if strength == "seeds" else "possible", rank=strength == "inputs")


def _by_rounding(symptom: Symptom) -> _Judgement:
    """Judge what can only round otherwise, where something was computed otherwise."""
    if symptom.size == "large":
        return _Judgement("possible", f"though {_size_text(symptom)}: rounding is smaller")
    if symptom.size == "rounding":
        return _Judgement("likely", f"{_size_text(symptom)}, as other rounding is", 1)
    return _Judgement("likely", rank=1)


def _in_outcome(case: _Case, kind: Kind) -> _Judgement:
    """Judge where the weights after every epoch are equal, and another outcome is not."""
    if kind.name in {"data", "sample_order"}:
        if all(re.match(rf"\$\.conditions\.{_TRAIN}", item.path) for item in case.kinds[kind]):
            return _excluded("every epoch ends in the same weights")
        return _Judgement("likely")
    return _in_epoch(case, kind)


def _in_epoch(case: _Case, kind: Kind) -> _Judgement:
    """Judge where only the epoch is known, or a step that others before it may have led to."""
    strength = case.strength(kind)
    if kind.name in {"data", "sample_order"} and case.symptom.resumed_at is None:
        whole = case.symptom.where == "epoch"  # every sample was trained on by its end
        return _Judgement("certain" if whole and case.differs(kind, _TRAINED_ON) else "likely")
    if strength in {"seeds", "inputs"}:
        return _Judgement("likely")
    if strength == "bits":
        inputs = any(case.strength(other) in {"seeds", "inputs"} for other in case.kinds)
        return _Judgement("possible" if inputs else "likely")
    return _Judgement("likely" if len(case.kinds) == 1 else "possible")


def _excluded(reason: str) -> _Judgement:
    return _Judgement(None, reason)


def _size_text(symptom: Symptom) -> str:
    """Say how large the distance is, which is known where a size is."""
    return f"the weights are first apart by {symptom.ratio:.1g} of one training step"


def _cause(case: _Case, kind: Kind, certainty: Certainty, why: str) -> Cause:
    differences = case.kinds[kind]
    title, reason = title_of(kind, differences), kind.reason
    if kind.name == "drawn_seeds":
        title, reason = extra_draws(case.expected, case.actual) or (title, reason)
    if why:
        reason += f"; {why}"
    alone = len(case.kinds) == 1 and case.symptom.resumed_at is None and not _unrecorded(case)
    if case.symptom.where != "start" and alone:
        reason += "; no other recorded condition that could do so differs"
    return Cause(
        kind=kind.name,
        group=kind.group,
        title=title,
        certainty=certainty,
        reason=reason,
        remedy=REMEDIES[kind.name](case.expected, differences),
        paths=tuple(item.path for item in differences),
    )


def _resumed(case: _Case) -> list[tuple[_Judgement, Cause]]:
    """Return the cause that a resumed run brings with it, if one was."""
    symptom = case.symptom
    if symptom.resumed_at is None or symptom.where == "batch":
        return []
    kind = kind_named("resume")
    begun_anew = symptom.where == "random" and not case.has(*_SEEDS)
    certainty: Certainty = "certain" if begun_anew else "likely"
    cause = Cause(
        kind=kind.name,
        group=kind.group,
        title=f"{kind.title}, at epoch {symptom.resumed_at}",
        certainty=certainty,
        reason=kind.reason,
        remedy=REMEDIES[kind.name](case.expected, ()),
        paths=("$.outcomes.fits[0].first_epoch",),
    )
    return [(_Judgement(certainty, rank=9), cause)]


def _unrecorded(case: _Case) -> list[tuple[_Judgement, Cause]]:
    """Return the data as a cause where batches differ and a run did not record what it was fed."""
    lacking = [
        name
        for name, manifest in (("expected", case.expected), ("actual", case.actual))
        if not any(not role.startswith(_NOT_TRAINED_ON) for role in manifest.conditions.data or ())
    ]
    if case.symptom.where != "batch" or not lacking:
        return []
    kind = kind_named("unrecorded_data")
    who = "neither run recorded" if len(lacking) == 2 else f"the {lacking[0]} run did not record"
    cause = Cause(
        kind=kind.name,
        group=kind.group,
        title=kind.title,
        certainty="possible",
        reason=f"{kind.reason}: {who} them",
        remedy=REMEDIES[kind.name](case.expected, ()),
        paths=("$.conditions.data",),
    )
    # Before what merely differs; what is known to act on batches comes before it.
    return [(_Judgement("possible", rank=9), cause)]
