"""When a condition begins to act, beside when the runs diverge."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from repro_audit.compare.comparison import ConditionDifference, FirstDifference
from repro_audit.compare.kinds import Kind
from repro_audit.manifest import Manifest

__all__ = ["by_time"]

_PARTS = re.compile(
    r"\$\.conditions\.(?P<part>training\.models|training\.fits|determinism\.execution"
    r"|determinism\.backend\.models|determinism\.datasets)\[(?P<index>\d+)\]"
)
"""Lists of which each item belongs to a model or a fit."""


_ByKind = dict[Kind, list[ConditionDifference]]


def by_time(
    expected: Manifest,
    actual: Manifest,
    kinds: Mapping[Kind, Sequence[ConditionDifference]],
    first: FirstDifference,
) -> tuple[_ByKind, _ByKind]:
    """Part conditions that can have made runs diverge from those that act only afterwards.

    Args:
        expected: The run compared with.
        actual: The run compared.
        kinds: Conditions that differ, by the kind of cause they belong to.
        first: Where the runs diverge.

    Returns:
        Those that act by then, or of which it is not known when they do; and those of fits that
        begin later. A kind may be in both, and has a condition wherever it is.
    """
    act: _ByKind = {}
    later: _ByKind = {}
    for kind, items in kinds.items():
        for item in items:
            begins = later if _begins_later(expected, actual, item.path, first) else act
            begins.setdefault(kind, []).append(item)
    return act, later


def _begins_later(expected: Manifest, actual: Manifest, path: str, first: FirstDifference) -> bool:
    """Whether a condition is of fits that begin after the runs diverge, and of no other."""
    found = _PARTS.match(path)
    if found is None or first.fit is None:
        return False
    fits = [
        _first_fit(manifest, found["part"], int(found["index"])) for manifest in (expected, actual)
    ]
    known = [fit for fit in fits if fit is not None]
    return bool(known) and min(known) > first.fit


def _first_fit(manifest: Manifest, part: str, index: int) -> int | None:
    """Return the first fit that a condition is of, from 0; None where the run has none of it."""
    items: Any = manifest.conditions
    for name in part.split("."):
        items = getattr(items, name, ())
    if index >= len(items):
        return None
    if part == "training.fits":
        return index
    if part == "determinism.datasets":
        return int(items[index].fit)
    model = index if part == "training.models" else items[index].model
    fits = [number for number, fit in enumerate(manifest.outcomes.fits) if fit.model == model]
    # A model that is only evaluated acts on no fit.
    return fits[0] if fits else None
