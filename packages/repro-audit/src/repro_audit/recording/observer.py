"""See every `fit` and `evaluate` of Keras models, with no callback passed by the user.

While a run is recorded, three methods of `keras.Model` are replaced by ones that tell the run
what happens and then do what they always did. The evaluation that `fit` makes each epoch is
part of that fit: only the outermost call is told.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from repro_audit.recording.calls import replace_method
from repro_audit.recording.steps import observe_steps

if TYPE_CHECKING:
    from repro_audit.recording.recorder import Recorder

__all__ = ["inside_call", "observe"]


@contextlib.contextmanager
def observe(keras: Any, run: Recorder) -> Iterator[None]:
    """Tell `run` of every outermost compile, fit and evaluate until the block ends."""
    with contextlib.ExitStack() as stack:
        for name, wrapped in (("compile", _compile), ("fit", _fit), ("evaluate", _evaluate)):
            make = functools.partial(wrapped, run=run, keras=keras)
            stack.callback(replace_method(keras.Model, name, make))
        yield


class _Outermost(threading.local):
    """Whether this thread is in an observed call already."""

    inside = False

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        self.inside = True
        try:
            yield
        finally:
            self.inside = False


_outermost = _Outermost()


def inside_call() -> bool:
    """Whether this thread is in an observed fit or evaluate."""
    return _outermost.inside


def _compile(original: Any, run: Recorder, keras: Any) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def compile(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A001 - the name it replaces
        result = original(self, *args, **kwargs)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        run.compiled(self, bound.arguments.get("jit_compile"))
        return result

    return compile


def _fit(original: Any, run: Recorder, keras: Any) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _outermost.inside:
            return original(self, *args, **kwargs)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        with contextlib.ExitStack() as stack:
            stack.enter_context(_outermost.enter())
            stack.enter_context(_callback_added(bound, _fit_callback(keras, run)))
            run.fit_begins(self, bound.arguments)
            obstacle = stack.enter_context(observe_steps(self, run))
            if obstacle is not None:
                run.unseen(obstacle)
            return original(*bound.args, **bound.kwargs)

    return fit


def _evaluate(original: Any, run: Recorder, keras: Any) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def evaluate(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _outermost.inside:
            return original(self, *args, **kwargs)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        with _outermost.enter(), _callback_added(bound, _evaluate_callback(keras, run)):
            run.evaluate_begins(self, bound.arguments)
            return original(*bound.args, **bound.kwargs)

    return evaluate


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


def _fit_callback(keras: Any, run: Recorder) -> Any:
    class FitObserver(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            run.train_begins(self.model)

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            run.epoch_began(epoch + 1)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            run.batch_ended(self.model, batch, self.params.get("steps"))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            run.epoch_ended(self.model, logs or {})

        def on_train_end(self, logs: Any = None) -> None:
            run.train_ended(self.model)

    return FitObserver()


def _evaluate_callback(keras: Any, run: Recorder) -> Any:
    class EvaluateObserver(keras.callbacks.Callback):  # type: ignore[misc]
        def on_test_end(self, logs: Any = None) -> None:
            run.evaluated(self.model, logs or {})

    return EvaluateObserver()
