"""One fit, or one loop written by hand, as it is recorded: its steps, epochs and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.capture.state import digest_state
from repro_audit.recording.session.draft import DraftFit, DraftModel
from repro_audit.recording.session.guarding import guarded

if TYPE_CHECKING:
    from repro_audit.recording.session.recorder import Recorder
    from repro_audit.trace import Column

__all__ = ["FitRecorder"]


class FitRecorder:
    """Tells a recorder what one fit, or one loop, does. Fits may be inside each other."""

    def __init__(self, recorder: Recorder, draft: DraftFit, number: int, item: DraftModel) -> None:
        """Take note of a fit that begins.

        Args:
            recorder: Where what is read goes.
            draft: What is known of the fit.
            number: The fit, from 0.
            item: What is known of its model, which is not kept alive.
        """
        self.draft = draft
        self.number = number
        self._recorder = recorder
        self._item = item
        self._epoch_began = time.monotonic()
        self._first_step = True
        self._traced = False
        recorder.trace.fit_begins(number, item.index)

    def failed(self, path: str, error: Exception) -> None:
        """Say that something could not be recorded, and let training go on."""
        self._recorder.failed(path, error)

    @property
    def _model(self) -> Any:
        return self._item.reference()

    # What the callback of a fit tells.

    def train_begins(self) -> None:
        """Read everything that needs the backend to be in use, before the first step."""
        self._move_if_requested()
        self._recorder.model_found(self._model)
        self._recorder.read_training(self._model)
        self._epoch_began = time.monotonic()

    @guarded("$.outcomes.fits")
    def epoch_begins(self, epoch: int) -> None:
        """Take note of an epoch, from 1."""
        if self.draft.first_epoch is None:
            self.draft.first_epoch = epoch
        self._recorder.trace.epoch_begins(self.number, epoch)

    @guarded("$.outcomes.fits")
    def batch_ended(self, batch: int, steps: int | None) -> None:
        """Count the steps, and flip the bit of a positive control after the first."""
        in_epoch = batch + 1 if steps is None else min(batch + 1, steps)
        self.draft.steps = self.draft.steps_before_epoch + in_epoch
        if self._first_step:  # its steps tell of none
            self._first_step = False
            first = self._recorder.backend.first_batch(self._model, self)
            if first is not None:
                self._recorder.batch_seen(self.number, *first)
        self._recorder.read_optimizers(self._model)
        self._intervene_if_requested()
        self._recorder.trained(in_epoch)

    def epoch_ended(self, logs: Mapping[str, Any]) -> None:
        """Take the epoch's history and state, and write the manifest."""
        self.take_epoch(logs)
        self._recorder.epoch_taken()

    @guarded("$.outcomes.final_state")
    def train_ended(self) -> None:
        """Read the state a fit ends with; the model may be gone when recording stops."""
        self.draft.ended = True
        self._recorder.read_final_state(self._item, self._model)
        self._recorder.file.complete()

    def unseen(self, reason: str) -> None:
        """Take note that the steps of this fit cannot be seen."""
        self._recorder.trace.unseen(self.number, reason)

    # What its steps tell.

    def optimizers(self, model: Any) -> Sequence[Any]:
        """Return the optimizers that update a model."""
        return self._recorder.backend.optimizers(model)

    @guarded("$.outcomes.initial_weights")
    def built(self, model: Any) -> None:
        """Read the initial weights of a model that its first step has built."""
        self._recorder.built(model)

    @guarded("$.conditions.determinism.execution")
    def traced(self, model: Any, graph: Any) -> None:
        """Look for racing operations in a step that was traced."""
        self._recorder.step_traced(model, graph)

    def wants_steps(self) -> bool:
        """Return whether there is a trace for steps to go into."""
        return self._recorder.trace.going_on

    def should_trace(self) -> bool:
        """Count a step, and return whether it is to be traced, or tells of the first batch."""
        if not self._recorder.open:
            return False
        self._traced = self._recorder.trace.should_trace(self.number)
        return self._traced or self._first_step

    def step(self, model: Any, columns: tuple[Column, ...], arrays: Sequence[Any]) -> None:
        """Trace a step, and read the shapes of the first batch."""
        if self._first_step:
            self._first_step = False
            shapes = [array.shape for array in arrays]
            self._recorder.batch_seen(self.number, columns, shapes)
        if not self._traced:
            return
        backend = self._recorder.backend
        self._recorder.trace.step(
            self.number, columns, lambda: backend.describe_state(model), arrays
        )

    def step_failed(self, error: Exception) -> None:
        """Give the trace up: a step cannot be recorded."""
        self._recorder.trace.give_up(error)

    # What a loop tells.

    def loop_steps(self, steps: int, batch: Callable[[], Any], loss: Any) -> None:
        """Count steps of a loop, of which the last one can be seen."""
        trace = self._recorder.trace
        self.draft.steps += steps
        for _ in range(steps - 1):
            trace.should_trace(self.number)
        if self.should_trace():
            try:
                columns, arrays = self._recorder.backend.loop_step(self._model, batch(), loss)
            except Exception as error:  # noqa: BLE001 - whatever fails here, training goes on
                self.step_failed(error)
            else:
                self.step(self._model, columns, arrays)
        self._recorder.read_optimizers(self._model)
        self._intervene_if_requested()

    def loop_epoch(self, logs: Mapping[str, Any]) -> None:
        """Close an epoch of a loop."""
        self.take_epoch(logs)
        self._recorder.trace.epoch_begins(self.number, len(self.draft.epochs) + 1)
        self._recorder.epoch_taken()

    # How it is read.

    @guarded("$.outcomes.fits")
    def take_epoch(self, logs: Mapping[str, Any]) -> None:
        """Take an epoch's history, the digest of the state it ends with, and its time."""
        numbers = {name: value for name, value in logs.items() if _is_number(value)}
        backend = self._recorder.backend
        self.draft.add_epoch(numbers, self._recorder.metric_dtypes(self._model))
        tensors = backend.state(self._model)
        self.draft.epochs[-1] = digest_state([self._item.state.capture(tensors)])
        self._recorder.trace.epoch_ends(self.number, tensors)
        now = time.monotonic()
        self._recorder.epoch_took(now - self._epoch_began)
        self._epoch_began = now

    @guarded("$.perturbation")
    def _move_if_requested(self) -> None:
        self._recorder.interventions.before_training(self._item, self._model)

    @guarded("$.positive_control")
    def _intervene_if_requested(self) -> None:
        self._recorder.interventions.after_step(self._item, self._model, self.draft.steps)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
