"""What two runs were fed, in the epoch in which their batches differ first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from repro_audit.compare.trace_comparison import BatchColumn, BatchDifference, BatchOrder
from repro_audit.trace import Block, Column

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Batches", "Mapping"]

_MAX_DISTINCT = 65_536


class Mapping(NamedTuple):
    """Which columns of two blocks are the same, and where they stand in a row.

    Attributes:
        columns: Those that both have, as the expected run describes them.
        others: The same, as the actual run does.
        expected: Places of their words in a row of the expected run.
        actual: As `expected`, of the other run.
        whole: Whether both blocks have the same columns.
    """

    columns: tuple[Column, ...]
    others: tuple[Column, ...]
    expected: np.ndarray[Any, Any]
    actual: np.ndarray[Any, Any]
    whole: bool


class Batches:
    """Counts the batches that differ, and tells another order from other batches."""

    def __init__(self) -> None:
        self._place: int | None = None
        self._first = 0
        self._mapping: Mapping | None = None
        self._mine: list[bytes] = []
        self._theirs: list[bytes] = []
        self._in_part = False
        self._compared = 0
        self._differing = 0
        self._by_column: list[int] = []

    def begin(
        self,
        block: Block,
        mapping: Mapping,
        first: np.ndarray[Any, Any],
        second: np.ndarray[Any, Any],
    ) -> None:
        """Begin at the first rows whose batches differ; later ones change nothing."""
        if self._place is not None:
            return
        self._place, self._first = int(first[0, 1]), int(first[0, 2])
        self._mapping, self._by_column = mapping, [0] * len(_batch(mapping))
        self._compared = self._first - 1 if block.stride == 1 else 0  # those before are equal
        self.add(block, mapping, first, second)

    def add(
        self,
        block: Block,
        mapping: Mapping,
        first: np.ndarray[Any, Any],
        second: np.ndarray[Any, Any],
    ) -> None:
        """Take further rows of the same epoch."""
        if self._place is None or self._mapping is None:
            return
        here = first[:, 1] == self._place
        if not here.any():
            return
        batch = _batch(mapping)
        same_columns = [mapping.columns[place].key for place in batch] == [
            self._mapping.columns[place].key for place in _batch(self._mapping)
        ]
        if not same_columns:
            self._in_part = True
            return
        mine = first[here][:, mapping.expected[batch]]
        theirs = second[here][:, mapping.actual[batch]]
        differ = mine != theirs
        self._compared += len(differ)
        self._differing += int(differ.any(axis=1).sum())
        for column, count in enumerate(differ.sum(axis=0).tolist()):
            self._by_column[column] += count
        if block.stride != 1 or len(self._mine) > _MAX_DISTINCT:
            self._in_part = True
            return
        self._mine.extend(row.tobytes() for row in mine)
        self._theirs.extend(row.tobytes() for row in theirs)

    def found(self) -> BatchDifference | None:
        """Return how the batches of the first epoch that differs relate; None where none does."""
        if self._place is None or self._mapping is None:
            return None
        mapping = self._mapping
        columns = tuple(
            BatchColumn(
                role=mapping.columns[place].role,
                differing=count,
                expected=_described(mapping.columns[place]),
                actual=_described(mapping.others[place]),
            )
            for place, count in zip(_batch(mapping), self._by_column, strict=True)
        )
        return BatchDifference(
            fit=self._place >> 32,
            epoch=self._place & 0xFFFFFFFF,
            first=self._first,
            compared=self._compared,
            differing=self._differing,
            order=self._order(),
            columns=columns,
        )

    def _order(self) -> BatchOrder | None:
        if self._in_part:
            return None
        reordered = len(self._mine) > 1 and sorted(self._mine) == sorted(self._theirs)
        return "reordered" if reordered else "other"


def _batch(mapping: Mapping) -> list[int]:
    """Return which of the columns are of the batch."""
    return [place for place, column in enumerate(mapping.columns) if column.kind == "batch"]


def _described(column: Column) -> str:
    sizes = ", ".join("?" if size is None else str(size) for size in column.shape)
    return f"{column.dtype} ({sizes})"
