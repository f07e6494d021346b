"""What a trace says of each fit, in one pass: its rows, and what each epoch ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from repro_audit.trace.layout import Rows
from repro_audit.trace.reading import Trace

if TYPE_CHECKING:
    from repro_audit.manifest import Manifest

__all__ = ["EpochEnd", "FitTrace", "summarize_trace"]


class EpochEnd(NamedTuple):
    """The last row of an epoch.

    Attributes:
        step: The step, from 1.
        losses: The running loss and metrics there, by name: dtype, and the value's own bits.
    """

    step: int
    losses: Mapping[str, tuple[str, int]]


class FitTrace(NamedTuple):
    """The rows of one fit.

    Attributes:
        rows: How many there are.
        stride: Every which step has one; 0 where only each epoch's end does.
        epochs: The last row of each epoch, by the epoch, from 1.
    """

    rows: int
    stride: int
    epochs: dict[int, EpochEnd]


def summarize_trace(trace: Trace, manifest: Manifest) -> dict[int, FitTrace]:
    """Return what a trace says of the fits that a manifest tells of, by the fit, from 0.

    Memory grows with the epochs of the manifest, whatever the file holds.

    Args:
        trace: The trace. It is checked against the manifest's digest on the way.
        manifest: Its manifest.

    Raises:
        TraceError: It is another file, damaged, or no trace at all.
    """
    epochs = {
        number: range(fit.first_epoch or 1, (fit.first_epoch or 1) + len(fit.epochs))
        for number, fit in enumerate(manifest.outcomes.fits)
    }
    found: dict[int, FitTrace] = {}
    for part in trace.parts():
        if not isinstance(part, Rows):
            continue
        place, step = int(part.words[-1][1]), int(part.words[-1][2])
        fit, epoch = place >> 32, place & 0xFFFFFFFF
        known = found.get(fit, FitTrace(rows=0, stride=part.block.stride, epochs={}))
        if fit not in epochs:
            continue
        if epoch in epochs[fit]:
            losses = {
                column.role: (column.dtype, int(part.words[-1][3 + index]))
                for index, column in enumerate(part.block.columns)
                if column.kind == "loss" and column.bits
            }
            known.epochs[epoch] = EpochEnd(step=step, losses=losses)
        found[fit] = known._replace(rows=known.rows + len(part.words))
    trace.verified = True
    return found
