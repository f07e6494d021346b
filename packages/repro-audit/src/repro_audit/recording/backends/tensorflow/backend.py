"""Keras on TensorFlow, as `repro_audit.recording.backends.base` asks for it.

Private names of TensorFlow are used here, in `determinism`, `data`, `steps` and `variables`, each
in one function, so that a release that moves one costs one field of the manifest. The function
names them; all stand so in the sources of TensorFlow 2.18.0 and of 2.21.0, or of Keras 3.12.0 and
of 3.15.1. `keras_backend` says what to do when one moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from repro_audit.capture.backend import Held
from repro_audit.errors import CaptureError
from repro_audit.manifest.conditions import DatasetOptions, Function, RandomSource, Stage
from repro_audit.manifest.training import Json
from repro_audit.recording.backends.base import Controlled, Switches
from repro_audit.recording.backends.keras_backend import KerasBackend
from repro_audit.recording.backends.observers import Notes, StepObserver
from repro_audit.recording.backends.patching import Call, Patches
from repro_audit.recording.backends.tensorflow import batches, data, determinism, stages, steps
from repro_audit.recording.backends.tensorflow.variables import local_value, read_tensor

if TYPE_CHECKING:
    from repro_audit.trace import Column

__all__ = ["TensorFlow"]


class TensorFlow(KerasBackend):
    """Keras on TensorFlow."""

    name = "tensorflow"

    def __init__(self, optimizers: Callable[[Any], Sequence[Any]]) -> None:
        """Import Keras.

        Args:
            optimizers: Returns the optimizers that update a model.
        """
        super().__init__(optimizers)
        self._steps = steps.StepHooks()

    # What it is.

    def build(self) -> str:
        import tensorflow as tf

        return f"{tf.version.GIT_VERSION} {tf.version.COMPILER_VERSION}"

    def devices(self) -> Sequence[str]:
        import tensorflow as tf

        return [str(device.device_type) for device in tf.config.list_logical_devices()]

    def in_use(self) -> bool:
        return determinism.in_use()

    def global_seed(self) -> int | None:
        # Private: context.global_seed (TensorFlow 2.18 to 2.21). When it moves, the call
        # fails, and the field is missing.
        from tensorflow.python.eager import context

        seed = context.global_seed()
        return None if seed is None else int(seed)

    def generator_state(self) -> Any:
        # Private: Context._rng, which is there once TensorFlow is seeded (2.18 to 2.21). When it
        # moves, the generator seems not to exist.
        generator = getattr(determinism.context(), "_rng", None)
        return None if generator is None else generator.getstate()

    def switches(
        self, variables: Mapping[str, str], controlled: Controlled, notes: Notes
    ) -> Switches:
        return determinism.TensorFlowSwitches(variables, controlled, notes)

    # What `control` sets.

    def op_determinism(self) -> bool:
        return determinism.op_determinism()

    def turn_op_determinism_on(self, controlled: Controlled) -> None:
        import tensorflow as tf

        if not determinism.op_determinism():
            determinism.note_op_determinism(controlled)
            tf.config.experimental.enable_op_determinism()

    def threads_requested(self) -> tuple[int, int]:
        return determinism.threads_requested()

    def set_threads(self, threads: int) -> None:
        import tensorflow as tf

        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError as error:
            message = (
                f"Expected to set {threads} threads before TensorFlow's first operation, but one "
                f"has run ({error}). Call repro_audit.control before anything else."
            )
            raise CaptureError(message) from error

    # Models and variables.

    def read(self, variable: Any) -> Any:
        return np.asarray(read_tensor(variable))

    def runs_eagerly(self) -> bool:
        import tensorflow as tf

        return bool(tf.config.functions_run_eagerly())

    def sample_initializer(self, name: str, seed: int, shape: tuple[int, ...]) -> Any:
        import tensorflow as tf

        initializer = getattr(self.keras.initializers, name)(seed=seed)
        with tf.device("CPU:0"):
            return self.keras.ops.convert_to_numpy(initializer(shape, dtype="float32"))

    # Data.

    def data_options(self, fit: int, argument: str, given: Any) -> DatasetOptions | None:
        on = determinism.op_determinism()
        return data.data_options(self.keras, fit, argument, given, op_determinism=on)

    def data_code(self, kind: str, given: Any) -> tuple[tuple[RandomSource, ...], Held]:
        return data.data_code(kind, given)

    def data_function(
        self, kind: str, given: Any, outputs: Sequence[str]
    ) -> tuple[dict[str, Json] | None, Function | None]:
        return stages.data_function(kind, given, outputs)

    def data_stages(
        self, kind: str, given: Any, failed: Callable[[str, Exception], None]
    ) -> tuple[tuple[Stage, ...], Held]:
        return data.data_stages(kind, given, failed)

    # Steps.

    def observe_steps(
        self, model: Any, observer: StepObserver, patches: Patches
    ) -> AbstractContextManager[str | None]:
        return self._steps.observe(model, observer, patches)

    def step_optimizers(self, model: Any) -> Sequence[Any]:
        return self._steps.optimizers(model)

    def first_batch(
        self, model: Any, observer: StepObserver
    ) -> tuple[list[Column], list[tuple[int, ...]]] | None:
        return self._steps.first_batch(model, observer)

    def loop_step(
        self, model: Any, batch: Any, loss: Any
    ) -> tuple[tuple[Column, ...], list[np.ndarray[Any, Any]]]:
        return steps.loop_step(model, batch, loss, self.optimizers(model))

    def batch_given(self, call: Call, model: Any) -> Any:
        return batches.batch_given(model, *call)

    def runs_now(self) -> bool:
        import tensorflow as tf

        return bool(tf.executing_eagerly())

    def unseen(self) -> AbstractContextManager[Any]:
        import tensorflow as tf

        context: AbstractContextManager[Any] = tf.init_scope()
        return context

    def is_first_replica(self) -> bool:
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        return context is None or context.replica_id_in_sync_group == 0

    def updates_made(self, optimizer: Any) -> int | None:
        # Where it accumulates gradients, its public count is of a part of them. Private:
        # LossScaleOptimizer.inner_optimizer's, or the optimizer's own, _iterations (Keras 3.12 to
        # 3.15). When it moves, no update in a compiled function of a loop is seen.
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        iterations = getattr(inner, "_iterations", None)
        return None if iterations is None else int(local_value(iterations).read_value())
