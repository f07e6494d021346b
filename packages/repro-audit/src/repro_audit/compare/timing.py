"""When a condition begins to act, beside when the runs diverge."""

from __future__ import annotations

import re
from typing import Any

from repro_audit.compare.comparison import FirstDifference
from repro_audit.manifest import Manifest

__all__ = ["begins_later"]

_PARTS = re.compile(
    r"\$\.conditions\.(?P<part>training\.models|training\.fits|determinism\.execution"
    r"|determinism\.backend\.models|determinism\.datasets)\[(?P<index>\d+)\]"
)
"""Lists of which each item belongs to a model or a fit."""


def begins_later(expected: Manifest, actual: Manifest, path: str, first: FirstDifference) -> bool:
    """Return whether a condition acts only in fits that begin after the runs diverge.

    Args:
        expected: The run compared with.
        actual: The run compared.
        path: JSONPath of the condition.
        first: Where the runs diverge.

    Returns:
        False also where it is not known when it begins, or when the runs diverge.
    """
    found = _PARTS.match(path)
    if found is None or first.fit is None:
        return False
    part, index = found["part"], int(found["index"])
    begins = [_first_fit(manifest, part, index) for manifest in (expected, actual)]
    return all(fit is None or fit > first.fit for fit in begins) and begins != [None, None]


def _first_fit(manifest: Manifest, part: str, index: int) -> int | None:
    """Return the first fit that a condition is of, from 0; None where the run has none of it."""
    items: Any = manifest.conditions
    for name in part.split("."):
        items = getattr(items, name, None)
    if items is None or index >= len(items):
        return None
    if part == "training.fits":
        return index
    if part == "determinism.datasets":
        return int(items[index].fit)
    model = index if part == "training.models" else items[index].model
    fits = [number for number, fit in enumerate(manifest.outcomes.fits) if fit.model == model]
    # A model that is only evaluated acts on no fit.
    return fits[0] if fits else None
