"""Read one trace from row to row, beside another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from repro_audit.compare.position import Position
from repro_audit.trace import Block, Probe, Rows

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Cursor", "place_of"]

_MAX_PROBES = 64


class Cursor:
    """Stands at the next row of one trace."""

    def __init__(self, parts: Iterable[Block | Rows | Probe]) -> None:
        self._parts: Iterator[Block | Rows | Probe] = iter(parts)
        self._rows: Rows | None = None
        self.probes: deque[tuple[Probe, int, int | None]] = deque(maxlen=_MAX_PROBES)
        self.passed = 0
        self.position = Position()

    def rows(self) -> Rows | None:
        """Return the rows that come next.

        Returns:
            Rows of one block, fit and epoch; the same ones until `advance` passes them; None at the
            end.
        """
        while self._rows is None:
            part = next(self._parts, None)
            if part is None:
                return None
            if isinstance(part, Rows):
                self._rows = part
            elif isinstance(part, Probe):
                place = part[1:4]
                self.probes.append((part, self.passed, self.position.of(*place)))
                self.position.pass_to(*place)
        return self._rows

    def advance(self, count: int) -> None:
        """Pass so many rows."""
        if self._rows is not None and count:
            # Only its ends are looked at: a probe ends each epoch, and with it a group of rows.
            words = self._rows.words
            if words[0, 1] == words[count - 1, 1]:
                self.position.pass_to(*place_of(words[count - 1]))
            else:
                self.position.lose()
            left = self._rows.words[count:]
            self._rows = Rows(self._rows.block, left) if len(left) else None
            self.passed += count


def place_of(row: np.ndarray[Any, Any]) -> tuple[int, int, int]:
    """Return fit, epoch and step of a row.

    Returns:
        The fit, from 0, the epoch, from 1, and the step within the epoch, from 1.
    """
    place, step = row[1:3].tolist()
    return place >> 32, place & 0xFFFFFFFF, step
