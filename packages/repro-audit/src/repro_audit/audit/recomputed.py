"""RA6xx: digests and states that can be computed again from what stands beside them."""

from __future__ import annotations

import hashlib
import itertools
import math
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeGuard

from repro_audit.audit.contradictions import contradiction
from repro_audit.audit.plain_fits import final_tensor, is_keras_own, is_untouched, only_fit
from repro_audit.audit.rules import Hit
from repro_audit.canonical import digest_json
from repro_audit.manifest import Manifest, unstructure
from repro_audit.manifest.fields import path_below
from repro_audit.manifest.records import Tensor

_FORMATS = {"float32": "<f", "float64": "<d", "float16": "<e"}
_INTEGER_BYTES = {"int32": 4, "int64": 8, "uint32": 4}
_ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
_MAX_BYTES = 2**26
_MAX_DRAWS = 65_536
_CONSTANT = {"Zeros": 0.0, "Ones": 1.0}
_BUILT_AS_SAID = frozenset(
    {
        "BatchNormalization", "Conv1D", "Conv2D", "Conv3D", "Dense", "DepthwiseConv1D",
        "DepthwiseConv2D", "LayerNormalization",
    }
)  # fmt: skip
"""Layers whose weights are what their initializers give; that of an LSTM's bias is changed."""

_MOVING = frozenset({"moving_mean", "moving_variance"})
"""Weights that a forward pass changes, and a loop makes one before it is seen."""


@contradiction("RA606", "a digest of a condition does not match the values beside it")
def condition_digests(manifest: Manifest) -> Iterator[Hit]:
    """A data set's digest, or its size, or a model's digest, is not that of what stands there."""
    for role, data in (manifest.conditions.data or {}).items():
        where = path_below("$.conditions.data", role)
        if data.digest != digest_json([unstructure(item) for item in data.arrays]):
            yield Hit("The digest of a data set is not that of its arrays.", f"{where}.digest")
        first = data.arrays[0] if data.arrays else None
        if first is not None and first.dtype != "file":
            size = first.shape[0] if first.shape else None
            if data.samples != size:
                yield Hit(
                    f"The data set is said to hold {data.samples:,} samples, "
                    f"and its first array holds {size:,}."
                    if data.samples is not None and size is not None
                    else "The number of samples is not that of the first array.",
                    f"{where}.samples",
                )
    training = manifest.conditions.training
    for index, model in enumerate(training.models if training else ()):
        said = model.config_digest
        if said is not None and said != digest_json(model.config):
            yield Hit(
                "The digest of a model's config is not that of the config.",
                f"$.conditions.training.models[{index}].config_digest",
            )


@contradiction(
    "RA607",
    "initial weights are not what their initializers give",
    source="Keras: Zeros and Ones; the state of a SeedGenerator is its seed and a count",
)
def initial_weights(manifest: Manifest) -> Iterator[Hit]:
    """Nothing was loaded, and a weight that begins as zeros or ones, or as a seed, does not."""
    initializers, seeds = manifest.conditions.initializers, manifest.conditions.seeds
    if initializers is None or initializers.restored is not False:
        return
    constant: dict[tuple[int, str, str], set[str]] = {}
    for item in initializers.layers:
        constant.setdefault((item.model, item.layer, item.role), set()).add(item.initializer)
    # A later model may share layers with one that was trained by then.
    for model, tensors in enumerate(manifest.outcomes.initial_weights[:1]):
        states = [item.seed for item in seeds.layers if item.model == model] if seeds else []
        random = [item for item in tensors or () if item.role == "seed_generator_state"]
        held = Counter((item.layer, item.role) for item in tensors or ())
        initialized = Counter(
            (item.layer, item.role) for item in initializers.layers if item.model == model
        )
        for position, tensor in enumerate(tensors or ()):
            names = constant.get((model, tensor.layer, tensor.role), set())
            name = next(iter(names), "")
            wrong = False
            kind = tensor.layer, tensor.role
            # Of a function, or an array, that initializes nothing is recorded.
            said = len(names) == 1 and initialized[kind] == held[kind]
            built = tensor.layer in _BUILT_AS_SAID and tensor.role not in _MOVING
            if built and said and name in _CONSTANT:
                expected = _filled(tensor, _CONSTANT[name])
                wrong = expected is not None and tensor.digest != expected
            elif tensor.role == "seed_generator_state" and len(states) == len(random):
                # Of all seeds side by side: a model has mostly drawn nothing when it is first seen.
                after_each = zip(*(_seed_states(tensor, seed) for seed in states), strict=True)
                wrong = all(tensor.digest not in known for known in after_each)
                name = "its seed"
            if wrong:
                label = f"{tensor.layer} {tensor.role} at {position}"
                yield Hit(
                    f"No weight was loaded, and {label} of model {model} does not begin as "
                    f"{name.lower()}.",
                    f"$.outcomes.initial_weights[{model}]",
                )
                break  # one says it, and to look for a state takes time


@contradiction(
    "RA608",
    "the learning rate is not the one that was used",
    source="Keras: the learning rate is a variable of the optimizer, unless a schedule gives it",
)
def learning_rate(manifest: Manifest) -> Iterator[Hit]:
    """Nothing changes the learning rate, and the optimizer ends with another than its config's."""
    fit = only_fit(manifest)
    if fit is None or fit.may_steer or not fit.data_looks_on or not is_untouched(manifest):
        return
    found = final_tensor(manifest, fit, "learning_rate")
    optimizer, more = fit.model.optimizer, fit.model.more_optimizers
    known = is_keras_own(optimizer) and _has_config(optimizer)
    value = optimizer["config"].get("learning_rate") if known else None
    if more or found is None or not _is_number(value):
        return
    expected = _filled(found, float(value))
    if expected is not None and found.digest != expected:
        yield Hit(
            f"The optimizer was configured with a learning rate of {value:g} and ended with "
            "another, which nothing in the run changes.",
            f"$.conditions.training.models[{fit.arguments.model}].optimizer",
        )


def count_of(tensor: Tensor, *, below: int) -> int | None:
    """Return the number that a tensor holds, found by its digest.

    Args:
        tensor: An integer of rank 0.
        below: The limit.

    Returns:
        The number; None where it is not below the limit or not below 65,536, or the tensor is no
        integer of rank 0.
    """
    size = _INTEGER_BYTES.get(tensor.dtype)
    if size is None or tensor.shape:
        return None
    numbers = range(min(below, _MAX_DRAWS))
    found = (
        item for item in numbers if _digest(tensor, item.to_bytes(size, "little")) == tensor.digest
    )
    return next(found, None)


def _has_config(optimizer: Any) -> bool:
    return isinstance(optimizer, dict) and isinstance(optimizer.get("config"), dict)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _filled(tensor: Tensor, value: float) -> str | None:
    """Return the digest of a tensor of this shape that holds one value; None if that is unknown."""
    size = math.prod(tensor.shape)
    item = _ITEM_BYTES.get(tensor.dtype)
    if item is None or size * item > _MAX_BYTES:
        return None
    if value == 0:
        content = bytes(size * item)
    else:
        try:
            content = struct.pack(_FORMATS[tensor.dtype], value) * size
        except (KeyError, OverflowError):
            return None
    return _digest(tensor, content)


def _seed_states(tensor: Tensor, seed: int) -> Iterator[str]:
    """Yield the digests of a generator's state with this seed, after 0, 1, 2 … draws."""
    size = _INTEGER_BYTES.get(tensor.dtype)
    if size is None or tensor.shape != (2,):
        yield from itertools.repeat(tensor.digest, _MAX_DRAWS)  # another Keras keeps it otherwise
        return
    begun = hashlib.sha256(_head(tensor) + (seed % 2 ** (8 * size)).to_bytes(size, "little"))
    for draws in range(_MAX_DRAWS):
        hasher = begun.copy()
        hasher.update(draws.to_bytes(size, "little"))
        yield "sha256:" + hasher.hexdigest()


def _digest(tensor: Tensor, content: bytes) -> str:
    """Return the digest of an array as `repro_audit.canonical.digest_array` makes it."""
    return "sha256:" + hashlib.sha256(_head(tensor) + content).hexdigest()


def _head(tensor: Tensor) -> bytes:
    """Return what stands before the content of an array where it is digested."""
    return f"{tensor.dtype} {','.join(map(str, tensor.shape))}\n".encode()
