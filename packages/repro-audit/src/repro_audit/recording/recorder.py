"""What is seen of a run, and what becomes of it.

The observer of Keras and the user's own calls tell a `Recorder` what happens; it reads what is
to be read, keeps it in a draft and writes that as a manifest, as a whole each time. A failure
of the recorder becomes a `RecordingWarning` and a field marked missing; training goes on.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro_audit.capture.privacy import scrub
from repro_audit.capture.state import capture_tensors, digest_state
from repro_audit.capture.training import capture_fit
from repro_audit.errors import RecordingWarning
from repro_audit.manifest.records import Evaluation, Failure, Flip
from repro_audit.manifest.writing import write
from repro_audit.recording.conditions import ConditionReader
from repro_audit.recording.draft import Draft, DraftFit, DraftModel
from repro_audit.recording.guarding import guarded
from repro_audit.recording.models import Models, is_built
from repro_audit.recording.request import Request
from repro_audit.recording.safe_tracing import SafeTracer
from repro_audit.recording.tracing import Tracer

if TYPE_CHECKING:
    from repro_audit.capture.backend import Backend
    from repro_audit.manifest.conditions import Seeds
    from repro_audit.recording.files import Files
    from repro_audit.recording.inputs import Inputs
    from repro_audit.trace import Column

__all__ = ["Recorder"]


class Recorder:
    """Reads one run into a draft, its manifest and its trace."""

    def __init__(
        self,
        backend: Backend,
        path: Path,
        request: Request | None,
        tracer: Tracer | None,
        *,
        seeds: Seeds | None = None,
        inputs: Inputs | None = None,
        files: Files | None = None,
    ) -> None:
        """Read what later code could change.

        Args:
            backend: The framework.
            path: Where the manifest goes.
            request: What the process that started this one asks for.
            tracer: Writes the trace, if there is to be one.
            seeds: The seeds, where they were read before; else they are read now.
            inputs: Digests the arrays given to fits; None where the user tells of data.
            files: Notes the files that are read, where a launcher has started the process.
        """
        self._backend = backend
        self._path = path
        self._request = request
        self._files = files
        self._draft = Draft()
        self._models = Models(self._draft, backend)
        self._trace = SafeTracer(tracer, self._draft, self.failed)
        self._conditions = ConditionReader(self._draft, backend, self.failed, seeds, inputs)
        self._epoch_began = time.monotonic()
        self._automatic = inputs is not None

    # The life of a recording.

    def begin(self, arguments: Sequence[str], outputs: Sequence[str]) -> None:
        """Read what can be read before any training, and write a first manifest.

        Args:
            arguments: ``sys.argv``.
            outputs: Paths the run writes.

        Raises:
            OutputError: The manifest cannot be written.
        """
        self._conditions.at_start(arguments, outputs)
        self._trace.tell()
        write(self._draft.manifest(), self._path)

    def discard(self) -> None:
        """Leave no trace; the manifest is another recording's to write."""
        self._trace.discard()

    def end(
        self, error: BaseException | None, arguments: Sequence[str], outputs: Sequence[str]
    ) -> None:
        """Read what can be read last, and write the manifest.

        Args:
            error: The exception that ended the run, if any.
            arguments: ``sys.argv``.
            outputs: Paths the run writes.
        """
        ended_well = error is None or (isinstance(error, SystemExit) and not error.code)
        self._draft.status = "complete" if ended_well else "failed"
        if not ended_well:
            self._draft.failure = Failure(
                type=type(error).__name__,
                message=scrub(str(error), self._conditions.project)[:2000],
            )
        for item, model in self._models.alive():
            if self._automatic:
                self._close_loop(item, model)
            self._read_final_state(item, model)
        self._conditions.code(arguments, outputs)
        self._conditions.all_given()
        if self._files is not None:
            self._conditions.file_order(self._files.order)
            self._draft.files_read = self._files.read
        self._trace.end()
        self.write()

    # What the user tells.

    @guarded("$.conditions.data")
    def data(self, role: str, arrays: tuple[Any, ...]) -> None:
        """Digest the content of a data set."""
        self._conditions.data(role, arrays)

    @guarded("$.outcomes.initial_weights")
    def watch(self, model: Any) -> None:
        """Read the initial weights of a model that a hand-written loop will train."""
        self._models.read_initial(self._models.seen(model), model)

    @guarded("$.outcomes.fits")
    def loop_step(self, model: Any, batch: Any, loss: Any) -> None:
        """Count one step of a hand-written loop, after its update."""
        fit = self._loop(model)
        fit.steps += 1
        self._trace_loop_step(model, batch, loss)
        self._flip_if_requested(model, fit)

    def loop_steps(self, model: Any, steps: int) -> None:
        """Count steps that were made in one go, of which only the last can be seen."""
        if steps > 0:
            self._skip_loop_steps(model, steps - 1)
            self.loop_step(model, None, None)

    def loop_epoch(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Close an epoch of a hand-written loop."""
        fit = self._loop_epoch_ends(model)
        if fit is not None:
            self._take_epoch(model, logs, fit)
            self._trace.epoch_begins(len(fit.epochs) + 1)
            self._epoch_taken()

    # What the observer tells.

    @guarded("$.conditions.determinism.execution")
    def compiled(self, model: Any, jit_requested: Any) -> None:
        """Take note of what a model's compile was asked for."""
        self._conditions.compiled(model, jit_requested)

    @guarded("$.conditions.training.fits")
    def fit_begins(self, model: Any, arguments: Mapping[str, Any]) -> None:
        """Take note of a fit."""
        item = self._models.seen(model)
        if self._automatic:
            self._close_loop(item, model)
        self._conditions.given("fit", arguments)
        for argument in ("x", "validation_data"):
            self._conditions.dataset(len(self._draft.fits), argument, arguments[argument])
        callbacks = arguments["callbacks"]
        user_callbacks = list(getattr(callbacks, "callbacks", callbacks))[:-1]
        self._draft.fits.append(DraftFit(model=item.index))
        self._draft.fit_arguments.append(capture_fit(item.index, arguments, user_callbacks))
        self._trace.fit_begins(item.index)

    @guarded("$.outcomes.initial_weights")
    def built(self, model: Any) -> None:
        """Read the initial weights of a model that its first step has built."""
        item = self._models.seen(model)
        if item.initial is None:
            self._models.read_initial(item, model)

    @guarded("$.conditions.determinism.execution")
    def traced(self, model: Any, graph: Any) -> None:
        """Look for operations that race in a step that was traced."""
        self._conditions.step_traced(
            self._models.seen(model).index, self._backend.racing_ops(graph)
        )

    def unseen(self, reason: str) -> None:
        """Take note that the steps of the fit that begins cannot be seen."""
        self._trace.unseen(reason)

    def wants(self) -> bool:
        """Count a step, and return whether it is to be traced."""
        return self._trace.wants()

    def step(self, model: Any, columns: tuple[Column, ...], arrays: Sequence[Any]) -> None:
        """Trace a step."""
        self._trace.step(columns, lambda: self._backend.describe_state(model), arrays)

    def step_failed(self, error: Exception) -> None:
        """Give the trace up: a step cannot be recorded."""
        self._trace.give_up(error)

    def epoch_began(self, epoch: int) -> None:
        """Take note of an epoch, from 1."""
        fit = self._draft.fits[-1]
        if fit.first_epoch is None:
            fit.first_epoch = epoch
        self._trace.epoch_begins(epoch)

    def train_begins(self, model: Any) -> None:
        """Read everything that needs the backend to be in use, before the first step."""
        self.model_found(model)
        self._read_training(model)
        self._epoch_began = time.monotonic()

    @guarded("$.outcomes.fits")
    def batch_ended(self, model: Any, batch: int, steps: int | None) -> None:
        """Count the steps, and flip the bit of a control run after the first."""
        fit = self._draft.fits[-1]
        in_epoch = batch + 1 if steps is None else min(batch + 1, steps)
        fit.steps = fit.steps_before_epoch + in_epoch
        self._flip_if_requested(model, fit)

    def epoch_ended(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take the epoch's history and state, and write the manifest."""
        self._take_epoch(model, logs, self._draft.fits[-1])
        self._epoch_taken()

    def _epoch_taken(self) -> None:
        """Write the manifest, and end a control run that has shown what it can."""
        self.write()
        epochs = sum(len(fit.epochs) for fit in self._draft.fits)
        if self._request is not None and epochs == self._request.stop_after_epoch:
            # The user's code after it would only cost time.
            raise SystemExit(0)

    @guarded("$.outcomes.final_state")
    def train_ended(self, model: Any) -> None:
        """Read the state a fit ends with; the model may be gone when recording stops."""
        self._draft.fits[-1].ended = True
        self._read_final_state(self._models.seen(model), model)

    @guarded("$.outcomes.initial_weights")
    def model_found(self, model: Any) -> None:
        """Take note of a model, and of what it holds if it has been built."""
        item = self._models.seen(model)
        if item.initial is None and is_built(model):
            self._models.read_initial(item, model)

    def evaluate_begins(self, model: Any, arguments: Mapping[str, Any]) -> None:
        """Take note of an evaluate outside any fit."""
        self.model_found(model)
        self._conditions.given("evaluate", arguments)

    @guarded("$.outcomes.evaluations")
    def evaluated(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take the results of an evaluate outside any fit."""
        self._read_training(model)
        dtypes = self._metric_dtypes(model) or {}
        self._draft.evaluations.append(
            Evaluation(
                model=self._models.seen(model).index,
                after_fits=len(self._draft.fits),
                results={name: float(value) for name, value in logs.items()},
                dtypes={name: dtypes.get(name) for name in logs},
            )
        )

    # How it is read.

    def failed(self, path: str, error: Exception) -> None:
        """Say that something could not be recorded, and let training go on."""
        reason = scrub(f"{type(error).__name__}: {error}")[:500]
        self._draft.missed(path, reason)
        message = f"repro-audit could not record {path}: {reason}"
        warnings.warn(message, RecordingWarning, stacklevel=3)

    def write(self) -> None:
        """Write the manifest; a full disk must not stop training."""
        self._trace.tell()
        try:
            write(self._draft.manifest(), self._path)
        except Exception as error:  # noqa: BLE001 - whatever fails here, training goes on
            message = f"repro-audit could not write the manifest: {error}"
            warnings.warn(message, RecordingWarning, stacklevel=3)

    def _loop(self, model: Any) -> DraftFit:
        """Return the hand-written loop that trains `model`, taking note of it at its first step."""
        item = self._models.seen(model)
        last = self._last_fit(item)
        if last is not None and not self._draft.fits[last].ended:
            # Another may have interrupted it: two models can be trained in turn.
            self._trace.fit_continues(last)
            return self._draft.fits[last]
        self._read_training(model)
        if item.initial is None:
            self._draft.missed(
                f"$.outcomes.initial_weights[{item.index}]",
                "run.watch(model) was not called before the first step",
            )
        self._draft.fits.append(fit := DraftFit(model=item.index, loop=True))
        self._draft.fit_arguments.append(capture_fit(item.index, {}, None))
        fit.first_epoch = 1
        self._trace.fit_begins(item.index)
        return fit

    def _last_fit(self, item: DraftModel) -> int | None:
        """Return the place of the last fit of a model."""
        fits = self._draft.fits
        own = (index for index in reversed(range(len(fits))) if fits[index].model == item.index)
        return next(own, None)

    def _close_loop(self, item: DraftModel, model: Any) -> None:
        """End the loop that a model was trained in last, if nobody has closed an epoch of it."""
        last = self._last_fit(item)
        if last is None:
            return
        fit = self._draft.fits[last]
        if fit.loop and not fit.epochs:
            self._trace.fit_continues(last)
            self._take_epoch(model, {}, fit)

    @guarded("$.outcomes.fits")
    def _loop_epoch_ends(self, model: Any) -> DraftFit:
        return self._loop(model)

    @guarded("$.outcomes.fits")
    def _skip_loop_steps(self, model: Any, steps: int) -> None:
        self._loop(model).steps += steps
        for _ in range(steps):
            self._trace.wants()

    @guarded("$.conditions.training")
    def _read_training(self, model: Any) -> None:
        self._conditions.training(self._models.seen(model), model)

    @guarded("$.outcomes.final_state")
    def _read_final_state(self, item: DraftModel, model: Any) -> None:
        self._models.read_final(item, model)

    @guarded("$.outcomes.fits")
    def _take_epoch(self, model: Any, logs: Mapping[str, Any], fit: DraftFit) -> None:
        numbers = {name: value for name, value in logs.items() if _is_number(value)}
        fit.add_epoch(numbers, self._metric_dtypes(model) or {})
        tensors = self._backend.state(model)
        fit.epochs[-1] = digest_state([capture_tensors(tensors)])
        self._trace.epoch_ends(tensors)
        now = time.monotonic()
        self._draft.epoch_durations_s.append(round(now - self._epoch_began, 3))
        self._epoch_began = now

    def _trace_loop_step(self, model: Any, batch: Any, loss: Any) -> None:
        """Trace one step of a hand-written loop."""
        if not self._trace.wants():
            return
        try:
            columns, arrays = self._backend.loop_step(model, batch, loss)
        except Exception as error:  # noqa: BLE001 - whatever fails here, training goes on
            self.step_failed(error)
            return
        self.step(model, columns, arrays)

    @guarded("$.outcomes.fits.dtypes")
    def _metric_dtypes(self, model: Any) -> Mapping[str, str]:
        return self._backend.metric_dtypes(model)

    @guarded("$.control_run")
    def _flip_if_requested(self, model: Any, fit: DraftFit) -> None:
        if self._request is not None and self._request.flip and self._draft.flip is None:
            position, element, bit = self._backend.flip_bit(model)
            self._draft.flip = Flip(
                step=fit.steps,
                model=self._models.seen(model).index,
                position=position,
                element=element,
                bit=bit,
            )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
