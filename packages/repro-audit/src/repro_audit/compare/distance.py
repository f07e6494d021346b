"""How far apart two runs are, by the samples their probes hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repro_audit.compare.comparison import Distance
from repro_audit.trace import Block, Column, Probe, probe_positions

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Distances", "same_samples"]

_MOST = 512
_ORDINALS = {"float16": "i2", "bfloat16": "i2", "float32": "i4", "float64": "i8"}


class Distances:
    """Collects the distance at each probe that both runs have, in bounded memory."""

    def __init__(self) -> None:
        self._found: list[Distance] = []
        self._thinned = 1
        self._seen = 0
        self._before: Probe | None = None
        self._steps_before = 0

    def found(self) -> tuple[Distance, ...]:
        """Return the distances, in the order of steps."""
        return tuple(self._found)

    def add(self, expected: Probe, actual: Probe, steps: int) -> None:
        """Take a probe of the same step of both runs.

        Args:
            expected: Of the expected run.
            actual: Of the actual run; of the same columns.
            steps: Steps of the expected run so far.
        """
        before, since = self._before, steps - self._steps_before
        if since > 0:
            self._before, self._steps_before = expected, steps
        if expected.samples == actual.samples:
            sampled = sum(_count(column) for column in expected.block.columns)
            self._keep(Distance(*expected[1:4], sampled, 0, 0.0, None, None, None))
            return
        import numpy as np

        mine, ordinals = _samples(expected)
        theirs, others = _samples(actual)
        finite = np.isfinite(mine) & np.isfinite(theirs)
        differing = ordinals != others
        apart = np.abs(others[differing & finite] - ordinals[differing & finite])
        norm = float(np.linalg.norm(mine[finite]))
        gap = float(np.linalg.norm((theirs - mine)[finite]))
        step_size = None
        if since > 0 and before is not None and before.fit == expected.fit:
            step_size = _moved(before, expected) / since
        self._keep(
            Distance(
                fit=expected.fit,
                epoch=expected.epoch,
                step=expected.step,
                sampled=int(mine.size),
                differing=int(np.count_nonzero(differing)),
                relative=gap / norm if norm else None,
                median_ulps=int(np.median(apart)) if apart.size else None,
                largest_ulps=int(apart.max()) if apart.size else None,
                step_size=step_size / norm if norm and step_size is not None else None,
            )
        )

    def _keep(self, distance: Distance) -> None:
        """Keep every distance, or every second, every fourth … of very many."""
        if self._found and self._found[-1][:3] == distance[:3]:
            # The end of an epoch is behind its last step.
            self._found[-1] = distance
            return
        if self._seen % self._thinned == 0:
            self._found.append(distance)
        self._seen += 1
        if len(self._found) > _MOST:
            self._found = self._found[::2]
            self._thinned *= 2


def _samples(probe: Probe) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a probe's samples as float64, and their places among the values of their dtype."""
    import numpy as np

    values, ordinals = [], []
    offset = 0
    for column in probe.block.columns:
        size = column.probe_bytes
        raw = probe.samples[offset : offset + size]
        offset += size
        if not _is_sampled(column):
            continue
        integer = _ORDINALS[column.dtype]
        bits = np.frombuffer(raw, "<" + integer)
        if column.dtype == "bfloat16":
            value = (bits.astype(np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            value = np.frombuffer(raw, "<" + integer.replace("i", "f"))
        values.append(value.astype(np.float64))
        # Negative values count downwards from -1, so that -0.0 and 0.0 are neighbours.
        wide = bits.astype(np.float64) if integer == "i8" else bits.astype(np.int64)
        lowest = -(2.0**63) if integer == "i8" else -(2 ** (8 * int(integer[1]) - 1))
        ordinals.append(np.where(wide < 0, lowest - wide - 1, wide).astype(np.float64))
    empty = np.empty(0)
    return (
        np.concatenate(values) if values else empty,
        np.concatenate(ordinals) if ordinals else empty,
    )


def _moved(before: Probe, now: Probe) -> float:
    """Return how far the samples of one run went from one probe to the next."""
    import numpy as np

    (first, _), (second, _) = _samples(before), _samples(now)
    if first.shape != second.shape:
        return 0.0
    both = np.isfinite(first) & np.isfinite(second)
    return float(np.linalg.norm((second - first)[both]))


def _count(column: Column) -> int:
    """Return how many elements a probe holds of a column whose distance can be told."""
    return len(probe_positions(column.size)) if _is_sampled(column) else 0


def _is_sampled(column: Column) -> bool:
    return column.probe_bytes > 0 and column.dtype in _ORDINALS


def same_samples(expected: Block, actual: Block) -> bool:
    """Return whether the probes of two blocks sample the same elements of the same tensors."""
    return [
        (column.key, column.dtype, column.shape)
        for column in expected.columns
        if column.probe_bytes
    ] == [
        (column.key, column.dtype, column.shape) for column in actual.columns if column.probe_bytes
    ]
