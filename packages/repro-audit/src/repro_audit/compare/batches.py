"""Tell batches in another order from other batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from repro_audit.compare.comparison import BatchOrder
from repro_audit.trace import Block, Column

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Batches", "Mapping"]

_MAX_DISTINCT = 65_536


class Mapping(NamedTuple):
    """Which columns of two blocks are the same, and where they stand in a row."""

    columns: tuple[Column, ...]
    expected: np.ndarray[Any, Any]
    actual: np.ndarray[Any, Any]
    whole: bool


class Batches:
    """Whether the batches of the epoch that differs are the same in another order."""

    def __init__(self) -> None:
        self._place: int | None = None
        self._mine: list[bytes] = []
        self._theirs: list[bytes] = []
        self._in_part = False

    def begin(
        self,
        block: Block,
        mapping: Mapping,
        first: np.ndarray[Any, Any],
        second: np.ndarray[Any, Any],
    ) -> None:
        """Begin at the first rows whose batches differ."""
        self._place = int(first[0, 1])
        self.add(block, mapping, first, second)

    def add(
        self,
        block: Block,
        mapping: Mapping,
        first: np.ndarray[Any, Any],
        second: np.ndarray[Any, Any],
    ) -> None:
        """Take further rows of the same epoch."""
        if self._place is None:
            return
        if block.stride != 1 or len(self._mine) > _MAX_DISTINCT:
            self._in_part = True
            return
        batch = [index for index, column in enumerate(mapping.columns) if column.kind == "batch"]
        here = first[:, 1] == self._place
        for rows, places, kept in (
            (first, mapping.expected, self._mine),
            (second, mapping.actual, self._theirs),
        ):
            kept.extend(row.tobytes() for row in rows[here][:, places[batch]])

    def relation(self) -> BatchOrder | None:
        """Return how the batches of the first epoch that differs relate.

        Returns:
            ``reordered`` or ``other``; None where no batch differs, or not all were seen.
        """
        if self._place is None or self._in_part:
            return None
        reordered = len(self._mine) > 1 and sorted(self._mine) == sorted(self._theirs)
        return "reordered" if reordered else "other"
