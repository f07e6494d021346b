"""Change what `repeat` varies of TensorFlow in a run. Importing this module does not import it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from repro_audit.recording.backends.framework import Reorder
from repro_audit.recording.backends.patching import Call, Patches, Watch

__all__ = [
    "OP_DETERMINISM",
    "OP_DETERMINISM_LOST",
    "vary_op_determinism",
    "vary_order",
    "vary_threads",
]

# Private places, as those in `NAMES` of this package.
OP_DETERMINISM = "tensorflow.python.framework.config", "enable_op_determinism"
OP_DETERMINISM_LOST = "$.conditions.determinism.backend.op_determinism"
_THREADS = "tensorflow.python.framework.config", "set_intra_op_parallelism_threads"
_THREADS_LOST = "$.conditions.determinism.backend.threads"
_SHUFFLE = "tensorflow.python.data.ops.dataset_ops", "DatasetV2.shuffle"
_SHUFFLE_LOST = "$.conditions.determinism.datasets"

_BATCHES = 16
"""Batches, in memory, among which the next is chosen where a pipeline shuffles nothing itself."""


def vary_op_determinism(patches: Patches, *, on: bool) -> None:
    """Have op determinism on or off in this process, whatever the script says.

    Args:
        patches: Keeps what is put in a place of others.
        on: Whether it is to be on.
    """
    if on:
        patches.when_imported("keras", _turn_on, lost=OP_DETERMINISM_LOST)
    else:
        patches.replace(*OP_DETERMINISM, _doing_nothing, lost=OP_DETERMINISM_LOST)


def vary_threads(patches: Patches, threads: int) -> None:
    """Have another number of threads inside one operation where the script sets one.

    Args:
        patches: Keeps what is put in a place of others.
        threads: The number.
    """

    def other(call: Call) -> Watch:
        yield call._replace(args=(threads,), kwargs={})

    patches.watch(*_THREADS, other, lost=_THREADS_LOST)


def vary_order(patches: Patches) -> Reorder:
    """Have pipelines shuffle with other seeds; one that does not shuffle has its batches shuffled.

    Args:
        patches: Keeps what is put in a place of others.

    Returns:
        What gives the data of a fit in another order; None where they are no `tf.data.Dataset`.
    """
    shuffling = [False]

    def other(call: Call) -> Watch:
        # shuffle(self, buffer_size, seed=None, ...), as in the releases of `NAMES`.
        args, kwargs = list(call.args), dict(call.kwargs)
        seed = args.pop(2) if len(args) > 2 else kwargs.get("seed")
        args[2:2] = [1 if seed is None else seed + 1]
        kwargs.pop("seed", None)
        shuffling[0] = True
        yield call._replace(args=tuple(args), kwargs=kwargs)

    patches.watch(*_SHUFFLE, other, lost=_SHUFFLE_LOST)

    def reorder(data: Any) -> Any:
        import tensorflow as tf

        if not isinstance(data, tf.data.Dataset):
            return None
        return data if shuffling[0] else data.shuffle(_BATCHES, seed=0)

    return reorder


def _turn_on(_: Any) -> None:
    """Turn op determinism on, for a script that does not."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def _doing_nothing(original: Callable[[], None]) -> Callable[[], None]:
    """Return what leaves op determinism off."""

    @functools.wraps(original)
    def leave_off() -> None:
        """Do nothing."""

    return leave_off
