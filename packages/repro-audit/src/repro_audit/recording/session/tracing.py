"""Write what each step was made of into the trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from repro_audit.capture.backend import StateTensor
from repro_audit.capture.privacy import Cleaner
from repro_audit.errors import CaptureError, shown
from repro_audit.manifest.records import SampleDigests
from repro_audit.recording.session.samples import Samples
from repro_audit.trace.fingerprint import dtype_name, fingerprint, fingerprinter
from repro_audit.trace.layout import KINDS, Block, Column, probe_positions
from repro_audit.trace.writing import TraceWriter

if TYPE_CHECKING:
    import numpy as np

__all__ = ["TraceSettings", "Tracer", "check_setting", "describe", "stride_for"]

_FREE_BYTES = 16_000_000

TraceSettings = str | int | None
State = Callable[[], Sequence[tuple[str, str, str]]]
"""Returns kind, layer and role of each variable of a model and its optimizer."""


def check_setting(setting: TraceSettings) -> TraceSettings:
    """Return a trace setting if it is one.

    Returns:
        The setting that was given.

    Raises:
        CaptureError: It is none.
    """
    known = setting is None or (isinstance(setting, str) and setting in {"step", "epoch"})
    number = isinstance(setting, int) and not isinstance(setting, bool) and setting >= 1
    if known or number:
        return setting
    message = (
        f"trace: expected 'step', 'epoch', None or a number of steps, received {shown(setting)}."
    )
    raise CaptureError(message)


def stride_for(state_bytes: int) -> int:
    """Return every which step is traced of a state of so many bytes.

    A step costs what reading the state once costs. Up to 16 MB that hides in any step; above,
    the stride grows with the size.

    Returns:
        A power of two: 1 for every step, 16 for every sixteenth.

    Source:
        Measured on TensorFlow 2.21 and two cores, every step traced: 1 to 4 % more CPU time for a
        state of 0.26 MB, 7 to 9 % for one of 237 MB.

    >>> stride_for(260_000), stride_for(237_000_000)
    (1, 16)
    """
    stride = 1
    while stride * _FREE_BYTES < state_bytes:
        stride *= 2
    return stride


def describe(state: Sequence[Any]) -> list[tuple[str, str, str]]:
    """Return kind, layer and role of each variable or tensor of a state."""
    return [(item.kind, item.layer, item.role) for item in state]


class _Plan(NamedTuple):
    """How the arrays of one kind of step become a row.

    Attributes:
        block: The block of its rows.
        columns: Those of the batch and the running loss, as they were given.
        readers: For each column, which of the arrays it is, and what makes a word of it.
        probed: Which arrays a probe samples, and the elements of each.
    """

    block: Block
    columns: tuple[Column, ...]
    readers: tuple[tuple[int, Callable[[Any], int]], ...]
    probed: tuple[tuple[int, list[int]], ...]


@dataclass(kw_only=True)
class _Progress:
    """How far one fit has come.

    Attributes:
        fit: The fit, from 0.
        model: The model, from 0.
        stride: Every which step is traced; None until the first one is.
        epoch: The epoch, from 1.
        step: Steps of the epoch.
        step_of_fit: Steps of the fit.
        plan: How the last step became a row.
        first_epoch: The epoch of its first step; None before that.
        samples: Those of that epoch.
    """

    fit: int
    model: int
    stride: int | None
    epoch: int = 1
    step: int = 0
    step_of_fit: int = 0
    plan: _Plan | None = None
    first_epoch: int | None = None
    samples: Samples = field(default_factory=Samples)

    @property
    def has_row(self) -> bool:
        """Whether the step that was counted last has a row."""
        return bool(self.stride) and (self.step - 1) % (self.stride or 1) == 0

    @property
    def has_probe(self) -> bool:
        """Whether the step that was counted last has a probe."""
        step = self.step_of_fit
        return self.stride != 0 and step & (step - 1) == 0


class Tracer:
    """Turns steps and epochs into the rows and probes of one trace file."""

    def __init__(self, path: Path, setting: str | int) -> None:
        """Create the file.

        Args:
            path: Where the trace goes.
            setting: ``step``, ``epoch`` or a number of steps.

        Raises:
            OutputError: It cannot be created.
        """
        self.setting = setting
        self.strides: list[int | None] = []
        self._writer = TraceWriter(path, setting)
        self._plans: dict[tuple[int, tuple[Column, ...]], _Plan] = {}
        self._fits: dict[int, _Progress] = {}

    @property
    def rows(self) -> int:
        """Rows written."""
        return self._writer.rows

    @property
    def bytes(self) -> int:
        """Bytes written."""
        return self._writer.bytes

    @property
    def digest(self) -> str:
        """SHA-256 of everything written."""
        return self._writer.digest

    def fit_begins(self, fit: int, model: int) -> None:
        """Take note of a fit and of the model it trains."""
        stride = 0 if self.setting == "epoch" else None
        if isinstance(self.setting, int):
            stride = self.setting
        ended = [number for number, item in self._fits.items() if item.model == model]
        self._plans = {key: plan for key, plan in self._plans.items() if key[0] not in ended}
        self._fits[fit] = _Progress(fit=fit, model=model, stride=stride)
        while len(self.strides) <= model:
            self.strides.append(None)

    def epoch_begins(self, fit: int, epoch: int) -> None:
        """Take note of an epoch of a fit, from 1."""
        now = self._fits[fit]
        now.epoch, now.step = epoch, 0

    def should_trace(self, fit: int) -> bool:
        """Count a step of a fit, and return whether it is to be recorded."""
        now = self._fits[fit]
        now.step += 1
        now.step_of_fit += 1
        return now.stride is None or now.has_row or now.has_probe

    def step(
        self,
        fit: int,
        columns: tuple[Column, ...],
        state: State,
        arrays: Sequence[np.ndarray[Any, Any]],
    ) -> None:
        """Record the step of a fit that was counted last.

        Args:
            fit: The fit, from 0.
            columns: Columns of the batch and of the running loss.
            state: Returns kind, layer and role of each variable behind them.
            arrays: NumPy arrays: batch and loss, then the variables.

        Raises:
            OSError: The trace cannot be written.
            TypeError: An array has a dtype that a trace cannot hold.
        """
        now = self._fits[fit]
        now.plan = self._plan_for(now, columns, state, arrays)
        if now.has_row:
            self._row(now, now.plan, arrays)
        if now.has_probe:
            self._probe(now, now.plan, arrays)
        if now.first_epoch is None:
            now.first_epoch = now.epoch
        if now.stride == 1 and now.epoch == now.first_epoch:
            now.samples.add(columns, arrays)

    def samples(self, fit: int) -> SampleDigests | None:
        """Return the digests of the samples of a fit's first epoch, if they can be told apart."""
        return self._fits[fit].samples.digests

    def epoch_ends(self, fit: int, tensors: Sequence[StateTensor]) -> str | None:
        """Record the end of an epoch of a fit.

        Args:
            fit: The fit, from 0.
            tensors: The state of model and optimizers.

        Returns:
            The digest of the trace so far; None where no step of this fit was seen.

        Raises:
            OSError: The trace cannot be written.
        """
        now = self._fits[fit]
        arrays = [tensor.array for tensor in tensors]
        if now.stride == 0 and arrays:
            now.step = max(now.step, 1)  # where steps cannot be seen, none was counted
            now.plan = self._plan_for(now, (), lambda: describe(tensors), arrays)
            self._row(now, now.plan, arrays)
        if now.plan is None:
            return None
        before = len(now.plan.block.columns) - len(arrays)
        self._probe(now, now.plan, [*[None] * before, *arrays])
        self._writer.flush()
        return self._writer.digest

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def discard(self) -> None:
        """Close the file and take it away: part of a trace would pass for a whole one."""
        self._writer.close()
        self._writer.path.unlink(missing_ok=True)

    def _plan_for(
        self,
        now: _Progress,
        columns: tuple[Column, ...],
        state: State,
        arrays: Sequence[np.ndarray[Any, Any]],
    ) -> _Plan:
        plan = now.plan
        if plan is None or plan.columns is not columns:
            plan = self._plans.get((now.fit, columns))
        if plan is not None and len(plan.readers) == len(arrays):
            return plan
        own = [
            Column(
                kind=kind,
                role=role,
                layer=layer,
                position=position,
                dtype=dtype_name(array.dtype),
                shape=array.shape,
            )
            for position, ((kind, layer, role), array) in enumerate(
                zip(state(), arrays[len(columns) :], strict=True)
            )
        ]
        if now.stride is None:
            now.stride = stride_for(sum(array.nbytes for array in arrays[len(columns) :]))
        self.strides[now.model] = now.stride
        clean = Cleaner().record
        every = [
            column._replace(layer=clean(column.layer), role=clean(column.role))
            for column in (*columns, *own)
        ]
        order = sorted(range(len(every)), key=lambda index: KINDS.index(every[index].kind))
        ordered = [every[index] for index in order]
        plan = _Plan(
            block=self._writer.block(now.model, now.stride, ordered),
            columns=columns,
            readers=tuple(
                (index, _reader(column, arrays[index]))
                for index, column in zip(order, ordered, strict=True)
            ),
            probed=tuple(
                (index, probe_positions(column.size))
                for index, column in zip(order, ordered, strict=True)
                if column.probe_bytes
            ),
        )
        self._plans[now.fit, columns] = plan
        return plan

    def _row(self, now: _Progress, plan: _Plan, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        values = [read(arrays[index]) for index, read in plan.readers]
        self._writer.row(plan.block, now.fit, now.epoch, now.step, values)

    def _probe(self, now: _Progress, plan: _Plan, arrays: Sequence[Any]) -> None:
        samples = b"".join(
            arrays[index].reshape(-1)[positions].tobytes() for index, positions in plan.probed
        )
        self._writer.probe(plan.block, now.fit, now.epoch, now.step, samples)


def _reader(column: Column, array: np.ndarray[Any, Any]) -> Callable[[Any], int]:
    """Return what makes the word of a column from its array."""
    if column.bits:
        return lambda value: int.from_bytes(value.tobytes(), "little")
    if None in column.shape:
        return fingerprint  # the last batch is often smaller
    return fingerprinter(array.dtype, array.shape)
