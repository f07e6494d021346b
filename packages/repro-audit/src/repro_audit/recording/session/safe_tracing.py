"""A tracer whose failure costs the trace, and neither the training nor the manifest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from repro_audit.capture.backend import StateTensor
from repro_audit.manifest.records import TraceOutcome, TraceSetting
from repro_audit.recording.session.draft import Draft
from repro_audit.recording.session.tracing import State, Tracer
from repro_audit.trace import Column

__all__ = ["SafeTracer"]


class SafeTracer:
    """Hands on to a tracer, if there is one, and tells the draft what became of it."""

    def __init__(
        self, tracer: Tracer | None, draft: Draft, failed: Callable[[str, Exception], None]
    ) -> None:
        """Take a tracer.

        Args:
            tracer: Writes the trace; None where no trace was asked for.
            draft: Is told how far the trace has come.
            failed: Takes the JSONPath of what could not be recorded, and the error.
        """
        self._tracer = tracer
        self._draft = draft
        self._failed = failed

    @property
    def going_on(self) -> bool:
        """Whether there is a trace, which nothing has put an end to."""
        return self._tracer is not None

    def fit_begins(self, fit: int, model: int) -> None:
        """Take note of a fit, from 0, and of the model it trains."""
        if self._tracer is not None:
            self._tracer.fit_begins(fit, model)

    def unseen(self, fit: int, reason: str) -> None:
        """Take note that the steps of a fit cannot be seen."""
        # An epoch's end can be traced all the same.
        if self._tracer is not None and self._tracer.setting != "epoch":
            self._draft.mark_missing(_path(fit), reason)

    def epoch_begins(self, fit: int, epoch: int) -> None:
        """Take note of an epoch of a fit, from 1."""
        if self._tracer is not None:
            self._tracer.epoch_begins(fit, epoch)

    def should_trace(self, fit: int) -> bool:
        """Count a step of a fit, and return whether it is to be recorded."""
        return self._tracer is not None and self._tracer.should_trace(fit)

    def step(
        self, fit: int, columns: tuple[Column, ...], state: State, arrays: Sequence[Any]
    ) -> None:
        """Record the step of a fit that was counted last; see `Tracer.step`."""
        if self._tracer is None:
            return
        try:
            self._tracer.step(fit, columns, state, arrays)
        except Exception as error:  # noqa: BLE001 - whatever fails here, training goes on
            self.give_up(error)

    def epoch_ends(self, fit: int, tensors: Sequence[StateTensor]) -> None:
        """Record the end of an epoch that was added to the draft, and its digest there."""
        if self._tracer is None:
            return
        try:
            digest = self._tracer.epoch_ends(fit, tensors)
            self._draft.fits[fit].trace[-1] = digest
            self._draft.fits[fit].samples = self._tracer.samples(fit)
        except Exception as error:  # noqa: BLE001 - as above
            self.give_up(error)
            return
        if digest is None and not self._draft.is_missing(_path(fit)):
            reason = "no step was seen: the model makes its own train function"
            self._draft.mark_missing(_path(fit), reason)

    def end(self) -> None:
        """Close the trace."""
        try:
            if self._tracer is not None:
                self._tracer.close()
        except OSError as error:
            self.give_up(error)

    def give_up(self, error: Exception) -> None:
        """Take the trace away: part of one would pass for a whole one."""
        if self._tracer is None:
            return
        with contextlib.suppress(OSError):
            self._tracer.discard()
        self._tracer = None
        for fit in self._draft.fits:
            fit.trace = [None] * len(fit.trace)
            fit.samples = None
        self._failed("$.outcomes.digests.trace", error)

    def discard(self) -> None:
        """Take the trace away: another recording takes the place of this one."""
        if self._tracer is not None:
            self._tracer.discard()

    def update_draft(self) -> None:
        """Tell the draft how far the trace has come."""
        tracer, draft = self._tracer, self._draft
        if tracer is None:
            draft.trace = draft.trace_outcome = draft.trace_digest = None
            return
        draft.trace = TraceSetting(setting=tracer.setting, strides=tuple(tracer.strides))
        draft.trace_outcome = TraceOutcome(rows=tracer.rows, bytes=tracer.bytes)
        draft.trace_digest = tracer.digest


def _path(fit: int) -> str:
    return f"$.outcomes.fits[{fit}].trace"
