"""Rank the conditions that differ by how well they explain the first difference.

``certain`` is kept for what must change the run there: other drawn seeds where the initial
weights differ, other content of the training data where the weights of an epoch do. What can
change it and is seen to do so is ``likely``; what may be a coincidence is ``possible``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from repro_audit.compare.comparison import Cause, ConditionDifference, FirstDifference
from repro_audit.compare.kinds import DRAWN_SEED, KINDS, Kind, kind_of
from repro_audit.compare.remedies import REMEDIES
from repro_audit.errors import printable, shown
from repro_audit.manifest import Manifest
from repro_audit.replay import drawn_seeds, replay

__all__ = ["GROUPS", "rank_causes"]

GROUPS = ("data", "seeds", "training", "determinism", "packages", "environment", "code")
_CERTAINTIES = ("certain", "likely", "possible")


class _Case(NamedTuple):
    """What is to be explained, and by what."""

    expected: Manifest
    actual: Manifest
    first: FirstDifference
    kinds: dict[Kind, list[ConditionDifference]]

    @property
    def at_start(self) -> bool:
        """Whether the runs differ before anything was trained."""
        return self.first.kind == "initial weights"

    def strength(self, kind: Kind) -> str:
        """Return what a kind can do by the conditions of it that differ."""
        effective = kind.is_effective(item.path for item in self.kinds[kind])
        return kind.strength if effective else "rarely"

    def inputs_differ(self) -> bool:
        """Return whether some kind explains more than rounding: rounding need not be it."""
        enough = {"seeds"} if self.at_start else {"seeds", "inputs"}
        return any(self.strength(kind) in enough for kind in self.kinds)


def rank_causes(
    expected: Manifest,
    actual: Manifest,
    differences: Sequence[ConditionDifference],
    first: FirstDifference,
) -> tuple[Cause, ...]:
    """Return the conditions that may explain the first difference, the best first.

    Args:
        expected: The run compared with.
        actual: The run compared.
        differences: Conditions that differ.
        first: Where the runs part.
    """
    by_name: dict[str, list[ConditionDifference]] = {}
    for difference in differences:
        kind = kind_of(difference.path)
        if kind is not None:
            by_name.setdefault(kind.name, []).append(difference)
    if {"seed", "drawn_seeds"} <= by_name.keys():
        # The layers drew other seeds because the seed is another: one cause.
        by_name["seed"] += by_name.pop("drawn_seeds")
    kinds = {kind: by_name[kind.name] for kind in KINDS if kind.name in by_name}
    case = _Case(expected, actual, first, kinds)
    causes = [_cause(case, kind) for kind in kinds]
    causes.sort(key=lambda cause: (_CERTAINTIES.index(cause.certainty), GROUPS.index(cause.group)))
    return tuple(causes)


def _certainty(case: _Case, kind: Kind) -> str:
    strength = case.strength(kind)
    if case.at_start:
        if kind.name in {"seed", "drawn_seeds"} and _differs(case.kinds[kind], DRAWN_SEED):
            return "certain"
        return "likely" if strength == "seeds" or kind.name == "numeric_packages" else "possible"
    if kind.name == "data" and case.first.kind in {"epoch weights", "final state"}:
        trained_on = _differs(case.kinds[kind], r"data\W+train\w*\W+digest")
        return "certain" if trained_on else "likely"
    if strength in {"seeds", "inputs"}:
        return "likely"
    if strength == "bits":
        return "possible" if case.inputs_differ() else "likely"
    return "likely" if len(case.kinds) == 1 else "possible"


def _differs(differences: Sequence[ConditionDifference], pattern: str) -> bool:
    """Whether both runs have the condition that the pattern names, and differ in it."""
    return any(
        re.fullmatch(pattern, item.path.removeprefix("$.conditions."))
        and item.expected is not None
        and item.actual is not None
        for item in differences
    )


def _cause(case: _Case, kind: Kind) -> Cause:
    differences = case.kinds[kind]
    title, reason = kind.title, kind.reason
    change = _most_telling(kind, differences)
    if kind.name == "data":
        roles = (re.sub(r"\$\.conditions\.data\W+", "", item.path) for item in differences)
        names = dict.fromkeys(re.split(r"['\].]", role)[0] for role in roles)
        title = f"the content of the data differs: {', '.join(names)}"
    elif kind.name in {"model", "optimizer", "loss", "fit", "packages", "numeric_packages"}:
        title = f"{title}: {_named(differences)}"
    elif kind.name == "drawn_seeds":
        title, reason = _extra_draws(case.expected, case.actual) or (title, reason)
    elif change is not None:
        title = f"{title}: {_text(change.expected)} → {_text(change.actual)}"
    if not case.at_start and len(case.kinds) == 1:
        reason += "; no other condition that could do so differs"
    return Cause(
        group=kind.group,
        title=title,
        certainty=_certainty(case, kind),
        reason=reason,
        remedy=REMEDIES[kind.name](case.expected, differences),
        paths=tuple(item.path for item in differences),
    )


_TELLING = {
    "seed": "$.conditions.seeds.declared",
    "threads": "$.conditions.determinism.threads.intra_op.in_force",
    "op_determinism": "$.conditions.determinism.op_determinism",
    "onednn": "$.conditions.determinism.onednn.in_force",
    "hash_seed": "$.conditions.seeds.hash_seed.requested",
    "python": "$.conditions.environment.python.version",
    "processor": "$.conditions.environment.cpu.model",
}


def _most_telling(
    kind: Kind, differences: Sequence[ConditionDifference]
) -> ConditionDifference | None:
    """Return the one difference that says most, for the title."""
    path = _TELLING.get(kind.name)
    for item in differences:
        if item.path == path:
            return item
    if kind.name == "seed":
        return next((item for item in differences if item.path.endswith(".backend.seed")), None)
    return differences[0] if len(differences) == 1 and kind.name != "drawn_seeds" else None


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else shown(value)


def _named(differences: Sequence[ConditionDifference]) -> str:
    """Name what differs by the last words of its paths, the values where there are few."""
    parts = []
    for item in differences[:3]:
        path = re.sub(r"\$\.conditions\.(packages\.distributions\W?|training\.)", "", item.path)
        path = re.sub(r"^(models|fits)\[0\]\.(arguments\.)?", "", path).replace("config.", "")
        path = re.sub(r"['\]\[]+", " ", path).strip()
        parts.append(f"{path} {_text(item.expected)} → {_text(item.actual)}")
    more = len(differences) - len(parts)
    return ", ".join(parts) + (f", and {more} more" if more else "")


def _extra_draws(expected: Manifest, actual: Manifest) -> tuple[str, str] | None:
    """Say how far apart two runs stand in the stream of one seed, where both do."""
    streams = []
    for manifest in (expected, actual):
        seeds = manifest.conditions.seeds
        seed = None if seeds is None else seeds.declared
        if seed is None and seeds is not None:
            seed = seeds.backend.seed
        if seed is None:
            return None
        streams.append(replay(seed, drawn_seeds(manifest)))
    first, second = streams
    if not (first.complete and second.complete):
        return None
    before = second.offset_words - first.offset_words
    between = second.gap_words - first.gap_words
    where = "before the first layer" if before else "between the layers"
    words = before or between
    if not words:
        return None
    who = "the actual run" if words > 0 else "the expected run"
    return (
        f"extra draw from Python's random: offset of {_words(abs(words))} {where}",
        f"{who} took {_words(abs(words))} more from random.Random({first.seed}) {where}, "
        + _as_calls(abs(words)),
    )


def _words(count: int) -> str:
    return f"{count} word" + ("" if count == 1 else "s")


def _as_calls(words: int) -> str:
    """Say what takes so many words."""
    if words == 1:
        return "as one unused layer or initializer takes"
    if words == 2:
        return "as one random.random(), or two unused layers, take"
    return f"as {words} unused layers or {words / 2:g} calls of random.random() take"
