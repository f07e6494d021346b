"""Keras on TensorFlow. Importing this package imports neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.recording.backends.base import Backend, Controlled
from repro_audit.recording.backends.framework import Names, TrainingWatch
from repro_audit.recording.backends.observers import TrainingObserver
from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.backends.tensorflow.varying import (
    OP_DETERMINISM,
    OP_DETERMINISM_LOST,
    vary_op_determinism,
    vary_order,
    vary_threads,
)

if TYPE_CHECKING:
    from repro_audit.recording.backends.turn import Turn
    from repro_audit.recording.backends.updates import Updates

__all__ = [
    "NAMES",
    "load",
    "vary_op_determinism",
    "vary_order",
    "vary_threads",
    "watch_settings",
    "watch_training",
]

# Private places in TensorFlow, as they stand in the sources of 2.18.0 and of 2.21.0. When a module
# moves, what it defines is never seen, and nothing says so: a test calls each. When a function
# leaves its module, the field that it tells of is missing. Name the new place beside the old one,
# as long as `pyproject.toml` allows a release that has the old one: a module that is never imported
# is never looked into. Where the old module stays without the function, only one can be named.
NAMES = Names(
    modules=("tensorflow.",),
    between=(
        "tensorflow.python.ops.weak_tensor_ops",
        "tensorflow.python.util.",
        "tensorflow.python.autograph.",
    ),
    replica_threads=("tensorflow.python.distribute",),
    seeders=((("tensorflow.python.framework.random_seed", "set_seed"), ("seed", 0)),),
    loaders=(("tensorflow.python.checkpoint.checkpoint", "TrackableSaver.restore"),),
    variables=(("tensorflow.python.ops.resource_variable_ops", "ResourceVariable"),),
    functions=(
        (
            "tensorflow.python.eager.polymorphic_function.polymorphic_function",
            "Function.__call__",
        ),
    ),
    slices=(("tensorflow.python.data.ops.dataset_ops", "DatasetV2.from_tensor_slices"),),
)


def load(optimizers: Callable[[Any], Sequence[Any]]) -> Backend:
    """Return the backend; Keras is imported.

    Args:
        optimizers: Returns the optimizers that update a model.
    """
    from repro_audit.recording.backends.tensorflow.backend import TensorFlow

    return TensorFlow(optimizers)


def watch_settings(patches: Patches, controlled: Controlled) -> None:
    """See when a script turns op determinism on.

    Args:
        patches: Keeps what is put in a place of others.
        controlled: Where it is noted, unless `control` did it.
    """

    def op_determinism(_: Call) -> Watch:
        from repro_audit.recording.backends.tensorflow.determinism import note_op_determinism

        note_op_determinism(controlled)
        yield None

    patches.watch(*OP_DETERMINISM, op_determinism, lost=OP_DETERMINISM_LOST)


def watch_training(
    patches: Patches,
    recorder: Callable[[], TrainingObserver | None],
    turn: Turn,
    updates: Updates,
    called_by_framework: Callable[[], bool],
) -> TrainingWatch:
    """See variables that are trained without an optimizer of Keras: `Framework.watch_training`."""
    from repro_audit.recording.backends.tensorflow.other_training import OtherTraining

    watch = OtherTraining(recorder, turn, updates, called_by_framework)
    watch.install(patches)
    return watch
