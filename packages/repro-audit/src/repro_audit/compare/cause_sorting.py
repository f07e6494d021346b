"""Which kind of cause each condition that differs belongs to, in the light of all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.kinds import DRAWN_SEED, KINDS, Kind, kind_named, kind_of
from repro_audit.manifest import Manifest
from repro_audit.replay import drawn_seeds, replay

__all__ = ["sort_by_kind"]


def sort_by_kind(
    expected: Manifest, actual: Manifest, differences: Sequence[ConditionDifference]
) -> dict[Kind, list[ConditionDifference]]:
    """Sort the conditions that differ by the kind of cause they belong to.

    Args:
        expected: The run compared with.
        actual: The run compared.
        differences: Conditions that are known to differ.

    Returns:
        Each kind with its conditions, in the order of `KINDS`; what causes nothing is left out.
    """
    by_name: dict[str, list[ConditionDifference]] = {}
    for difference in differences:
        kind = kind_of(difference.path)
        if kind is not None:
            by_name.setdefault(kind.name, []).append(difference)
    if "drawn_seeds" in by_name and _are_given(expected, actual, by_name["drawn_seeds"]):
        by_name["given_seeds"] = by_name.pop("drawn_seeds")
    seed = [item.path for item in by_name.get("seed", ())]
    if "drawn_seeds" in by_name and kind_named("seed").is_effective(seed):
        # The layers drew other seeds because the seed is another: one cause.
        by_name["seed"] += by_name.pop("drawn_seeds")
    if "drawn_seeds" in by_name and not _from_a_seed(expected, actual):
        by_name["python_seed"] = by_name.pop("drawn_seeds")
    if "data" in by_name and _only_order(expected, actual):
        by_name["sample_order"] = by_name.pop("data")
    return {kind: by_name[kind.name] for kind in KINDS if kind.name in by_name}


def _from_a_seed(expected: Manifest, actual: Manifest) -> bool:
    """Whether the layers' seeds are draws of a seed that was set, in both runs."""
    for manifest in (expected, actual):
        drawn = drawn_seeds(manifest)
        if manifest.seed is None or (drawn and not replay(manifest.seed, drawn).found):
            return False
    return True


def _are_given(
    expected: Manifest, actual: Manifest, differences: Sequence[ConditionDifference]
) -> bool:
    """Whether every seed that differs is one that the user gave to its layer."""
    found = [
        re.fullmatch(DRAWN_SEED, item.path.removeprefix("$.conditions.")) for item in differences
    ]
    layers = [(match["part"], int(match["layer"])) for match in found if match]
    return bool(layers) and all(
        _is_given(manifest, *layer) for manifest in (expected, actual) for layer in layers
    )


def _is_given(manifest: Manifest, part: str, layer: int) -> bool:
    of_part = getattr(manifest.conditions, part)
    return of_part is not None and len(of_part.layers) > layer and bool(of_part.layers[layer].given)


def _only_order(expected: Manifest, actual: Manifest) -> bool:
    """Whether every data set that differs holds the same samples in another order."""
    mine, theirs = expected.conditions.data or {}, actual.conditions.data or {}
    differing = [role for role in mine.keys() & theirs.keys() if mine[role] != theirs[role]]
    return bool(differing) and all(
        mine[role].unordered_digest is not None
        and mine[role].unordered_digest == theirs[role].unordered_digest
        for role in differing
    )
