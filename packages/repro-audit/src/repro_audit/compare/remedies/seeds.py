"""What gives two runs the same random numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.remedies.controlling import (
    IN_BOTH,
    control_as,
    is_controlled,
    seed_of,
    set_random_seed,
)
from repro_audit.compare.remedies.expected_code import literal, value_at
from repro_audit.compare.remedies.remedy import Remedy, variable
from repro_audit.errors import printable
from repro_audit.manifest import Manifest
from repro_audit.wording import listed

__all__ = ["REMEDIES", "seed_before_data"]

_LAYER = r"\.(initializers|seeds)\.layers\[\d+\]"
_MAX_NAMES = 3


def _declared(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    call = control_as(manifest) if is_controlled(manifest) else set_random_seed(manifest)
    return f"{call}  # in place of what sets another seed"


def _drawn_seeds(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return the line that seeds again behind whatever drew, where the draws begin to differ."""
    differ = {match[0] for item in differences if (match := re.search(_LAYER, item.path))}
    seeds, initializers = manifest.conditions.seeds, manifest.conditions.initializers
    drawn: list[tuple[str, str]] = []
    for index, item in enumerate(seeds.layers if seeds else ()):
        if not item.given:
            drawn.append((f".seeds.layers[{index}]", item.layer))
    for index, made in enumerate(initializers.layers if initializers else ()):
        if not made.given and made.seed is not None:
            drawn.append((f".initializers.layers[{index}]", made.layer))
    later = dict.fromkeys(layer for path, layer in drawn if path in differ)
    place = "the model is built"
    if later and not all(path in differ for path, _ in drawn):
        place = f"the first of these is made: {printable(listed(later, _MAX_NAMES))}"
    return f"{set_random_seed(manifest)}  # {IN_BOTH}, right before {place}"


def seed_before_data(manifest: Manifest) -> str:
    """Return the lines that seed before a program draws data, shuffles or splits them."""
    return (
        f"{set_random_seed(manifest)}  # {IN_BOTH}, first: before data are drawn or split\n"
        f"rng = np.random.default_rng({seed_of(manifest)})  # so for each generator of its own"
    )


def _python_seed(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    return f"{set_random_seed(manifest)}  # {IN_BOTH}, first: Python, NumPy and TensorFlow"


def _given_seeds(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    for item in differences:
        layer = value_at(manifest, item.path.removesuffix(".seed"))
        module, name = "initializers", getattr(layer, "initializer", None)
        if name is None:
            module, name = "layers", getattr(layer, "layer", None)
        if isinstance(name, str) and name.isidentifier() and isinstance(item.expected, int):
            return f"keras.{module}.{name}(..., seed={item.expected})  # as in the expected run"
    return "keras.layers.Dropout(..., seed=...)  # the expected run's: conditions.seeds"


def _generators(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return the line that gives a generator a seed: the expected run's, if it had one."""
    for item in differences:
        place = re.match(r"\$\.conditions\.seeds\.generators\[\d+\]", item.path)
        made = None if place is None else value_at(manifest, place[0])
        entropy = getattr(made, "entropy", None)
        chance = getattr(made, "is_left_to_chance", False)
        if made and entropy and not chance and not made.spawn_key and made.bit_generator == "PCG64":
            seed = literal(entropy[0] if len(entropy) == 1 else entropy)
            return f"rng = np.random.default_rng({seed})  # as in the expected run"
    return f"rng = np.random.default_rng({seed_of(manifest)})  # {IN_BOTH}"


def _generator_state(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    if manifest.seed is None:
        return _python_seed(manifest, differences)
    return _drawn_seeds(manifest, differences)


def _hash_seed(manifest: Manifest) -> str | None:
    seeds = manifest.conditions.seeds
    return (seeds.hash_seed.requested if seeds is not None else None) or "0"


REMEDIES: dict[str, Remedy] = {
    "seed": _declared,
    "drawn_seeds": _drawn_seeds,
    "python_seed": _python_seed,
    "given_seeds": _given_seeds,
    "generators": _generators,
    "generator_state": _generator_state,
    "hash_seed": variable("PYTHONHASHSEED", _hash_seed),
}
"""By kind of cause."""
