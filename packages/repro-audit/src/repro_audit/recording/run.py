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
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from repro_audit.capture.backend import StateTensor
from repro_audit.capture.code import capture_code, project_folder
from repro_audit.capture.data import capture_data
from repro_audit.capture.determinism import capture_determinism
from repro_audit.capture.environment import capture_environment, environment_variables
from repro_audit.capture.initializers import capture_builtin_initializers
from repro_audit.capture.packages import capture_packages
from repro_audit.capture.privacy import scrub
from repro_audit.capture.seeds import capture_seeds
from repro_audit.capture.state import capture_tensors, digest_state
from repro_audit.capture.training import capture_fit, capture_model
from repro_audit.errors import CaptureError, RecordingWarning
from repro_audit.manifest.records import (
    DatasetOptions,
    Evaluation,
    Execution,
    Failure,
    Flip,
    Initializers,
)
from repro_audit.manifest.writing import write
from repro_audit.recording.control import controlled
from repro_audit.recording.draft import Draft, DraftFit, DraftModel
from repro_audit.recording.request import Request

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
        def guarded(self: Run, *args: P.args, **kwargs: P.kwargs) -> R | None:
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

    def __init__(
        self,
        path: str | os.PathLike[str] = "manifest.json",
        *,
        outputs: Sequence[str | os.PathLike[str] | None] = (),
    ) -> None:
        """Prepare a recording; nothing is read or written before `start`."""
        self.path = Path(path)
        self._outputs = [os.fspath(item) for item in (path, *outputs) if item is not None]
        self._draft = Draft()
        self._open = contextlib.ExitStack()
        self._jit_requested: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._datasets: list[DatasetOptions] = []
        self._execution: list[Execution] = []
        self._epoch_clock = time.monotonic()
        self._conditions_read = False
        self._project: Path | None = None

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
        from repro_audit.recording.observer import observe
        from repro_audit.recording.tensorflow import TensorFlow

        self._variables = environment_variables()
        self._arguments = list(sys.argv)
        self._request = Request.from_environment()
        if self._request is not None:
            self.path = self._request.path(Run._started_in_process + 1)
            self._outputs.append(str(self.path))
        self._backend = TensorFlow()
        self._came = self._op_determinism_at_start()
        self._capture("seeds", capture_seeds, self._backend, self._variables, controlled.seed)
        self._capture(
            "environment",
            capture_environment,
            self._backend,
            self._variables,
            None,
            self._draft.missed,
        )
        self._project = project_folder()
        self._capture("packages", capture_packages, self._project, self._draft.missed)
        self._capture_code()
        for part in ("training", "determinism", "initializers"):
            self._draft.missed(f"$.conditions.{part}", "no training has begun")
        self._draft.missed("$.conditions.data", "run.data was not called")
        write(self._draft.manifest(), self.path)
        self._open.enter_context(observe(self._backend.keras, self))
        Run._active = self
        Run._started_in_process += 1
        self._epoch_clock = time.monotonic()
        return self

    def stop(self, error: BaseException | None = None) -> None:
        """End the recording and write the manifest.

        Args:
            error: The exception that ended the run, if any: its status is then ``failed``.
        """
        if Run._active is not self:
            return
        Run._active = None
        self._open.close()
        ended_well = error is None or (isinstance(error, SystemExit) and not error.code)
        self._draft.status = "complete" if ended_well else "failed"
        if not ended_well:
            self._draft.failure = Failure(
                type=type(error).__name__, message=scrub(str(error), self._project)[:2000]
            )
        for item in self._draft.models:
            model = item.reference()
            if model is not None:
                self._read_final_state(item, model)
        self._capture_code()
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
        known = self._draft.conditions.get("data") or {}
        self._draft.conditions["data"] = {**known, role: capture_data(arrays)}
        self._draft.found("$.conditions.data")

    @_guarded("$.outcomes.initial_weights")
    def watch(self, model: Any) -> None:
        """Read the initial weights of a model that a hand-written loop will train.

        Call it before the first step. A model that is only fitted needs no call.
        """
        self._read_initial_weights(self._seen(model), model)

    @_guarded("$.outcomes.fits")
    def step(self, model: Any, batch: Any = None, loss: Any = None) -> None:
        """Count one step of a hand-written loop, after its update.

        Args:
            model: The model that was updated.
            batch: The step's batch. Evidence of single steps; `weights` needs none.
            loss: The step's loss. As `batch`.
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
        self._read_conditions(model)
        self._loop(model)
        self.epoch_ended(model, logs or {})

    # What the observer tells.

    @_guarded("$.conditions.determinism.execution")
    def compiled(self, model: Any, jit_requested: Any) -> None:
        """Note what a model's compile was asked for."""
        if isinstance(jit_requested, bool | str):
            self._jit_requested[model] = jit_requested

    @_guarded("$.conditions.training.fits")
    def fit_begins(self, model: Any, arguments: Mapping[str, Any]) -> bool:
        """Note a fit; return whether the model will be built only while its first step is traced."""
        item = self._seen(model)
        fit = len(self._draft.fits)
        self._draft.fits.append(DraftFit(model=item.index))
        callbacks = arguments["callbacks"]
        user_callbacks = list(getattr(callbacks, "callbacks", callbacks))[:-1]
        self._draft.fit_arguments.append(capture_fit(item.index, arguments, user_callbacks))
        for argument in ("x", "validation_data"):
            with contextlib.suppress(TypeError):
                deterministic = self._backend.dataset_determinism(arguments[argument])
                self._datasets.append(
                    DatasetOptions(fit=fit, argument=argument, deterministic=deterministic)
                )
        return item.initial is None and not _built(model)

    @_guarded("$.outcomes.initial_weights")
    def model_built(self, model: Any) -> None:
        """Read the initial weights of a model that was built late."""
        item = self._seen(model)
        if item.initial is None:
            self._read_initial_weights(item, model)

    @_guarded("$.outcomes.initial_weights")
    def train_begins(self, model: Any) -> None:
        """Read everything that needs the backend to be in use, before the first step."""
        item = self._seen(model)
        if item.initial is None and _built(model):
            self._read_initial_weights(item, model)
        self._read_conditions(model)
        self._epoch_clock = time.monotonic()

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
        epoch = sum(len(fit.epochs) for fit in self._draft.fits)
        if self._request is not None and epoch == self._request.stop_after_epoch:
            # A control run has shown what it can; the user's code after it would only cost time.
            raise SystemExit(0)

    @_guarded("$.outcomes.final_state")
    def train_ended(self, model: Any) -> None:
        """Read the state a fit ends with; the model may be gone when recording stops."""
        self._draft.fits[-1].ended = True
        self._read_final_state(self._seen(model), model)

    @_guarded("$.outcomes.evaluations")
    def evaluate_begins(self, model: Any) -> None:
        """Note a model that is evaluated, and what it holds before."""
        item = self._seen(model)
        if item.initial is None and _built(model):
            self._read_initial_weights(item, model)

    @_guarded("$.outcomes.evaluations")
    def evaluated(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take the results of an evaluate outside any fit."""
        item = self._seen(model)
        self._read_conditions(model)
        dtypes = self._backend.metric_dtypes(model)
        self._draft.evaluations.append(
            Evaluation(
                model=item.index,
                after_fits=len(self._draft.fits),
                results={name: float(value) for name, value in logs.items()},
                dtypes={name: dtypes.get(name) for name in logs},
            )
        )

    # How it is read.

    def _failed(self, path: str, error: Exception) -> None:
        """Say that something could not be recorded, and let training go on."""
        self._draft.missed(path, scrub(f"{type(error).__name__}: {error}", self._project)[:500])
        message = f"repro-audit could not record {path}: {type(error).__name__}: {error}"
        warnings.warn(message, RecordingWarning, stacklevel=3)

    def _capture(self, part: str, function: Callable[..., Any], *args: Any) -> None:
        """Read one condition; where that fails it is missing."""
        path = f"$.conditions.{part}"
        self._draft.found(path)
        try:
            self._draft.conditions[part] = function(*args)
        except Exception as error:  # noqa: BLE001 - one unreadable condition must not cost the rest
            self._failed(path, error)

    def _capture_code(self) -> None:
        self._capture("code", capture_code, self._arguments, self._outputs, self._draft.missed)

    def _write(self) -> None:
        try:
            write(self._draft.manifest(), self.path)
        except Exception as error:  # noqa: BLE001 - a full disk must not stop training
            message = f"repro-audit could not write {self.path}: {error}"
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
        """Return the hand-written loop that trains `model`, noting it at its first step."""
        item = self._seen(model)
        if not self._draft.fits or self._draft.fits[-1].ended:
            self._read_conditions(model)
            if item.initial is None:
                self._draft.missed(
                    f"$.outcomes.initial_weights[{item.index}]",
                    "run.watch(model) was not called before the first step",
                )
        elif self._draft.fits[-1].model == item.index:
            return self._draft.fits[-1]
        self._draft.fits.append(fit := DraftFit(model=item.index))
        arguments = {"callbacks": None}
        self._draft.fit_arguments.append(capture_fit(item.index, arguments, None))
        return fit

    def _read_initial_weights(self, item: DraftModel, model: Any) -> None:
        tensors = self._backend.weights(model)
        item.initial = capture_tensors(tensors)
        item.labels = _labels(tensors)
        self._draft.found(f"$.outcomes.initial_weights[{item.index}]")

    @_guarded("$.outcomes.final_state")
    def _read_final_state(self, item: DraftModel, model: Any) -> None:
        tensors = self._backend.weights(model) + self._backend.optimizer_state(model)
        item.final = capture_tensors(tensors)
        item.labels = _labels(tensors)
        self._draft.found(f"$.outcomes.final_state[{item.index}]")

    @_guarded("$.outcomes.fits")
    def _take_epoch(self, model: Any, logs: Mapping[str, Any]) -> None:
        fit = self._draft.fits[-1]
        numbers = {name: value for name, value in logs.items() if _is_number(value)}
        fit.add_epoch(numbers, self._backend.metric_dtypes(model))
        fit.epochs.append(None)
        tensors = self._backend.weights(model) + self._backend.optimizer_state(model)
        fit.epochs[-1] = digest_state([capture_tensors(tensors)])
        now = time.monotonic()
        self._draft.epoch_durations_s.append(round(now - self._epoch_clock, 3))
        self._epoch_clock = now

    @_guarded("$.control_run")
    def _flip_if_requested(self, model: Any, fit: DraftFit) -> None:
        if self._request is not None and self._request.flip and self._draft.flip is None:
            item = self._seen(model)
            position, element, bit = self._backend.flip_bit(model)
            self._draft.flip = Flip(
                step=fit.steps, model=item.index, position=position, element=element, bit=bit
            )

    def _op_determinism_at_start(self) -> tuple[str, int | None]:
        """Return since when op determinism is on, as far as it can be known now."""
        traced = self._backend.functions_traced()
        self._in_use_at_start = self._backend.in_use()
        if not self._backend.op_determinism():
            return "off", None
        if controlled.op_determinism is not None:
            return controlled.op_determinism, controlled.functions_traced_before
        by_environment = self._variables.get("TF_DETERMINISTIC_OPS", "0") not in {"0", "false"}
        if by_environment or not self._in_use_at_start:
            return "before_first_op", 0
        return "unknown", traced

    def _op_determinism_now(self) -> tuple[str, int | None]:
        """Return since when op determinism is on, when a model begins to train."""
        if self._came[0] == "off" and self._backend.op_determinism():
            if controlled.op_determinism is not None:
                return controlled.op_determinism, controlled.functions_traced_before
            # It was off when recording began. Late for certain if an operation had run by then,
            # or if a fit has.
            late = self._in_use_at_start or self._conditions_read
            return ("later" if late else "unknown"), self._backend.functions_traced()
        return self._came

    def _read_conditions(self, model: Any) -> None:
        """Read the conditions that need a model, and a backend in use."""
        item = self._seen(model)
        draft = self._draft
        if item.training is None:
            item.training = capture_model(self._backend, model, item.index, draft.missed)
            draft.found("$.conditions.training")
            jit_requested = self._jit_requested.get(model)
            if jit_requested is None:
                draft.missed(
                    f"$.conditions.determinism.execution[{item.index}].jit_requested",
                    "the model was compiled before recording began",
                )
            self._execution.append(self._backend.execution(model, item.index, jit_requested))
            self._read_drawn_seeds(model, item.index)
        self._came = self._op_determinism_now()
        state, traced = self._came
        self._draft.found("$.conditions.determinism")
        draft.conditions["determinism"] = None
        try:
            draft.conditions["determinism"] = capture_determinism(
                self._backend,
                self._variables,
                op_determinism=state,
                functions_traced_before=traced,
                execution=tuple(self._execution),
                datasets=tuple(self._datasets),
                missed=draft.missed,
            )
        except Exception as error:  # noqa: BLE001 - one unreadable condition must not cost the rest
            self._failed("$.conditions.determinism", error)
        if not self._conditions_read:
            environment = draft.conditions.get("environment")
            if environment is not None:
                draft.conditions["environment"] = environment._replace(devices=tuple(self._backend.devices())
                )
        self._conditions_read = True

    @_guarded("$.conditions.initializers")
    def _read_drawn_seeds(self, model: Any, index: int) -> None:
        """Read what the layers drew, and sample the built-in initializers once."""
        conditions = self._draft.conditions
        seeds = conditions.get("seeds")
        if seeds is not None:
            # The seed may have been set after recording began.
            declared = self._backend.declared_seed()
            if declared != seeds.declared:
                fresh = capture_seeds(self._backend, self._variables, controlled.seed)
                seeds = seeds._replace(declared=declared,
                    declared_by=fresh.declared_by,
                    backend=seeds.backend._replace(seed=fresh.backend.seed),
                )
            layers = (*seeds.layers, *self._backend.layer_seeds(model, index))
            conditions["seeds"] = seeds._replace(layers=layers)
        known = conditions.get("initializers")
        layers_before = known.layers if known is not None else ()
        conditions["initializers"] = Initializers(
            builtin=known.builtin
            if known is not None
            else capture_builtin_initializers(self._backend),
            layers=(*layers_before, *self._backend.layer_initializers(model, index)),
        )
        self._draft.found("$.conditions.initializers")


def _built(model: Any) -> bool:
    """Whether every layer has its weights; Keras's own test before a symbolic build."""
    return all(layer.built for layer in model._flatten_layers())


def _labels(tensors: Sequence[StateTensor]) -> tuple[str, ...]:
    return tuple(tensor.label for tensor in tensors)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
