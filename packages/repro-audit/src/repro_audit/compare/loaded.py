"""Whether the weights that two runs begin with were loaded, whatever their layers drew before."""

from __future__ import annotations

from repro_audit.manifest import Manifest

__all__ = ["were_loaded"]

_CONSTANT = frozenset({"Constant", "Identity", "Ones", "Zeros"})
"""Initializers whose weights no seed decides."""


def were_loaded(expected: Manifest, actual: Manifest) -> bool:
    """Return whether both runs loaded or set weights, and some of them differ that no seed decides.

    Args:
        expected: The run compared with.
        actual: The run compared.

    Returns:
        False also where it was not seen whether weights were loaded.
    """
    known = expected.conditions.initializers, actual.conditions.initializers
    if any(item is None or item.restored is not True for item in known):
        return False
    initializers: dict[tuple[int, str, str], set[str]] = {}
    for item in known:
        for weight in () if item is None else item.layers:
            place = weight.model, weight.layer, weight.role
            initializers.setdefault(place, set()).add(weight.initializer)
    sides = zip(expected.outcomes.initial_weights, actual.outcomes.initial_weights, strict=False)
    return any(
        mine.digest != theirs.digest
        and initializers.get((model, mine.layer, mine.role), {""}) <= _CONSTANT
        for model, (first, second) in enumerate(sides)
        for mine, theirs in zip(first or (), second or (), strict=False)
    )
