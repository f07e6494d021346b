"""Write what each step was made of into the trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from repro_audit.capture.backend import StateTensor
from repro_audit.errors import CaptureError, shown
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
        self._plan: _Plan | None = None
        self._model = self._fit = 0
        self._epoch = 1
        self._step = self._step_of_fit = 0
        self._stride: int | None = None

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
        self._fit, self._model = fit, model
        self._epoch, self._step, self._step_of_fit = 1, 0, 0
        self._plans.clear()
        self._plan = None
        while len(self.strides) <= model:
            self.strides.append(None)
        self._stride = 0 if self.setting == "epoch" else None
        if isinstance(self.setting, int):
            self._stride = self.setting

    def epoch_begins(self, epoch: int) -> None:
        """Take note of an epoch, from 1."""
        self._epoch, self._step = epoch, 0

    def wants(self) -> bool:
        """Count a step, and return whether it is to be recorded."""
        self._step += 1
        self._step_of_fit += 1
        return self._stride is None or self._has_row() or self._has_probe()

    def step(
        self, columns: tuple[Column, ...], state: State, arrays: Sequence[np.ndarray[Any, Any]]
    ) -> None:
        """Record the step that was counted last.

        Args:
            columns: Columns of the batch and of the running loss.
            state: Returns kind, layer and role of each variable behind them.
            arrays: NumPy arrays: batch and loss, then the variables.

        Raises:
            OSError: The trace cannot be written.
            TypeError: An array has a dtype that a trace cannot hold.
        """
        plan = self._plan = self._plan_for(columns, state, arrays)
        if self._has_row():
            self._row(plan, arrays)
        if self._has_probe():
            self._probe(plan, arrays)

    def epoch_ends(self, tensors: Sequence[StateTensor]) -> str | None:
        """Record an epoch's end.

        Args:
            tensors: The state of model and optimizer.

        Returns:
            The digest of the trace so far; None where no step of this fit was seen.

        Raises:
            OSError: The trace cannot be written.
        """
        arrays = [tensor.array for tensor in tensors]
        if self._stride == 0 and arrays:
            self._step = max(self._step, 1)  # where steps cannot be seen, none was counted
            self._plan = self._plan_for((), lambda: describe(tensors), arrays)
            self._row(self._plan, arrays)
        if self._plan is None:
            return None
        before = len(self._plan.block.columns) - len(arrays)
        self._probe(self._plan, [*[None] * before, *arrays])
        self._writer.flush()
        return self._writer.digest

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def discard(self) -> None:
        """Close the file and take it away: part of a trace would pass for a whole one."""
        self._writer.close()
        self._writer.path.unlink(missing_ok=True)

    def _has_row(self) -> bool:
        return bool(self._stride) and (self._step - 1) % (self._stride or 1) == 0

    def _has_probe(self) -> bool:
        step = self._step_of_fit
        return self._stride != 0 and step & (step - 1) == 0

    def _plan_for(
        self,
        columns: tuple[Column, ...],
        state: State,
        arrays: Sequence[np.ndarray[Any, Any]],
    ) -> _Plan:
        plan = self._plan
        if plan is None or plan.columns is not columns:
            plan = self._plans.get((self._model, columns))
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
        if self._stride is None:
            self._stride = stride_for(sum(array.nbytes for array in arrays[len(columns) :]))
        self.strides[self._model] = self._stride
        every = [*columns, *own]
        order = sorted(range(len(every)), key=lambda index: KINDS.index(every[index].kind))
        ordered = [every[index] for index in order]
        plan = _Plan(
            block=self._writer.block(self._model, self._stride, ordered),
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
        self._plans[self._model, columns] = plan
        return plan

    def _row(self, plan: _Plan, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        values = [read(arrays[index]) for index, read in plan.readers]
        self._writer.row(plan.block, self._fit, self._epoch, self._step, values)

    def _probe(self, plan: _Plan, arrays: Sequence[Any]) -> None:
        samples = b"".join(
            arrays[index].reshape(-1)[positions].tobytes() for index, positions in plan.probed
        )
        self._writer.probe(plan.block, self._fit, self._epoch, self._step, samples)


def _reader(column: Column, array: np.ndarray[Any, Any]) -> Callable[[Any], int]:
    """Return what makes the word of a column from its array."""
    if column.bits:
        return lambda value: int.from_bytes(value.tobytes(), "little")
    if None in column.shape:
        return fingerprint  # the last batch is often smaller
    return fingerprinter(array.dtype, array.shape)
