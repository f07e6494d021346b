"""Notice training that goes another way than by a Keras optimizer, which cannot be followed.

Two things give it away: a variable that changes though nobody but a gradient was asked for it,
as with an optimizer of another library, and a call in code that is no framework's: of
``assign_sub`` or ``assign_add``, or of ``assign`` where a gradient was taken before. What a
recorded model owns is part of its state all the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from repro_audit.recording.backends.groups import trainable_ids, variable_id
from repro_audit.recording.backends.observers import TrainingObserver
from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.backends.tensorflow.variables import read_tensor
from repro_audit.recording.backends.turn import Turn
from repro_audit.recording.backends.updates import Updates

__all__ = ["OtherTraining"]

# Private places, as they stand in the sources of TensorFlow 2.18.0 and of 2.21.0, and of Keras
# 3.12.0 and of 3.15.1. When one moves, name the new place: until then, what is trained without an
# optimizer of Keras may pass unseen.
_TAPE = "tensorflow.python.eager.backprop", "GradientTape.gradient"
_VARIABLES = (
    ("tensorflow.python.ops.resource_variable_ops", "ResourceVariable"),
    ("keras.src.backend.common.variables", "Variable"),
)
_FITS = "$.outcomes.fits"
_MAX_LOOKS = 8
"""How often a variable is read to see whether it changes; the end reads it once more."""


class _Suspect:
    """A variable that a gradient was taken of, and what it held then."""

    def __init__(self, variable: Any) -> None:
        self.reference = weakref.ref(variable)
        self.looks = 0
        self._before = _content(variable)

    @property
    def has_changed(self) -> bool:
        """Whether it holds something else now; False where it is gone."""
        variable = self.reference()
        return variable is not None and _content(variable) != self._before


class OtherTraining:
    """Tells a recorder of variables that are trained without a Keras optimizer."""

    def __init__(
        self,
        recorder: Callable[[], TrainingObserver | None],
        turn: Turn,
        updates: Updates,
        called_by_framework: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            recorder: Returns what is to be told; None where there is no recording.
            turn: Which fit this thread is in.
            updates: Knows what optimizers of Keras update.
            called_by_framework: Whether the function that a watcher stands around was called by
                a framework.
        """
        self._recorder = recorder
        self._turn = turn
        self._updates = updates
        self._called_by_framework = called_by_framework
        self._seen: dict[int, weakref.ref[Any]] = {}
        self._suspects: dict[int, _Suspect] = {}

    def install(self, patches: Patches) -> None:
        """Begin to look."""
        patches.watch(*_TAPE, self._gradient, lost=_FITS)
        for module, owner in _VARIABLES:
            for name in ("assign", "assign_sub", "assign_add"):
                patches.watch(module, f"{owner}.{name}", self._assigned, lost=_FITS)

    @property
    def waiting(self) -> bool:
        """Whether there are variables to look at."""
        return bool(self._suspects)

    def look(self, *, last: bool = False) -> None:
        """Look which of the variables have changed that a gradient was taken of.

        Args:
            last: Whether this is the end of the recording.
        """
        recorder = self._recorder() if self._suspects else None
        if recorder is None:
            return
        for key, suspect in list(self._suspects.items()):
            variable = suspect.reference()
            if variable is None or self._updates.is_updated(variable):
                del self._suspects[key]
            elif (last or suspect.looks < _MAX_LOOKS) and suspect.has_changed:
                del self._suspects[key]
                recorder.trained_otherwise(variable)
            suspect.looks += 1

    def _gradient(self, call: Call) -> Watch:
        """See of which variables a gradient is taken."""
        sources = call.args[2] if len(call.args) > 2 else call.kwargs.get("sources")
        if self._recorder() is not None and not self._turn.in_replica and not self._turn.refused:
            import tensorflow as tf

            with tf.init_scope():
                self.look()
                for variable in _trainable_variables(sources):
                    self._suspect(variable)
        yield None

    def _suspect(self, variable: Any) -> None:
        """Have an eye on a variable, unless a model that is being fitted owns it."""
        key = variable_id(variable)
        known = self._seen.get(key)
        if (known is not None and known() is not None) or self._is_fitted(variable):
            return
        self._seen[key] = weakref.ref(variable, lambda _: self._seen.pop(key, None))
        self._suspects[key] = _Suspect(variable)

    def _is_fitted(self, variable: Any) -> bool:
        """Whether a model that is being fitted owns a variable."""
        own = variable_id(variable)
        return any(own in trainable_ids(model) for model in self._turn.models)

    def _assigned(self, call: Call) -> Watch:
        """See an assignment by code that is no framework's."""
        variable = call.args[0]
        # To assign is to train where a gradient was taken before, or where it adds.
        adds = call.function.__name__ != "assign" or variable_id(variable) in self._seen
        if adds and not self._updates.is_applying() and not self._called_by_framework():
            fitted = _is_scalar(variable) or self._is_fitted(variable)
            recorder = None if fitted or not _is_trainable(variable) else self._recorder()
            if recorder is not None:
                recorder.trained_otherwise(variable)
        yield None


def _trainable_variables(sources: Any) -> Iterator[Any]:
    """Yield the variables among the sources of a gradient that can be trained."""
    import tensorflow as tf

    for item in tf.nest.flatten(sources):
        if _is_trainable(item):
            yield item


def _is_trainable(item: Any) -> bool:
    """Whether something is a variable, of Keras or TensorFlow, that is meant to be trained."""
    import keras
    import tensorflow as tf

    is_variable = isinstance(item, tf.Variable | keras.Variable)
    return is_variable and bool(item.trainable) and tf.as_dtype(item.dtype).is_floating


def _is_scalar(variable: Any) -> bool:
    """Whether a variable holds one number: such a one adds up a loss as often as it is trained."""
    import tensorflow as tf

    return bool(tf.TensorShape(variable.shape).rank == 0)


def _content(variable: Any) -> int:
    """Return what tells the content of a variable from another."""
    import numpy as np

    from repro_audit.trace.fingerprint import fingerprint

    return fingerprint(np.asarray(read_tensor(variable)))
