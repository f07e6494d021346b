"""Rank the conditions that differ by how well they explain the first difference.

``certain`` is kept for what must change the run there: other drawn seeds where the initial
weights differ, other content of the training data where the weights of an epoch do. What can
change it and is seen to do so is ``likely``; what may be a coincidence is ``possible``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from repro_audit.compare.comparison import Cause, ConditionDifference, FirstDifference
from repro_audit.compare.kinds import KINDS, Kind, kind_of
from repro_audit.compare.remedies import REMEDIES
from repro_audit.errors import printable, shown
from repro_audit.manifest import Manifest
from repro_audit.replay import drawn_seeds, replay

__all__ = ["GROUPS", "rank_causes"]

GROUPS = ("data", "seeds", "training", "determinism", "packages", "environment", "code")
_CERTAINTIES = ("certain", "likely", "possible")


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
    sorted_in: dict[str, list[ConditionDifference]] = {}
    for difference in differences:
        kind = kind_of(difference.path)
        if kind is not None:
            sorted_in.setdefault(kind.name, []).append(difference)
    kinds = [kind for kind in KINDS if kind.name in sorted_in]
    if {"seed", "drawn_seeds"} <= sorted_in.keys():
        # The layers drew other seeds because the seed is another: one cause.
        sorted_in["seed"] += sorted_in.pop("drawn_seeds")
        kinds = [kind for kind in kinds if kind.name != "drawn_seeds"]
    inputs_differ = any(_changes_inputs(kind, first) for kind in kinds)
    alone = len(kinds) == 1
    causes = [
        _cause(kind, sorted_in[kind.name], expected, actual, first, inputs_differ, alone)
        for kind in kinds
    ]
    causes.sort(key=lambda cause: (_CERTAINTIES.index(cause.certainty), GROUPS.index(cause.group)))
    return tuple(causes)


def _changes_inputs(kind: Kind, first: FirstDifference) -> bool:
    """Whether a kind alone explains the first difference, so that rounding need not."""
    if first.kind == "initial weights":
        return kind.strength == "seeds"
    return kind.strength in {"seeds", "inputs"}


def _certainty(
    kind: Kind,
    differences: Sequence[ConditionDifference],
    first: FirstDifference,
    inputs_differ: bool,
    alone: bool,
) -> str:
    at_start = first.kind == "initial weights"
    if at_start:
        if kind.name in {"seed", "drawn_seeds"}:
            return "certain"
        if kind.name in {"model", "numeric_packages"}:
            return "likely"
        return "possible"
    if kind.name == "data" and first.kind in {"epoch weights", "final state"}:
        trained_on = any(re.search(r"\.data\W*train", item.path) for item in differences)
        return "certain" if trained_on else "likely"
    if kind.strength in {"seeds", "inputs"}:
        return "likely"
    if kind.strength == "bits":
        return "possible" if inputs_differ else "likely"
    return "likely" if alone else "possible"


def _cause(
    kind: Kind,
    differences: Sequence[ConditionDifference],
    expected: Manifest,
    actual: Manifest,
    first: FirstDifference,
    inputs_differ: bool,
    alone: bool,
) -> Cause:
    title, reason = kind.title, kind.reason
    change = _most_telling(kind, differences)
    if change is not None:
        title = f"{title}: {_text(change.expected)} → {_text(change.actual)}"
    if kind.name in {"model", "optimizer", "loss", "fit", "data", "packages", "numeric_packages"}:
        title = f"{kind.title}: {_named(differences)}"
    elif kind.name == "drawn_seeds":
        title, reason = _extra_draws(expected, actual) or (title, reason)
    if first.kind != "initial weights" and alone:
        reason += "; no other condition that could do so differs"
    return Cause(
        group=kind.group,
        title=title,
        certainty=_certainty(kind, differences, first, inputs_differ, alone),
        reason=reason,
        remedy=REMEDIES[kind.name](expected, differences),
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
        path = re.sub(
            r"\$\.conditions\.(packages\.distributions\W?|training\.|data\W?)", "", item.path
        )
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
