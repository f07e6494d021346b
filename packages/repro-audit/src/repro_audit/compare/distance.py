"""How far apart two runs are, by the samples their probes hold."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from repro_audit.compare.trace_comparison import Distance
from repro_audit.trace import Block, Probe

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Distances"]

_MAX_POINTS = 128
_ORDINALS = {"float16": "i2", "bfloat16": "i2", "float32": "i4", "float64": "i8"}


class Distances:
    """Collects the distance at each probe that both runs have, in bounded memory."""

    def __init__(self) -> None:
        self._found: list[Distance] = []
        self._seen = 0
        self._every = 1
        self._layouts: dict[tuple[int, int], _Layout | None] = {}
        self._before: Probe | None = None
        self._steps_before = 0

    def found(self) -> tuple[Distance, ...]:
        """Return the distances, in the order of steps."""
        return tuple(self._found)

    def add(self, expected: Probe, actual: Probe, steps: int, position: int | None) -> None:
        """Take a probe of the same step of both runs.

        Args:
            expected: Of the expected run.
            actual: Of the actual run.
            steps: Rows of the expected run so far.
            position: Its step of the whole run, where that is known.
        """
        layout = self._layout(expected.block, actual.block)
        before, since = self._before, steps - self._steps_before
        if since > 0:
            self._before, self._steps_before = expected, steps
        again = bool(self._found) and self._found[-1][:3] == expected[1:4]
        # Of very many probes every second, every fourth … counts.
        if layout is None or (not again and self._is_left_out()):
            return
        if expected.samples == actual.samples:
            found = Distance(*expected[1:4], layout.sampled, 0, 0.0, None, None, None)
        else:
            related = before is not None and before.block is expected.block
            if since <= 0 or before is None or before.fit != expected.fit or not related:
                before, since = None, 1
            found = _distance(layout, expected, actual, before, since)
        found = found._replace(position=position)
        if again:
            # The end of an epoch is behind its last step.
            self._found[-1] = found
            return
        self._found.append(found)
        if len(self._found) > _MAX_POINTS:
            self._found = self._found[::2]
            self._every *= 2

    def _is_left_out(self) -> bool:
        self._seen += 1
        return (self._seen - 1) % self._every != 0

    def _layout(self, expected: Block, actual: Block) -> _Layout | None:
        """Return how two blocks' probes are read; None where they sample other elements."""
        key = expected.number, actual.number
        if key not in self._layouts:
            same = _sampled(expected) == _sampled(actual)
            self._layouts[key] = _Layout.of(expected) if same else None
        return self._layouts[key]


class _Layout(NamedTuple):
    """How the samples of a probe are read.

    Attributes:
        parts: Element type and bytes of each part; None for a type whose distance is not told.
        sampled: Elements whose distance is told.
    """

    parts: tuple[tuple[str | None, int], ...]
    sampled: int

    @classmethod
    def of(cls, block: Block) -> _Layout:
        """Return the layout of a block, its neighbours of one type taken together."""
        columns = [column for column in block.columns if column.probe_bytes]
        kinds = itertools.groupby(columns, key=lambda column: column.dtype)
        parts = [(dtype, sum(item.probe_bytes for item in group)) for dtype, group in kinds]
        told = tuple((dtype if dtype in _ORDINALS else None, size) for dtype, size in parts)
        sampled = sum(size // int(_ORDINALS[dtype][1]) for dtype, size in told if dtype)
        return cls(parts=told, sampled=sampled)

    def read(self, samples: bytes) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return samples as float64, and as int64 their places among the values of their dtype."""
        import numpy as np

        values, ordinals = [np.empty(0)], [np.empty(0, np.int64)]
        offset = 0
        for dtype, size in self.parts:
            raw = samples[offset : offset + size]
            offset += size
            if dtype is None:
                continue
            integer = _ORDINALS[dtype]
            bits = np.frombuffer(raw, "<" + integer)
            if dtype == "bfloat16":
                value = (bits.astype(np.uint16).astype(np.uint32) << 16).view(np.float32)
            else:
                value = np.frombuffer(raw, "<" + integer.replace("i", "f"))
            values.append(value.astype(np.float64))
            # Negative values count downwards from -1, so that -0.0 and 0.0 are neighbours.
            lowest, wide = np.iinfo(bits.dtype).min, bits.astype(np.int64)
            ordinals.append(np.where(wide < 0, lowest - wide - 1, wide))
        return np.concatenate(values), np.concatenate(ordinals)


def _distance(
    layout: _Layout, expected: Probe, actual: Probe, before: Probe | None, since: int
) -> Distance:
    """Return how far apart two probes are, in steps of the size taken since the one before."""
    import numpy as np

    mine, ordinals = layout.read(expected.samples)
    theirs, others = layout.read(actual.samples)
    finite = np.isfinite(mine) & np.isfinite(theirs)
    differing = ordinals != others
    # Unsigned, so that the two ends of float64 are not too far apart for a word.
    further, nearer = np.maximum(ordinals, others), np.minimum(ordinals, others)
    apart = (further.astype(np.uint64) - nearer.astype(np.uint64))[differing & finite]
    norm, gap = _norm(mine[finite]), _norm(theirs[finite], mine[finite])
    step_size = None
    if before is not None:
        earlier, _ = layout.read(before.samples)
        both = np.isfinite(mine) & np.isfinite(earlier)
        step_size = _norm(mine[both], earlier[both]) / since
    return Distance(
        fit=expected.fit,
        epoch=expected.epoch,
        step=expected.step,
        sampled=layout.sampled,
        differing=int(np.count_nonzero(differing)),
        relative=_ratio(gap, norm),
        median_ulps=int(np.median(apart)) if apart.size else None,
        largest_ulps=int(apart.max()) if apart.size else None,
        step_size=None if step_size is None else _ratio(step_size, norm),
    )


def _norm(values: np.ndarray[Any, Any], origin: np.ndarray[Any, Any] | float = 0.0) -> float:
    """Return the Euclidean distance from an origin; infinity where float64 cannot hold it.

    The sum is rounded once. NumPy's own norm adds in an order that the processor decides, so that
    two readers of the same traces would read other last digits.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        squares = np.square(values - origin)
    try:
        return math.sqrt(math.fsum(squares.tolist()))
    except OverflowError:
        return math.inf


def _ratio(part: float, whole: float) -> float | None:
    """Return a quotient where it is a number."""
    return part / whole if whole and math.isfinite(part) and math.isfinite(whole) else None


def _sampled(block: Block) -> list[tuple[Any, ...]]:
    """Return what tells the elements that a block's probes sample."""
    return [
        (column.key, column.dtype, column.shape) for column in block.columns if column.probe_bytes
    ]
