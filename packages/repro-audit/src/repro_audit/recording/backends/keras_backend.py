"""Keras on any framework: what its public and private names tell, whatever computes below.

Many of the facts are readable only through private names. Each is used in one method here, or in
`keras_state`, so that a release that moves one costs one field of the manifest. The method names
them; all stand so in the sources of Keras 3.12.0 and of 3.15.1. When one moves:

- Read the new name first and the old one else, as long as `pyproject.toml` allows a release that
  has the old one; add the release to the comment.
- Where a name has a default (``getattr`` with three arguments), nothing fails when it moves: what
  is recorded is empty, or wrong. Make sure that a test of ``tests/recording`` fails then.
- Where no name tells the fact any more, let the method raise: the field is then missing, and says
  why.
"""

from __future__ import annotations

import abc
import contextlib
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from repro_audit.capture.backend import StateTensor
from repro_audit.capture.training import plain
from repro_audit.manifest.conditions import Execution, LayerInitializer, LayerSeed
from repro_audit.recording.backends import compiling
from repro_audit.recording.backends.groups import Group, trainable_ids, variable_id
from repro_audit.recording.backends.keras_state import (
    StateVariable,
    label_of,
    layers_of,
    state_variables,
    weight_variables,
)

__all__ = ["KerasBackend"]

_STEPS = ("train_step", "test_step", "compute_loss", "compute_metrics")
"""Methods by which a model trains, which a single one may be given instead of its class."""

_MID_MANTISSA_BIT = {"bfloat16": 3, "float16": 5, "float32": 11, "float64": 26}


class KerasBackend(abc.ABC):
    """What every backend of Keras has in common. Only `flip_bit` and `move_weights` set.

    A backend says how a variable is read, and what else is its own.
    """

    def __init__(self, optimizers: Callable[[Any], Sequence[Any]]) -> None:
        """Import Keras.

        Args:
            optimizers: Returns the optimizers that update a model.
        """
        import keras

        self.keras = keras
        self._optimizers = optimizers

    # What a backend says.

    @abc.abstractmethod
    def read(self, variable: Any) -> Any:
        """Return a variable's value as a NumPy array.

        Returns:
            An array of its dtype and shape; on a CPU a view of the value, which no update changes.
        """

    def write(self, variable: Any, value: Any) -> None:
        """Set a variable to a NumPy array."""
        variable.assign(value)

    def runs_eagerly(self) -> bool:
        """Return whether all functions are run eagerly, whatever a model asks for."""
        return False

    # What all have in common.

    def set_seed(self, seed: int) -> None:
        self.keras.utils.set_random_seed(seed)

    def declared_seed(self) -> int | None:
        # Private: rng_utils.get_random_seed (Keras 3.12 to 3.15). It knows the seed of its own
        # thread alone, and none after clear_session. When it moves, no seed can be read.
        from keras.src.utils import rng_utils

        seed: int | None = rng_utils.get_random_seed()
        return seed

    def execution(self, model: Any, index: int, jit_requested: bool | str | None) -> Execution:
        eagerly = self.runs_eagerly()
        if isinstance(model, Group):
            jit, steps, policy = False, 1, self.read(model.variables[0]).dtype.name
        else:
            jit, steps = bool(model.jit_compile), int(model.steps_per_execution)
            policy = str(model.dtype_policy.name)
            eagerly = eagerly or model.run_eagerly
        return Execution(
            model=index,
            jit_requested=jit_requested,
            jit=jit,
            eager=bool(eagerly),
            steps_per_execution=steps,
            dtype_policy=policy,
        )

    def limits(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        config = self.keras.config
        most = {
            "epochs": getattr(config, "max_epochs", lambda: None)(),
            "steps_per_epoch": getattr(config, "max_steps_per_epoch", lambda: None)(),
        }
        return {
            name: limit if arguments.get(name) is None else min(arguments[name], limit)
            for name, limit in most.items()
            if limit is not None and name in arguments
        }

    def model_class(self, model: Any) -> str:
        if isinstance(model, Group):
            return model.title
        own = [name for name in _STEPS if name in vars(model)]
        name = type(model).__name__
        return f"{name} with its own {' and '.join(own)}" if own else name

    def model_config(self, model: Any) -> Any:
        if isinstance(model, Group):
            values = map(self.read, model.variables)
            return {"variables": [[value.dtype.name, list(value.shape)] for value in values]}
        positions = {layer.name: f"<{index}>" for index, layer in enumerate(layers_of(model))}

        def without_names(value: Any) -> Any:
            if isinstance(value, dict):
                return compiling.without_place(
                    {key: without_names(item) for key, item in value.items()}
                )
            if isinstance(value, list):
                return [without_names(item) for item in value]
            return positions.get(value, value) if isinstance(value, str) else value

        with _no_warnings_of_serialization():
            config = self.keras.saving.serialize_keras_object(model)
        # What is built and compiled stands elsewhere in the manifest.
        parts = {"module", "class_name", "config", "registered_name"}
        config = plain({key: config[key] for key in parts if key in config})
        return without_names(config)

    def compile_config(self, model: Any) -> Mapping[str, Any]:
        if not getattr(model, "compiled", False):
            return {}
        with _no_warnings_of_serialization():
            config = model.get_compile_config() or {}
        return {name: plain(config.get(name)) for name in ("loss", "metrics")}

    def compile_arguments(
        self,
        model: Any,
        given: Mapping[str, Any] | None,
        own: Mapping[str, Any],
        outputs: Sequence[str],
    ) -> Mapping[str, Any]:
        return compiling.compile_arguments(self, model, given, own, outputs)

    def own_code(self, model: Any) -> Mapping[str, str]:
        return {} if isinstance(model, Group) else compiling.own_code(model)

    def object_config(self, held: Any) -> Any:
        """Return the config of an optimizer, a loss or a metric without names, as plain values."""
        with _no_warnings_of_serialization():
            config = plain(self.keras.saving.serialize_keras_object(held))
        # Keras calls a second optimizer adam_1: a label.
        _drop_names(config)
        return config

    def optimizers(self, model: Any) -> Sequence[Any]:
        return self._optimizers(model)

    def optimizer_config(self, optimizer: Any) -> Any:
        return self.object_config(optimizer)

    def metric_dtypes(self, model: Any) -> Mapping[str, str]:
        dtypes = {}
        pending = list(getattr(model, "metrics", ()))
        while pending:
            metric = pending.pop()
            # Keras holds the metrics given to compile in one that contains them.
            if isinstance(getattr(metric, "metrics", None), list):
                pending.extend(metric.metrics)
            elif metric.variables:
                dtypes[str(metric.name)] = str(metric.variables[0].dtype)
        return dtypes

    def layer_seeds(self, model: Any, index: int) -> list[LayerSeed]:
        # Private: Layer._seed_generators and SeedGenerator._initial_seed (Keras 3.12 to 3.15).
        # When the first moves, no layer seems to have a generator.
        return [
            LayerSeed(
                model=index,
                layer=type(layer).__name__,
                # The state is [seed, counter]: the first is the seed, drawn or given.
                seed=int(self.read(generator.state)[0]),
                given=generator._initial_seed is not None,
            )
            for layer in layers_of(model)
            for generator in getattr(layer, "_seed_generators", ())
        ]

    def layer_initializers(self, model: Any, index: int) -> list[LayerInitializer]:
        # Private: RandomInitializer._init_seed, the seed as it was given, and
        # SeedGenerator._initial_seed (Keras 3.12 to 3.15). When the first moves, every drawn seed
        # seems to be a given one.
        found = []
        for layer in layers_of(model):
            for attribute, initializer in sorted(vars(layer).items()):
                if not isinstance(initializer, self.keras.initializers.Initializer):
                    continue
                seed = getattr(initializer, "seed", None)
                seed = getattr(seed, "_initial_seed", seed)
                found.append(
                    LayerInitializer(
                        model=index,
                        layer=type(layer).__name__,
                        role=attribute.removesuffix("_initializer").lstrip("_"),
                        initializer=type(initializer).__name__,
                        seed=seed,
                        given=None
                        if seed is None
                        else getattr(initializer, "_init_seed", seed) is not None,
                    )
                )
        return found

    def is_built(self, model: Any) -> bool:
        # Keras's own test before a symbolic build.
        return all(layer.built for layer in layers_of(model))

    def key(self, variable: Any) -> int:
        return variable_id(variable)

    def keys(self, model: Any) -> set[int]:
        return {variable_id(variable) for variable in model.variables}

    def trainable_keys(self, model: Any) -> set[int]:
        return trainable_ids(model)

    def weights(self, model: Any) -> list[StateTensor]:
        return [self._tensor(item) for item in weight_variables(model)]

    def state(self, model: Any) -> list[StateTensor]:
        return [self._tensor(item) for item in state_variables(model, self._optimizers(model))]

    def describe_state(self, model: Any) -> list[tuple[str, str, str]]:
        state = state_variables(model, self._optimizers(model))
        return [(item.kind, item.layer, item.role) for item in state]

    def move_weights(self, model: Any, seed: int) -> int:
        import numpy as np

        moved = 0
        for position, variable in enumerate(model.trainable_variables):
            value = self.read(variable).copy()
            if value.dtype.name not in _MID_MANTISSA_BIT:
                continue
            # Neighbours have neighbouring words: their sign is a bit of its own.
            words = value.view(f"i{value.dtype.itemsize}")
            draws = np.random.Generator(np.random.PCG64([seed, position]))
            moves = draws.integers(-1, 2, words.shape, dtype=np.int8).astype(words.dtype)
            before = value.copy()
            words += np.where((value != 0) & np.isfinite(value), moves, words.dtype.type(0))
            value[...] = np.where(np.isfinite(value), value, before)  # beyond the largest is none
            moved += int(np.count_nonzero(value != before))
            self.write(variable, value)
        return moved

    def flip_bit(self, model: Any) -> tuple[int, int, int]:
        weights = model.trainable_variables or model.variables
        variable = max(weights, key=lambda item: int(_size(item.shape)))
        value = self.read(variable).copy()
        flat = value.reshape(-1)
        # The largest element: never zero, so a bit of its mantissa always counts.
        element = int(abs(flat).argmax())
        bit = _MID_MANTISSA_BIT[value.dtype.name]
        words = flat.view(f"u{value.dtype.itemsize}")
        words[element] ^= words.dtype.type(1 << bit)
        self.write(variable, value)
        position = next(index for index, item in enumerate(model.variables) if item is variable)
        return position, element, bit

    def _tensor(self, item: StateVariable) -> StateTensor:
        return StateTensor(
            label=label_of(item.variable),
            layer=item.layer,
            role=item.role,
            array=self.read(item.variable),
            kind=item.kind,
        )


def _size(shape: Sequence[int]) -> int:
    size = 1
    for axis in shape:
        size *= axis
    return size


def _drop_names(serialized: Any) -> None:
    """Take the name out of a config, and out of those it wraps."""
    if isinstance(serialized, dict):
        config = serialized.get("config")
        if isinstance(config, dict):
            config.pop("name", None)
            for inner in config.values():
                _drop_names(inner)


@contextlib.contextmanager
def _no_warnings_of_serialization() -> Iterator[None]:
    """Keep to ourselves what Keras warns of as it serializes, which the script does not ask for.

    The filters of `warnings` stay as they are: to change them shows again what was shown once.
    """
    # Private: the module `warnings` as serialization_lib imports it (Keras 3.12 to 3.15). When it
    # warns in another way, the script sees warnings that it would not see without us.
    from keras.src.saving import serialization_lib

    before = serialization_lib.warnings
    serialization_lib.warnings = types.SimpleNamespace(warn=lambda *_, **__: None)
    try:
        yield
    finally:
        serialization_lib.warnings = before
