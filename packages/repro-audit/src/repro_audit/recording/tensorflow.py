"""Keras on TensorFlow, as `repro_audit.capture.Backend` asks for it.

Many of the facts are readable only through private names of Keras and TensorFlow; each is
used in one method here, so that a release that moves one costs one field of the manifest.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from repro_audit.capture.backend import Held, StateTensor
from repro_audit.capture.training import plain
from repro_audit.errors import CaptureError, printable
from repro_audit.manifest.conditions import (
    DatasetOptions,
    Execution,
    LayerInitializer,
    LayerSeed,
    RandomSource,
    Stage,
)
from repro_audit.recording import pipelines
from repro_audit.recording.tracing import describe

if TYPE_CHECKING:
    from repro_audit.trace import Column

__all__ = [
    "StateVariable",
    "TensorFlow",
    "import_keras",
    "optimizer_variables",
    "state_variables",
    "weight_variables",
]

_MID_MANTISSA_BIT = {"bfloat16": 3, "float16": 5, "float32": 11, "float64": 26}


def import_keras() -> Any:
    """Import Keras and return it.

    Raises:
        CaptureError: Keras is not installed, or runs on another backend than TensorFlow.
    """
    # Importing TensorFlow draws from Python's generator; a user who has seeded must not notice.
    state = random.getstate()
    wanted = os.environ.get("KERAS_BACKEND", "tensorflow")
    try:
        import keras
        import tensorflow as tf  # noqa: F401 - imported here so that no later import draws
    except ImportError as error:
        if wanted != "tensorflow":
            raise CaptureError(_other_backend(wanted)) from error
        message = (
            f"Recording needs Keras 3 and TensorFlow ({error}). "
            'Install them with: pip install "repro-audit[keras]"'
        )
        raise CaptureError(message) from error
    finally:
        random.setstate(state)
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise CaptureError(_other_backend(backend))
    return keras


def _other_backend(name: str) -> str:
    return (
        f"Expected Keras on TensorFlow, received Keras on {printable(name)}. Other "
        "backends are not recorded yet: set KERAS_BACKEND=tensorflow before Keras is imported."
    )


def _context() -> Any:
    from tensorflow.python.eager import context

    return context.context()


def in_use() -> bool:
    """Return whether TensorFlow has been initialised; it is imported already."""
    return bool(_context()._initialized)


def functions_traced() -> int:
    """Return how many functions have been traced; 0 while TensorFlow is not in use."""
    # An eager operation registers a function too; its name starts with "__wrapped__".
    if not in_use():
        return 0
    names = (str(name) for name in _context().list_function_names())
    return sum("__wrapped__" not in name for name in names)


class TensorFlow:
    """Keras on TensorFlow. Reads and never sets, but for `flip_bit`."""

    name = "tensorflow"

    @functools.cached_property
    def keras(self) -> Any:
        """Keras, imported when it is first asked for."""
        return import_keras()

    def build(self) -> str:
        import tensorflow as tf

        return f"{tf.version.GIT_VERSION} {tf.version.COMPILER_VERSION}"

    def declared_seed(self) -> int | None:
        from keras.src.utils import rng_utils

        seed: int | None = rng_utils.get_random_seed()
        return seed

    def global_seed(self) -> int | None:
        from tensorflow.python.eager import context

        seed = context.global_seed()
        return None if seed is None else int(seed)

    def generator_state(self) -> Any:
        generator = getattr(_context(), "_rng", None)
        return None if generator is None else generator.getstate()

    def in_use(self) -> bool:
        return in_use()

    def op_determinism(self) -> bool:
        from tensorflow.python.framework import config

        return bool(config.is_op_determinism_enabled())

    def functions_traced(self) -> int:
        return functions_traced()

    def threads_requested(self) -> tuple[int, int]:
        import tensorflow as tf

        threading = tf.config.threading
        return (
            threading.get_intra_op_parallelism_threads(),
            threading.get_inter_op_parallelism_threads(),
        )

    def onednn(self) -> bool:
        from tensorflow.python.util import _pywrap_util_port

        return bool(_pywrap_util_port.IsMklEnabled())

    def tf32(self) -> bool:
        import tensorflow as tf

        return bool(tf.config.experimental.tensor_float_32_execution_enabled())

    def strategy(self) -> str:
        import tensorflow as tf

        return type(tf.distribute.get_strategy()).__name__

    def devices(self) -> Sequence[str]:
        import tensorflow as tf

        return [str(device.device_type) for device in tf.config.list_logical_devices()]

    def execution(self, model: Any, index: int, jit_requested: bool | str | None) -> Execution:
        import tensorflow as tf

        return Execution(
            model=index,
            jit_requested=jit_requested,
            jit=bool(model.jit_compile),
            eager=bool(model.run_eagerly or tf.config.functions_run_eagerly()),
            steps_per_execution=int(model.steps_per_execution),
            dtype_policy=str(model.dtype_policy.name),
            racing_ops=None,
        )

    def data_options(self, fit: int, argument: str, data: Any) -> DatasetOptions | None:
        on = self.op_determinism()
        return pipelines.data_options(self.keras, fit, argument, data, op_determinism=on)

    def data_code(self, kind: str, data: Any) -> tuple[tuple[RandomSource, ...], Held]:
        return pipelines.data_code(kind, data)

    def data_stages(self, kind: str, data: Any) -> tuple[tuple[Stage, ...], Held]:
        return pipelines.data_stages(kind, data)

    def racing_ops(self, graph: Any) -> tuple[str, ...]:
        return pipelines.racing_ops(graph)

    def model_config(self, model: Any) -> Any:
        positions = {
            layer.name: f"<{index}>" for index, layer in enumerate(model._flatten_layers())
        }

        def without_names(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: without_names(item) for key, item in value.items()}
            if isinstance(value, list):
                return [without_names(item) for item in value]
            return positions.get(value, value) if isinstance(value, str) else value

        config = self.keras.saving.serialize_keras_object(model)
        # What is built and compiled stands elsewhere in the manifest.
        parts = {"module", "class_name", "config", "registered_name"}
        return without_names(plain({key: config[key] for key in parts if key in config}))

    def compile_config(self, model: Any) -> Mapping[str, Any]:
        if not model.compiled:
            return {}
        config = model.get_compile_config() or {}
        plain_config = {name: plain(config.get(name)) for name in ("optimizer", "loss", "metrics")}
        # Keras calls a second optimizer adam_1: a label.
        _drop_names(plain_config["optimizer"])
        return plain_config

    def metric_dtypes(self, model: Any) -> Mapping[str, str]:
        dtypes = {}
        pending = list(model.metrics)
        while pending:
            metric = pending.pop()
            # Keras holds the metrics given to compile in one that contains them.
            if isinstance(getattr(metric, "metrics", None), list):
                pending.extend(metric.metrics)
            elif metric.variables:
                dtypes[str(metric.name)] = str(metric.variables[0].dtype)
        return dtypes

    def layer_seeds(self, model: Any, index: int) -> list[LayerSeed]:
        return [
            LayerSeed(
                model=index,
                layer=type(layer).__name__,
                # The state is [seed, counter]: the first is the seed, drawn or given.
                seed=int(generator.state.numpy()[0]),
                given=generator._initial_seed is not None,
            )
            for layer in model._flatten_layers()
            for generator in getattr(layer, "_seed_generators", ())
        ]

    def layer_initializers(self, model: Any, index: int) -> list[LayerInitializer]:
        found = []
        for layer in model._flatten_layers():
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

    def sample_initializer(self, name: str, seed: int, shape: tuple[int, ...]) -> Any:
        import tensorflow as tf

        initializer = getattr(self.keras.initializers, name)(seed=seed)
        with tf.device("CPU:0"):
            return self.keras.ops.convert_to_numpy(initializer(shape, dtype="float32"))

    def weights(self, model: Any) -> list[StateTensor]:
        return [item.read() for item in weight_variables(model)]

    def state(self, model: Any) -> list[StateTensor]:
        return [item.read() for item in state_variables(model)]

    def describe_state(self, model: Any) -> list[tuple[str, str, str]]:
        return describe(state_variables(model))

    def loop_step(
        self, model: Any, batch: Any, loss: Any
    ) -> tuple[tuple[Column, ...], list[np.ndarray[Any, Any]]]:
        from repro_audit.recording.steps import loop_step

        return loop_step(model, batch, loss)

    def flip_bit(self, model: Any) -> tuple[int, int, int]:
        weights = model.trainable_variables or model.variables
        variable = max(weights, key=lambda item: int(np.prod(item.shape)))
        value = variable.numpy()
        # The largest element: never zero, so a bit of its mantissa always counts.
        element = int(np.argmax(np.abs(value)))
        bit = _MID_MANTISSA_BIT[value.dtype.name]
        flat = value.reshape(-1).view(f"u{value.dtype.itemsize}")
        flat[element] ^= flat.dtype.type(1 << bit)
        variable.assign(flat.view(value.dtype).reshape(value.shape))
        position = next(index for index, item in enumerate(model.variables) if item is variable)
        return position, element, bit


class StateVariable(NamedTuple):
    """One variable of a model or its optimizer.

    Attributes:
        variable: The Keras variable.
        kind: ``weight``, ``random`` (the state of a layer's generator) or ``optimizer``.
        layer: Class of the layer or optimizer that owns it.
        role: What it is to its owner, free of names.
    """

    variable: Any
    kind: str
    layer: str
    role: str

    def tensor(self) -> Any:
        """Return a tensor of its value, in its own dtype, without a copy on a CPU."""
        return self.variable._value.read_value()

    def read(self) -> StateTensor:
        """Return its value on the host; on a CPU, a view of it that no update changes."""
        return StateTensor(
            label=str(self.variable.path),
            layer=self.layer,
            role=self.role,
            array=np.asarray(self.tensor()),
            kind=self.kind,
        )


def state_variables(model: Any) -> list[StateVariable]:
    """Return the variables of a model and then those of its optimizer, in their own order."""
    return weight_variables(model) + optimizer_variables(model)


def weight_variables(model: Any) -> list[StateVariable]:
    """Return the variables of a built model, its layers' generators among them."""
    owners: dict[int, str] = {}
    generators: set[int] = set()
    for layer in model._flatten_layers():
        states = [generator.state for generator in getattr(layer, "_seed_generators", ())]
        generators.update(map(id, states))
        for variable in (
            *layer._trainable_variables,
            *layer._non_trainable_variables,
            *states,
        ):
            owners.setdefault(id(variable), type(layer).__name__)
    return [
        StateVariable(
            variable=variable,
            kind="random" if id(variable) in generators else "weight",
            layer=owners.get(id(variable), type(model).__name__),
            role=str(variable.name),
        )
        for variable in model.variables
    ]


def optimizer_variables(model: Any) -> list[StateVariable]:
    """Return the variables of a model's optimizer."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return []
    # Keras names a slot after its weight, and the weight after its layer: a label.
    prefixes = [
        (variable.path.replace("/", "_") + "_", position)
        for position, variable in enumerate(model.variables)
    ]
    prefixes.sort(key=lambda item: -len(item[0]))
    found = []
    for variable in optimizer.variables:
        role = str(variable.name)
        for prefix, position in prefixes:
            if role.startswith(prefix):
                role = f"{role.removeprefix(prefix)} of {position}"
                break
        found.append(
            StateVariable(
                variable=variable, kind="optimizer", layer=type(optimizer).__name__, role=role
            )
        )
    return found


def _drop_names(optimizer: Any) -> None:
    """Take the name out of an optimizer's config, and out of those it wraps."""
    if isinstance(optimizer, dict):
        config = optimizer.get("config")
        if isinstance(config, dict):
            config.pop("name", None)
            for inner in config.values():
                _drop_names(inner)
