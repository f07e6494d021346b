"""What a cause is called, and how what differs is put in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.condition_names import change_of, condition_name
from repro_audit.compare.kinds import Kind, kind_of
from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import Data
from repro_audit.replay import drawn_seeds, replay
from repro_audit.wording import listed

__all__ = ["changes", "extra_draws", "title_of"]

_TELLING = {
    "seed": "$.conditions.seeds.declared",
    "threads": "$.conditions.determinism.backend.threads.intra_op.in_force",
    "op_determinism": "$.conditions.determinism.backend.op_determinism",
    "onednn": "$.conditions.determinism.backend.onednn.in_force",
    "hash_seed": "$.conditions.seeds.hash_seed.requested",
    "python": "$.conditions.environment.python.version",
    "processor": "$.conditions.environment.cpu.model",
}

_PLAIN = frozenset(
    {"arguments", "drawn_seeds", "generator_state", "given_seeds", "hash_seed", "python_seed"}
)
"""Kinds whose values say nothing to a reader."""

_MAX_NAMED = 3
_HOUR = 3600


def title_of(
    kind: Kind,
    differences: Sequence[ConditionDifference],
    expected: Manifest,
    actual: Manifest,
) -> str:
    """Return what to call a kind of cause.

    Args:
        kind: The kind.
        differences: The conditions of it that differ.
        expected: The run compared with.
        actual: The run compared.
    """
    if kind.name in {"data", "sample_order", "test_data"}:
        return f"{kind.title}: {_of_data(differences, expected, actual)}"
    if kind.name == "seed" and _is_from_clock(expected) and _is_from_clock(actual):
        return f"seed: taken from the clock in each run, {expected.seed} → {actual.seed}"
    change = _most_telling(kind, differences)
    if change is not None:
        return f"{kind.title}: {change_of(change)}"
    if kind.name in _PLAIN:
        return kind.title
    return f"{kind.title}: {_named(differences, expected, actual)}"


def changes(
    differences: Sequence[ConditionDifference], expected: Manifest, actual: Manifest
) -> list[str]:
    """Return what differs between the conditions of two runs, each kind once, and how.

    Args:
        differences: What differs; of gaps in the evidence nothing is said.
        expected: The run compared with.
        actual: The run compared.
    """
    kinds: dict[Kind, list[ConditionDifference]] = {}
    others: dict[str, None] = {}
    for item in differences:
        if item.is_gap:
            continue
        kind = kind_of(item.path)
        if kind is None:
            others[condition_name(item.path, expected, actual)] = None
        else:
            kinds.setdefault(kind, []).append(item)
    return [*(title_of(kind, of, expected, actual) for kind, of in kinds.items()), *others]


def _is_from_clock(manifest: Manifest) -> bool:
    """Whether a run's seed is the time, in seconds, at which it began."""
    seed, started = manifest.seed, manifest.information.started
    if seed is None or started is None:
        return False
    try:
        began = datetime.fromisoformat(started).timestamp()
    except (OverflowError, ValueError):
        return False
    return abs(seed - began) < _HOUR


def _of_data(
    differences: Sequence[ConditionDifference], expected: Manifest, actual: Manifest
) -> str:
    """Name the data sets that differ, with what of each does: element type, length, arrays."""
    roles = (re.sub(r"\$\.conditions\.data\W+", "", item.path) for item in differences)
    names = dict.fromkeys(re.split(r"['\].]", role)[0] for role in roles)
    sets = [manifest.conditions.data or {} for manifest in (expected, actual)]
    return ", ".join(name + _change_of_set(sets[0].get(name), sets[1].get(name)) for name in names)


def _change_of_set(mine: Data | None, theirs: Data | None) -> str:
    """Say how a data set differs, where more is known than that its content does."""
    if mine is None or theirs is None:
        return ""
    said = []
    if mine.samples != theirs.samples:
        said.append(f"{mine.samples} → {theirs.samples} samples")
    pairs = list(zip(mine.arrays, theirs.arrays, strict=False))
    said += [f"{one.dtype} → {other.dtype}" for one, other in pairs if one.dtype != other.dtype]
    differing = [place for place, (one, other) in enumerate(pairs, 1) if one != other]
    if len(differing) == 1 < len(pairs):
        said.append(f"array {differing[0]} of {len(pairs)} alone")
    return f" ({', '.join(dict.fromkeys(said))})" if said else ""


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
    return None


def _named(differences: Sequence[ConditionDifference], expected: Manifest, actual: Manifest) -> str:
    """Name what differs, with its values where there are few."""
    parts: dict[str, str] = {}
    for item in differences:
        parts.setdefault(condition_name(item.path, expected, actual), change_of(item))
    return listed((f"{name} {change}" for name, change in parts.items()), _MAX_NAMED)


def extra_draws(expected: Manifest, actual: Manifest) -> tuple[str, str] | None:
    """Say how far apart two runs stand in the stream of one seed, where both do.

    Returns:
        A title and a sentence; None where the streams are not known in full, or the runs stand at
        the same place.
    """
    streams = []
    for manifest in (expected, actual):
        if manifest.seed is None:
            return None
        streams.append(replay(manifest.seed, drawn_seeds(manifest)))
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
        return "as one layer or initializer takes that is made there, used or not"
    if words == 2:
        return "as one random.random(), or two layers made there, used or not, take"
    layers = f"{words} layers made there, used or not, take"
    return f"as {layers}" if words % 2 else f"as {words // 2} calls of random.random(), or {layers}"
