"""See the steps of hand-written loops by what they do to an optimizer.

A step is an update: a call of ``optimizer.apply`` where it runs eagerly, and an advance of
``optimizer.iterations`` where it is part of a ``tf.function``, seen when that returns. Nothing
is added to any graph.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from repro_audit.recording.calls import see_calls

__all__ = ["LoopObserver", "Loops", "trained_models"]

_OPTIMIZER = "keras.src.optimizers.base_optimizer", "BaseOptimizer.apply"
_FUNCTION = (
    "tensorflow.python.eager.polymorphic_function.polymorphic_function",
    "Function.__call__",
)


class LoopObserver(Protocol):
    """Is told of hand-written loops."""

    def model_found(self, model: Any) -> None:
        """A model is about to be trained."""

    def loop_step(self, model: Any, batch: Any, loss: Any) -> None:
        """A model was updated."""

    def loop_steps(self, model: Any, steps: int) -> None:
        """A model was updated so many times."""


class _Traced:
    """An optimizer whose update is part of a graph, and the models it trains."""

    def __init__(self, optimizer: Any, models: list[Any]) -> None:
        self.optimizer = optimizer
        self.models = models
        self.seen = int(optimizer.iterations.numpy())

    def advance(self) -> int:
        """Return how many steps were made since the last call."""
        now = int(self.optimizer.iterations.numpy())
        before, self.seen = self.seen, now
        return now - before


class Loops:
    """Tells a recorder of every update outside a fit."""

    def __init__(self, recorder: Callable[[], LoopObserver | None]) -> None:
        """Prepare.

        Args:
            recorder: Returns what is to be told, and begins it if need be; None inside a fit,
                or where there is no recording.
        """
        self._recorder = recorder
        self._inside = threading.local()
        # The models are kept: their state at the end is what a loop comes to. So is each
        # optimizer, or another could take its place in memory, and then its models.
        self._models: dict[int, tuple[Any, list[Any]]] = {}
        self._traced: dict[int, _Traced] = {}

    def install(self) -> None:
        """Begin to look."""
        see_calls(*_OPTIMIZER, self._apply)
        see_calls(*_FUNCTION, self._call)

    def _apply(
        self, apply: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """See an update: now where it runs now, later where it becomes part of a graph."""
        if getattr(self._inside, "apply", False):
            return apply(*args, **kwargs)
        import tensorflow as tf

        optimizer, recorder = args[0], self._recorder()
        variables = args[2] if len(args) > 2 else kwargs.get("trainable_variables")
        eager = tf.executing_eagerly()
        models: list[Any] = []
        if recorder is not None:
            with tf.init_scope():
                models = self._models_of(optimizer, variables, recorder)
                if not eager and models and id(optimizer) not in self._traced:
                    self._traced[id(optimizer)] = _Traced(optimizer, models)
        self._inside.apply = True
        try:
            result = apply(*args, **kwargs)
        finally:
            self._inside.apply = False
        if eager:
            if id(optimizer) in self._traced:
                # It is told of here, or part of a fit.
                self._traced[id(optimizer)].advance()
            if recorder is not None:
                for model in models:
                    recorder.loop_step(model, None, None)
        return result

    def _call(self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Look, after a ``tf.function`` has run, whether an optimizer has advanced."""
        result = call(*args, **kwargs)
        if self._traced:
            import tensorflow as tf

            if tf.executing_eagerly():
                recorder = self._recorder()
                for traced in self._traced.values():
                    # The steps of a fit are passed over.
                    steps = traced.advance()
                    if recorder is not None:
                        for model in traced.models:
                            recorder.loop_steps(model, steps)
        return result

    def _models_of(
        self, optimizer: Any, variables: Sequence[Any] | None, recorder: LoopObserver
    ) -> list[Any]:
        """Return the models that an optimizer trains, found when it is first seen."""
        if id(optimizer) not in self._models:
            if variables is None:
                variables = getattr(optimizer, "_trainable_variables", ())
            self._models[id(optimizer)] = optimizer, trained_models(variables)
            for model in self._models[id(optimizer)][1]:
                recorder.model_found(model)
        return self._models[id(optimizer)][1]


def trained_models(variables: Sequence[Any]) -> list[Any]:
    """Return the models that own variables: the smallest that owns all, or those that own parts.

    Args:
        variables: Keras variables that an optimizer updates.
    """
    import keras

    wanted = {id(variable) for variable in variables}
    # By type: asking a stranger's object for its class may make it do something.
    models = [item for item in gc.get_objects() if issubclass(type(item), keras.Model)]
    owned = [(model, _trainable(model)) for model in models]
    whole = [(len(ids), at) for at, (_, ids) in enumerate(owned) if wanted and wanted <= ids]
    if whole:
        return [owned[min(whole)[1]][0]]
    parts = [(model, ids) for model, ids in owned if ids and ids <= wanted]
    return [
        model
        for at, (model, ids) in enumerate(parts)
        if not any(
            ids < other or (ids == other and before < at) for before, (_, other) in enumerate(parts)
        )
    ]


def _trainable(model: Any) -> set[int]:
    """Return what tells the trainable variables of a model; none where it cannot say."""
    try:
        return {id(item) for item in model.trainable_variables}
    except Exception:  # noqa: BLE001 - a model half made, and none of ours
        return set()
