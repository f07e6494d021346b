"""See every `fit` and `evaluate` of Keras models, with no callback passed by the user.

Three methods of `keras.Model` are watched. A fit that a callback of another one makes is a fit
of its own; an evaluation inside a fit is part of it. Of fits in several threads at once one is
followed, for the order of their steps is nobody's choice.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from repro_audit.recording.backends.base import Steps
from repro_audit.recording.backends.compiling import own_arguments
from repro_audit.recording.backends.observers import FitObserver, ModelObserver
from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.backends.turn import Turn
from repro_audit.recording.backends.updates import Updates

__all__ = ["MODEL", "FitHooks"]

# Private: the module that defines `keras.Model` (Keras 3.12 to 3.15). When it moves, no fit is
# seen, and a run seems to train nothing: name the new module here.
MODEL = "keras.src.models.model"
_FITS = "$.outcomes.fits"
_EVALUATIONS = "$.outcomes.evaluations"
_BACKUP = "repro-audit-backup"
_COMPILED = "$.conditions.determinism.execution"


class FitHooks:
    """Tells a recorder of compiles, fits and evaluations."""

    def __init__(
        self,
        recorder: Callable[[], ModelObserver | None],
        turn: Turn,
        updates: Updates,
        steps: Callable[[], Steps],
    ) -> None:
        """Prepare.

        Args:
            recorder: Returns what is to be told, and begins it if need be.
            turn: Whose turn it is to train.
            updates: Sees which optimizers update which models.
            steps: Returns the backend, which is not known before Keras is imported.
        """
        self._recorder = recorder
        self._turn = turn
        self._updates = updates
        self._steps = steps
        self._patches: Patches | None = None
        self._backups = itertools.count(1)

    def install(self, patches: Patches) -> None:
        """Begin to look."""
        self._patches = patches
        patches.watch(MODEL, "Model.compile", self._compile, lost=_COMPILED)
        patches.watch(MODEL, "Model.fit", self._fit, lost=_FITS)
        patches.watch(MODEL, "Model.evaluate", self._evaluate, lost=_EVALUATIONS)

    def _compile(self, call: Call) -> Watch:
        recorder = self._recorder()
        yield None
        if recorder is not None:
            given = _bound(call).arguments
            model = given.pop("self")
            self._updates.compiled(model)
            recorder.compiled(model, given, own_arguments(model))

    def _fit(self, call: Call) -> Watch:
        recorder, patches = self._recorder(), self._patches
        if recorder is None or patches is None:
            return
        bound = _bound(call)
        model = bound.arguments["self"]
        with self._turn.taken(model) as mine, self._updates.of_fit(model):
            if not mine:
                same = any(item is model for item in self._turn.models)
                recorder.fit_unfollowed(trained_by_both=same)
                yield None
                return
            if recorder.backs_up:
                _back_up(bound, f"{_BACKUP}-{next(self._backups)}")
            fit = recorder.fit_begins(model, bound.arguments)
            if fit is None:
                return
            with contextlib.ExitStack() as stack:
                callback = _fit_callback(fit, patches)
                stack.enter_context(_callback_added(bound, callback))
                steps = self._steps().observe_steps(model, fit, patches)
                obstacle = stack.enter_context(steps)
                if obstacle is not None:
                    fit.unseen(obstacle)
                yield call._replace(args=bound.args, kwargs=bound.kwargs)

    def _evaluate(self, call: Call) -> Watch:
        recorder, patches = self._recorder(), self._patches
        if recorder is None or patches is None or self._turn.inside or self._turn.elsewhere:
            return
        bound = _bound(call)
        model = bound.arguments["self"]
        with self._turn.taken(model):
            recorder.evaluate_begins(model, bound.arguments)
            with _callback_added(bound, _evaluate_callback(recorder, patches)):
                yield call._replace(args=bound.args, kwargs=bound.kwargs)


def _bound(call: Call) -> inspect.BoundArguments:
    """Return the arguments of a call by name, defaults included."""
    bound = inspect.signature(call.function).bind(*call.args, **call.kwargs)
    bound.apply_defaults()
    return bound


def _back_up(bound: inspect.BoundArguments, folder: str) -> None:
    """Give a fit a callback that backs it up after each epoch, and restores it as it begins."""
    import keras

    backup = keras.callbacks.BackupAndRestore(folder)
    given: Any = bound.arguments.get("callbacks")
    if hasattr(given, "callbacks"):  # a keras.callbacks.CallbackList
        given.append(backup)
        backup.set_model(bound.arguments["self"])
        return
    several = given if isinstance(given, list | tuple) else [given] if given else []
    bound.arguments["callbacks"] = [*several, backup]


@contextlib.contextmanager
def _callback_added(bound: inspect.BoundArguments, callback: Any) -> Iterator[None]:
    """Put `callback` behind the user's callbacks, and leave the user's own list as it was."""
    callbacks: Any = bound.arguments.get("callbacks")
    if hasattr(callbacks, "callbacks"):  # a keras.callbacks.CallbackList
        callbacks.callbacks.append(callback)
        callback.set_params(callbacks.params or {})
        callback.set_model(bound.arguments["self"])
        try:
            yield
        finally:
            callbacks.callbacks.remove(callback)
        return
    if callbacks is None:
        callbacks = []
    elif not isinstance(callbacks, list | tuple):
        callbacks = [callbacks]
    bound.arguments["callbacks"] = [*callbacks, callback]
    yield


def _guarded(patches: Patches, lost: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a method of a callback of ours cost nothing but a field where it fails."""

    def decorate(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def guarded(*args: Any, **kwargs: Any) -> None:
            if not patches.out:
                patches.safely(lost, lambda: method(*args, **kwargs))

        return guarded

    return decorate


def _fit_callback(fit: FitObserver, patches: Patches) -> Any:
    import keras

    guarded = _guarded(patches, _FITS)

    class FitCallback(keras.callbacks.Callback):  # type: ignore[misc]
        @guarded
        def on_train_begin(self, logs: Any = None) -> None:
            fit.train_begins()

        @guarded
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            fit.epoch_begins(epoch + 1)

        @guarded
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            fit.batch_ended(batch, self.params.get("steps"))

        @guarded
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            fit.epoch_ended(logs or {})

        @guarded
        def on_train_end(self, logs: Any = None) -> None:
            fit.train_ended()

    return FitCallback()


def _evaluate_callback(recorder: ModelObserver, patches: Patches) -> Any:
    import keras

    class EvaluateCallback(keras.callbacks.Callback):  # type: ignore[misc]
        @_guarded(patches, _EVALUATIONS)
        def on_test_end(self, logs: Any = None) -> None:
            recorder.evaluated(self.model, logs or {})

    return EvaluateCallback()
