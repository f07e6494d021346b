"""What in a manifest draws random numbers while a model trains."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import LayerSeed, RandomSource

__all__ = ["drawing_layers", "generators_begin_anew", "random_sources"]

_STATE = "seed_generator_state"
_BYTES = {"int64": 8, "int32": 4, "uint32": 4}


def random_sources(manifest: Manifest) -> Iterator[tuple[str, RandomSource]]:
    """Yield each random source of the data, behind the JSONPath of it."""
    determinism = manifest.conditions.determinism
    for index, dataset in enumerate(determinism.datasets if determinism else ()):
        path = f"$.conditions.determinism.datasets[{index}]"
        for place, source in enumerate(dataset.random):
            yield f"{path}.random[{place}]", source
        for at, stage in enumerate(dataset.stages):
            for place, source in enumerate(stage.random):
                yield f"{path}.stages[{at}].random[{place}]", source


def drawing_layers(manifest: Manifest) -> dict[int, frozenset[str]]:
    """Return, by model, the classes of layers whose generators moved, or may have moved.

    A recurrent layer has a generator even where it drops nothing; its state then stays.
    """
    found = {}
    for model, layers in _by_model(manifest).items():
        classes = frozenset(item.layer for item in layers)
        moved = _moved(manifest, model)
        found[model] = classes if moved is None else classes & moved
    return found


def generators_begin_anew(manifest: Manifest) -> frozenset[int]:
    """Return the models whose generators that draw stood at ``[seed, 0]`` before the first step.

    In a run that was resumed it tells that nobody restored them. A model whose weights before
    the first step are not known is among them.
    """
    found = set()
    drawing = drawing_layers(manifest)
    for model, layers in _by_model(manifest).items():
        weights = manifest.outcomes.initial_weights
        before = weights[model] if model < len(weights) else None
        fresh = {_digest(item.seed, dtype) for item in layers for dtype in _BYTES}
        if before is None or any(
            _STATE in item.role and item.layer in drawing[model] and item.digest in fresh
            for item in before
        ):
            found.add(model)
    return frozenset(found)


def _by_model(manifest: Manifest) -> dict[int, list[LayerSeed]]:
    seeds = manifest.conditions.seeds
    found: dict[int, list[LayerSeed]] = {}
    for item in seeds.layers if seeds else ():
        found.setdefault(item.model, []).append(item)
    return found


def _moved(manifest: Manifest, model: int) -> set[str] | None:
    """Return the owners of generators whose state differs at the end; None where not known."""
    outcomes = manifest.outcomes
    if model >= min(len(outcomes.initial_weights), len(outcomes.final_state)):
        return None
    before, after = outcomes.initial_weights[model], outcomes.final_state[model]
    if before is None or after is None:
        return None
    return {
        first.layer
        for first, last in zip(before, after, strict=False)
        if _STATE in first.role and first.digest != last.digest
    }


def _digest(seed: int, dtype: str) -> str:
    """Return the digest of a generator's state ``[seed, 0]``, as `digest_array` makes it."""
    size = _BYTES[dtype]
    content = (seed % 2 ** (8 * size)).to_bytes(size, "little") + bytes(size)
    return "sha256:" + hashlib.sha256(f"{dtype} 2\n".encode() + content).hexdigest()
