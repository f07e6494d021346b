"""Keras on TensorFlow, as `repro_audit.capture.Backend` asks for it.

Many of the facts are readable only through private names of Keras and TensorFlow; each is
used in one method here, so that a release that moves one costs one field of the manifest.
"""

from __future__ import annotations

import contextlib
import functools
import os
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
    TensorFlowModel,
)
from repro_audit.recording import pipelines
from repro_audit.recording.generators import unmoved_generators
from repro_audit.recording.groups import Group
from repro_audit.recording.tracing import describe
from repro_audit.recording.variables import (
    layers_of,
    local_value,
    state_variables,
    weight_variables,
)

if TYPE_CHECKING:
    from repro_audit.trace import Column

__all__ = ["TensorFlow", "functions_traced", "import_keras", "in_use"]

_STEPS = ("train_step", "test_step", "compute_loss", "compute_metrics")
"""Methods by which a model trains, which a single one may be given instead of its class."""

_MID_MANTISSA_BIT = {"bfloat16": 3, "float16": 5, "float32": 11, "float64": 26}


def import_keras() -> Any:
    """Import Keras and return it.

    Raises:
        CaptureError: Keras is not installed, or runs on another backend than TensorFlow.
    """
    # Importing TensorFlow draws from Python's generator, and JAX, if Keras finds it, from
    # NumPy's; a user who has seeded must not notice.
    with unmoved_generators():
        return _import_keras()


def _import_keras() -> Any:
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

    def __init__(self, optimizers: Callable[[Any], Sequence[Any]] = lambda _: ()) -> None:
        """Prepare.

        Args:
            optimizers: Returns the optimizers that update a model.
        """
        self._optimizers = optimizers

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

    def devices(self) -> Sequence[str]:
        import tensorflow as tf

        return [str(device.device_type) for device in tf.config.list_logical_devices()]

    def execution(self, model: Any, index: int, jit_requested: bool | str | None) -> Execution:
        import tensorflow as tf

        eagerly = tf.config.functions_run_eagerly()
        if isinstance(model, Group):
            jit, steps, policy = False, 1, local_value(model.variables[0]).dtype.name
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

    def model_switches(self, model: Any, index: int) -> TensorFlowModel:
        if isinstance(model, Group):
            value = local_value(model.variables[0])
            strategy = getattr(value, "distribute_strategy", None)
        else:
            strategy = model.distribute_strategy
        return TensorFlowModel(
            model=index,
            strategy=_strategy_name(strategy),
            replicas=1 if strategy is None else int(strategy.num_replicas_in_sync),
            racing_ops=None,
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

    def data_options(self, fit: int, argument: str, data: Any) -> DatasetOptions | None:
        on = self.op_determinism()
        return pipelines.data_options(self.keras, fit, argument, data, op_determinism=on)

    def data_code(self, kind: str, data: Any) -> tuple[tuple[RandomSource, ...], Held]:
        return pipelines.data_code(kind, data)

    def data_stages(self, kind: str, data: Any) -> tuple[tuple[Stage, ...], Held]:
        return pipelines.data_stages(kind, data)

    def racing_ops(self, graph: Any) -> tuple[str, ...]:
        return pipelines.racing_ops(graph)

    def model_class(self, model: Any) -> str:
        if isinstance(model, Group):
            return model.title
        own = [name for name in _STEPS if name in vars(model)]
        name = type(model).__name__
        return f"{name} with its own {' and '.join(own)}" if own else name

    def model_config(self, model: Any) -> Any:
        if isinstance(model, Group):
            values = map(local_value, model.variables)
            return {"variables": [[item.dtype.name, item.shape.as_list()] for item in values]}
        positions = {layer.name: f"<{index}>" for index, layer in enumerate(layers_of(model))}

        def without_names(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: without_names(item) for key, item in value.items()}
            if isinstance(value, list):
                return [without_names(item) for item in value]
            return positions.get(value, value) if isinstance(value, str) else value

        with _no_warnings_of_serialization():
            config = self.keras.saving.serialize_keras_object(model)
        # What is built and compiled stands elsewhere in the manifest.
        parts = {"module", "class_name", "config", "registered_name"}
        return without_names(plain({key: config[key] for key in parts if key in config}))

    def compile_config(self, model: Any) -> Mapping[str, Any]:
        if not getattr(model, "compiled", False):
            return {}
        with _no_warnings_of_serialization():
            config = model.get_compile_config() or {}
        return {name: plain(config.get(name)) for name in ("loss", "metrics")}

    def optimizers(self, model: Any) -> Sequence[Any]:
        return self._optimizers(model)

    def optimizer_config(self, optimizer: Any) -> Any:
        with _no_warnings_of_serialization():
            config = plain(self.keras.saving.serialize_keras_object(optimizer))
        # Keras calls a second optimizer adam_1: a label.
        _drop_names(config)
        return config

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
        return [
            LayerSeed(
                model=index,
                layer=type(layer).__name__,
                # The state is [seed, counter]: the first is the seed, drawn or given.
                seed=int(generator.state.numpy()[0]),
                given=generator._initial_seed is not None,
            )
            for layer in layers_of(model)
            for generator in getattr(layer, "_seed_generators", ())
        ]

    def layer_initializers(self, model: Any, index: int) -> list[LayerInitializer]:
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

    def sample_initializer(self, name: str, seed: int, shape: tuple[int, ...]) -> Any:
        import tensorflow as tf

        initializer = getattr(self.keras.initializers, name)(seed=seed)
        with tf.device("CPU:0"):
            return self.keras.ops.convert_to_numpy(initializer(shape, dtype="float32"))

    def weights(self, model: Any) -> list[StateTensor]:
        return [item.read() for item in weight_variables(model)]

    def state(self, model: Any) -> list[StateTensor]:
        return [item.read() for item in state_variables(model, self._optimizers(model))]

    def describe_state(self, model: Any) -> list[tuple[str, str, str]]:
        return describe(state_variables(model, self._optimizers(model)))

    def loop_step(
        self, model: Any, batch: Any, loss: Any
    ) -> tuple[tuple[Column, ...], list[np.ndarray[Any, Any]]]:
        from repro_audit.recording.steps import loop_step

        return loop_step(model, batch, loss, self._optimizers(model))

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


def _strategy_name(strategy: Any) -> str | None:
    """Return the class of a distribution strategy; None where nothing is distributed."""
    name = type(strategy).__name__
    # TensorFlow's own stand-in where there is none.
    return None if strategy is None or name == "_DefaultDistributionStrategy" else name


def _drop_names(optimizer: Any) -> None:
    """Take the name out of an optimizer's config, and out of those it wraps."""
    if isinstance(optimizer, dict):
        config = optimizer.get("config")
        if isinstance(config, dict):
            config.pop("name", None)
            for inner in config.values():
                _drop_names(inner)


@contextlib.contextmanager
def _no_warnings_of_serialization() -> Iterator[None]:
    """Keep to ourselves what Keras warns of as it serializes, which the script does not ask for.

    The filters of `warnings` stay as they are: to change them shows again what was shown once.
    """
    from keras.src.saving import serialization_lib

    before = serialization_lib.warnings
    serialization_lib.warnings = types.SimpleNamespace(warn=lambda *_, **__: None)
    try:
        yield
    finally:
        serialization_lib.warnings = before
