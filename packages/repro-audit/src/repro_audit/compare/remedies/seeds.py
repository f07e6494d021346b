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
from repro_audit.compare.remedies.remedy import Remedy, fixed, variable
from repro_audit.manifest import Manifest

__all__ = ["REMEDIES"]

_LAYER = r"\.(initializers|seeds)\.layers\[(\d+)\]"


def _declared(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    call = control_as(manifest) if is_controlled(manifest) else set_random_seed(manifest)
    return f"{call}  # in place of what sets another seed"


def _drawn_seeds(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return the line that seeds again behind whatever drew, where the draws begin to differ."""
    found = (re.search(_LAYER, item.path) for item in differences)
    drawn = sorted((match[1], int(match[2])) for match in found if match)
    place = "the model is built"
    if drawn and drawn[0][1] > 0:
        part, index = drawn[0]
        layer = value_at(manifest, f"$.conditions.{part}.layers[{index}].layer")
        if isinstance(layer, str) and layer.isidentifier():
            place = f"{layer} is made, the first layer that drew another seed"
    return f"{set_random_seed(manifest)}  # {IN_BOTH}, right before {place}"


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
    """Return the line that makes the expected run's generator: its own seed, drawn or given."""
    for item in differences:
        place = re.match(r"\$\.conditions\.seeds\.generators\[\d+\]", item.path)
        made = None if place is None else value_at(manifest, place[0])
        entropy = getattr(made, "entropy", None)
        if made and entropy and not made.spawn_key and made.bit_generator == "PCG64":
            seed = literal(entropy[0] if len(entropy) == 1 else entropy)
            return f"rng = np.random.default_rng({seed})  # as in the expected run"
    return f"rng = np.random.default_rng({seed_of(manifest)})  # {IN_BOTH}"


def _hash_seed(manifest: Manifest) -> str | None:
    seeds = manifest.conditions.seeds
    return (seeds.hash_seed.requested if seeds is not None else None) or "0"


REMEDIES: dict[str, Remedy] = {
    "seed": _declared,
    "drawn_seeds": _drawn_seeds,
    "python_seed": _python_seed,
    "given_seeds": _given_seeds,
    "generators": _generators,
    "generator_state": _drawn_seeds,
    "hash_seed": variable("PYTHONHASHSEED", _hash_seed),
    "resume": fixed(
        "dropout.seed_generator.state.assign([seed, steps_done])  # before the first step"
    ),
}
"""By kind of cause."""
