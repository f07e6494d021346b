"""Record a run: every fit and evaluate in a block, or a hand-written loop.

The manifest is written when recording begins, after every epoch and at the end, as a whole
each time. A failure of the recorder becomes a `RecordingWarning` and a field marked missing;
training goes on.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from repro_audit.capture.privacy import scrub
from repro_audit.capture.state import capture_tensors, digest_state
from repro_audit.capture.training import capture_fit
from repro_audit.errors import CaptureError, RecordingWarning
from repro_audit.manifest.records import Evaluation, Failure, Flip
from repro_audit.manifest.writing import write
from repro_audit.recording.draft import Draft, DraftFit, DraftModel
from repro_audit.recording.request import Request

if TYPE_CHECKING:
    from repro_audit.capture.backend import Backend
    from repro_audit.recording.conditions import ConditionReader

__all__ = ["Run", "record"]

P = ParamSpec("P")
R = TypeVar("R")


def record(
    path: str | os.PathLike[str] = "manifest.json",
    *,
    outputs: Sequence[str | os.PathLike[str] | None] = (),
) -> Run:
    """Record every fit and evaluate of a block into a manifest.

    Recording changes no bit of the run. Use it as a context manager, or call `Run.start` and
    `Run.stop`.

    Args:
        path: Where the manifest goes.
        outputs: Other paths this run writes. Where they appear on the command line the
            manifest shows ``<output>``, so that runs that write elsewhere have equal
            arguments.

    Example:
        >>> with repro_audit.record("manifest.json") as run:  # doctest: +SKIP
        ...     run.data("train", x_train, y_train)
        ...     model.fit(x_train, y_train, epochs=2)
    """
    return Run(path, outputs=outputs)


def _guarded(
    path: str,
) -> Callable[[Callable[Concatenate[Run, P], R]], Callable[Concatenate[Run, P], R | None]]:
    """Make a method of `Run` warn where it fails, and mark the field at `path` missing."""

    def decorate(
        method: Callable[Concatenate[Run, P], R],
    ) -> Callable[Concatenate[Run, P], R | None]:
        @functools.wraps(method)
        def guarded(self: Run, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever fails here, training goes on
                self._failed(path, error)
                return None

        return guarded

    return decorate


class Run:
    """A recording. `record` makes one."""

    _active: Run | None = None
    _started_in_process = 0

    _backend: Backend
    _conditions: ConditionReader

    def __init__(
        self,
        path: str | os.PathLike[str] = "manifest.json",
        *,
        outputs: Sequence[str | os.PathLike[str] | None] = (),
    ) -> None:
        """Prepare a recording; nothing is read or written before `start`."""
        self.path = Path(path)
        self._outputs = [os.fspath(item) for item in (path, *outputs) if item is not None]
        self._arguments = list(sys.argv)
        self._request: Request | None = None
        self._draft = Draft()
        self._observing = contextlib.ExitStack()
        self._epoch_began = time.monotonic()

    # The life of a recording.

    def start(self) -> Self:
        """Begin to record, and write a first manifest with status ``running``.

        Raises:
            CaptureError: Another recording is open, Keras is absent or on another backend.
            OutputError: The manifest cannot be written to its path.
        """
        if Run._active is not None:
            message = f"A recording to {Run._active.path} is open. Stop it before another begins."
            raise CaptureError(message)
        from repro_audit.recording.conditions import ConditionReader
        from repro_audit.recording.observer import observe
        from repro_audit.recording.tensorflow import TensorFlow

        self._request = Request.from_environment()
        if self._request is not None:
            self.path = self._request.path(Run._started_in_process + 1)
        backend = TensorFlow()
        self._backend = backend
        self._conditions = ConditionReader(self._draft, backend, self._failed)
        self._conditions.at_start(self._arguments, self._outputs)
        write(self._draft.manifest(), self.path)
        self._observing.enter_context(observe(backend.keras, self))
        Run._active = self
        Run._started_in_process += 1
        return self

    def stop(self, error: BaseException | None = None) -> None:
        """End the recording and write the manifest.

        Args:
            error: The exception that ended the run, if any: its status is then ``failed``.
        """
        if Run._active is not self:
            return
        Run._active = None
        self._observing.close()
        ended_well = error is None or (isinstance(error, SystemExit) and not error.code)
        self._draft.status = "complete" if ended_well else "failed"
        if not ended_well:
            self._draft.failure = Failure(
                type=type(error).__name__,
                message=scrub(str(error), self._conditions.project)[:2000],
            )
        for item in self._draft.models:
            model = item.reference()
            if model is not None:
                self._read_final_state(item, model)
        self._conditions.code(self._arguments, self._outputs)
        self._write()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; the user's exception goes on unchanged."""
        self.stop(error)

    # What the user tells.

    @_guarded("$.conditions.data")
    def data(self, role: str, *arrays: Any) -> None:
        """Digest the content of a data set.

        Args:
            role: What it is for: ``train``, ``validation``, ``test``.
            arrays: Arrays, tensors, data frames, or paths of files. Not a loader: reading
                one would move it.
        """
        self._conditions.data(role, arrays)

    @_guarded("$.outcomes.initial_weights")
    def watch(self, model: Any) -> None:
        """Read the initial weights of a model that a hand-written loop will train.

        Call it before the first step. A model that is only fitted needs no call.
        """
        self._read_initial_weights(self._seen(model), model)

    @_guarded("$.outcomes.fits")
    def step(self, model: Any, batch: Any = None, loss: Any = None) -> None:
        """Count one step of a hand-written loop, after its update.

        `batch` and `loss` are evidence of single steps, of which `weights` needs none.
        """
        del batch, loss
        fit = self._loop(model)
        fit.steps += 1
        self._flip_if_requested(model, fit)

    def epoch(self, model: Any, logs: Mapping[str, Any] | None = None) -> None:
        """Close an epoch of a hand-written loop.

        Args:
            model: The model that was trained.
            logs: Metrics of this epoch by name, numbers.
        """
        self._loop_epoch_ends(model)
        self.epoch_ended(model, logs or {})

    # What the observer tells.

    @_guarded("$.conditions.determinism.execution")
    def compiled(self, model: Any, jit_requested: Any) -> None:
        """Take note of what a model's compile was asked for."""
        self._conditions.compiled(model, jit_requested)

    @_guarded("$.conditions.training.fits")
    def fit_begins(self, model: Any, arguments: Mapping[str, Any]) -> bool:
        """Take note of a fit; return whether its first step will build the model."""
        item = self._seen(model)
        for argument in ("x", "validation_data"):
            self._conditions.dataset(len(self._draft.fits), argument, arguments[argument])
        callbacks = arguments["callbacks"]
        user_callbacks = list(getattr(callbacks, "callbacks", callbacks))[:-1]
        self._draft.fits.append(DraftFit(model=item.index))
        self._draft.fit_arguments.append(capture_fit(item.index, arguments, user_callbacks))
        return item.initial is None and not _built(model)

    @_guarded("$.outcomes.initial_weights")
    def model_built(self, model: Any) -> None:
        """Read the initial weights of a model that its first step has built."""
        item = self._seen(model)
        if item.initial is None:
            self._read_initial_weights(item, model)

    def train_begins(self, model: Any) -> None:
        """Read everything that needs the backend to be in use, before the first step."""
        self.model_found(model)
        self._read_training(model)
        self._epoch_began = time.monotonic()

    @_guarded("$.outcomes.fits")
    def batch_ended(self, model: Any, batch: int, steps: int | None) -> None:
        """Count the steps, and flip the bit of a control run after the first."""
        fit = self._draft.fits[-1]
        in_epoch = batch + 1 if steps is None else min(batch + 1, steps)
        fit.steps = fit.steps_before_epoch + in_epoch
        self._flip_if_requested(model, fit)

    def epoch_ended(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take the epoch's history and state, and write the manifest."""
        self._take_epoch(model, logs)
        self._write()
        epochs = sum(len(fit.epochs) for fit in self._draft.fits)
        if self._request is not None and epochs == self._request.stop_after_epoch:
            # A control run has shown what it can; the user's code after it would only cost time.
            raise SystemExit(0)

    @_guarded("$.outcomes.final_state")
    def train_ended(self, model: Any) -> None:
        """Read the state a fit ends with; the model may be gone when recording stops."""
        self._draft.fits[-1].ended = True
        self._read_final_state(self._seen(model), model)

    @_guarded("$.outcomes.initial_weights")
    def model_found(self, model: Any) -> None:
        """Take note of a model, and of what it holds if it has been built."""
        item = self._seen(model)
        if item.initial is None and _built(model):
            self._read_initial_weights(item, model)

    @_guarded("$.outcomes.evaluations")
    def evaluated(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take the results of an evaluate outside any fit."""
        self._read_training(model)
        dtypes = self._metric_dtypes(model) or {}
        self._draft.evaluations.append(
            Evaluation(
                model=self._seen(model).index,
                after_fits=len(self._draft.fits),
                results={name: float(value) for name, value in logs.items()},
                dtypes={name: dtypes.get(name) for name in logs},
            )
        )

    # How it is read.

    def _failed(self, path: str, error: Exception) -> None:
        """Say that something could not be recorded, and let training go on."""
        reason = scrub(f"{type(error).__name__}: {error}")[:500]
        self._draft.missed(path, reason)
        message = f"repro-audit could not record {path}: {reason}"
        warnings.warn(message, RecordingWarning, stacklevel=3)

    def _write(self) -> None:
        try:
            write(self._draft.manifest(), self.path)
        except Exception as error:  # noqa: BLE001 - a full disk must not stop training
            message = f"repro-audit could not write the manifest: {error}"
            warnings.warn(message, RecordingWarning, stacklevel=3)

    def _seen(self, model: Any) -> DraftModel:
        """Return what is known of a model, which from now on counts."""
        for item in self._draft.models:
            if item.reference() is model:
                return item
        index = len(self._draft.models)
        item = DraftModel(reference=weakref.ref(model), index=index)
        self._draft.models.append(item)
        self._draft.missed(
            f"$.outcomes.initial_weights[{index}]",
            "the model was not built before its first step: give it an Input or call build",
        )
        self._draft.missed(f"$.outcomes.final_state[{index}]", "the run has not ended")
        return item

    def _loop(self, model: Any) -> DraftFit:
        """Return the hand-written loop that trains `model`, taking note of it at its first step."""
        item = self._seen(model)
        fits = self._draft.fits
        if fits and not fits[-1].ended and fits[-1].model == item.index:
            return fits[-1]
        self._read_training(model)
        if item.initial is None:
            self._draft.missed(
                f"$.outcomes.initial_weights[{item.index}]",
                "run.watch(model) was not called before the first step",
            )
        fits.append(fit := DraftFit(model=item.index))
        self._draft.fit_arguments.append(capture_fit(item.index, {}, None))
        return fit

    @_guarded("$.outcomes.fits")
    def _loop_epoch_ends(self, model: Any) -> None:
        self._loop(model)

    @_guarded("$.conditions.training")
    def _read_training(self, model: Any) -> None:
        self._conditions.training(self._seen(model), model)

    def _read_initial_weights(self, item: DraftModel, model: Any) -> None:
        tensors = self._backend.weights(model)
        item.initial = capture_tensors(tensors)
        item.labels = tuple(tensor.label for tensor in tensors)
        self._draft.found(f"$.outcomes.initial_weights[{item.index}]")

    @_guarded("$.outcomes.final_state")
    def _read_final_state(self, item: DraftModel, model: Any) -> None:
        tensors = self._backend.weights(model) + self._backend.optimizer_state(model)
        item.final = capture_tensors(tensors)
        item.labels = tuple(tensor.label for tensor in tensors)
        self._draft.found(f"$.outcomes.final_state[{item.index}]")

    @_guarded("$.outcomes.fits")
    def _take_epoch(self, model: Any, logs: Mapping[str, Any]) -> None:
        fit = self._draft.fits[-1]
        numbers = {name: value for name, value in logs.items() if _is_number(value)}
        fit.add_epoch(numbers, self._metric_dtypes(model) or {})
        tensors = self._backend.weights(model) + self._backend.optimizer_state(model)
        fit.epochs[-1] = digest_state([capture_tensors(tensors)])
        now = time.monotonic()
        self._draft.epoch_durations_s.append(round(now - self._epoch_began, 3))
        self._epoch_began = now

    @_guarded("$.outcomes.fits.dtypes")
    def _metric_dtypes(self, model: Any) -> Mapping[str, str]:
        return self._backend.metric_dtypes(model)

    @_guarded("$.control_run")
    def _flip_if_requested(self, model: Any, fit: DraftFit) -> None:
        if self._request is not None and self._request.flip and self._draft.flip is None:
            position, element, bit = self._backend.flip_bit(model)
            self._draft.flip = Flip(
                step=fit.steps,
                model=self._seen(model).index,
                position=position,
                element=element,
                bit=bit,
            )


def _built(model: Any) -> bool:
    """Whether every layer has its weights; Keras's own test before a symbolic build."""
    return all(layer.built for layer in model._flatten_layers())


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
