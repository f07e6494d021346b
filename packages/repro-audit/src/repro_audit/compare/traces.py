"""Find the first step, and all of its columns, at which two traces differ.

Both traces are read forward once, side by side, in memory that does not grow with their
length. Rows are paired by fit, epoch and step before their content is compared, so that a
missing step is reported as that, and not as a difference of every later one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast, get_args

from repro_audit.compare.batches import Batches, Mapping
from repro_audit.compare.beginnings import Beginnings
from repro_audit.compare.column_values import with_values
from repro_audit.compare.cursor import Cursor, place_of
from repro_audit.compare.distance import Distances
from repro_audit.compare.trace_comparison import (
    ColumnDifference,
    ColumnKind,
    ColumnOnset,
    OrderDifference,
    Side,
    StepDifference,
    TraceComparison,
)
from repro_audit.trace import Block, Column, Probe, Rows
from repro_audit.trace.layout import HEAD_WORDS, KINDS
from repro_audit.wording import epoch_name, step_name

if TYPE_CHECKING:
    import numpy as np

__all__ = ["compare_traces"]

_MAX_NOTED = 8

Place = tuple[int, int, int]
"""Fit, epoch and step."""

Key = tuple[int, int]
"""Fit and epoch as a row's second word holds them, and the step."""


def compare_traces(
    expected: Iterable[Block | Rows | Probe],
    actual: Iterable[Block | Rows | Probe],
    *,
    labels: Sequence[Sequence[str]] = (),
    ignored: Collection[str] = (),
    several_fits: bool = False,
) -> TraceComparison:
    """Compare two traces.

    Args:
        expected: What stands in one, as `repro_audit.trace.Trace.parts` yields it.
        actual: As `expected`, of the other.
        labels: Names of each model's tensors in the expected run, by position.
        ignored: Metrics that are not compared.
        several_fits: Whether a step is told from others only with its fit.

    Raises:
        TraceError: One of them is damaged, or not its manifest's.
    """
    pair = _Pair(Cursor(expected), Cursor(actual), labels, ignored, several_fits=several_fits)
    return pair.compare()


class _Pair:
    """The state of one comparison."""

    def __init__(
        self,
        expected: Cursor,
        actual: Cursor,
        labels: Sequence[Sequence[str]],
        ignored: Collection[str],
        *,
        several_fits: bool,
    ) -> None:
        self._several_fits = several_fits
        self._expected, self._actual = expected, actual
        self._labels, self._ignored = labels, ignored
        self._mappings: dict[tuple[int, int], Mapping] = {}
        self._pending: dict[tuple[int, int], list[int]] = {}
        self._order: list[OrderDifference] = []
        self._step: StepDifference | None = None
        self._partings: dict[tuple[int, Column], ColumnOnset] = {}
        self._distances = Distances()
        self._batches = Batches()
        self._beginnings = Beginnings()
        self._rows = 0
        self._rows_before_lone = -1

    def compare(self) -> TraceComparison:
        """Read both to their ends."""
        columns = 0
        while True:
            mine, theirs = self._expected.rows(), self._actual.rows()
            self._pair_probes()
            if mine is None or theirs is None:
                break
            columns = columns or len(mine.block.columns)
            self._beginnings.note(mine, theirs)
            self._together(mine, theirs)
        self._rest("expected", self._expected)
        self._rest("actual", self._actual)
        self._pair_probes()
        order = {column: place for place, column in enumerate(KINDS)}
        partings = sorted(
            self._partings.values(),
            key=lambda item: (item.fit, item.epoch, item.step, order[item.column.kind]),
        )
        return TraceComparison(
            rows=self._rows,
            columns=columns,
            order=tuple(self._order),
            step=self._step,
            partings=tuple(partings),
            distances=self._distances.found(),
            batches=self._batches.found(),
        )

    def _together(self, mine: Rows, theirs: Rows) -> None:
        """Compare as many rows as are of the same steps, or pass those of one run only."""
        import numpy as np

        count = min(len(mine.words), len(theirs.words))
        first, second = mine.words[:count], theirs.words[:count]
        mapping = self._mapping(mine, theirs)
        pending = self._pending[mine.block.number, theirs.block.number]
        # Behind the first difference most rows differ, and only what has not yet is looked at.
        if self._step is None and mapping.whole and np.array_equal(first, second):
            self._passed(count, count)
            self._rows += count
            return
        paired = count
        if not _are_of_the_same_steps(first, second):
            same = (first[:, 1] == second[:, 1]) & (first[:, 2] == second[:, 2])
            paired = count if same.all() else int(np.argmin(same))
        if paired:
            self._content(mine.block, mapping, pending, first[:paired], second[:paired])
            self._passed(paired, paired)
            self._rows += paired
            return
        if _key(first[0]) < _key(second[0]):
            self._passed(self._alone("expected", mine.words, _key(second[0])), 0)
        else:
            self._passed(0, self._alone("actual", theirs.words, _key(first[0])))

    def _passed(self, expected: int, actual: int) -> None:
        self._expected.advance(expected)
        self._actual.advance(actual)

    def _alone(self, only: Side, words: np.ndarray[Any, Any], until: Key | None) -> int:
        """Note the rows before `until` that only one run has; return how many they are."""
        import numpy as np

        if until is None:
            before = np.ones(len(words), bool)
        else:
            place, step = words[:, 1], words[:, 2]
            before = (place < until[0]) | ((place == until[0]) & (step < until[1]))
        count = len(words) if before.all() else int(np.argmin(before))
        fit, epoch, step_ = place_of(words[0])
        last_fit, last_epoch, last_step = place_of(words[count - 1])
        known = self._order[-1] if self._order else None
        adjacent = self._rows_before_lone == self._rows  # no step that both have lies between
        self._rows_before_lone = self._rows
        if adjacent and known is not None and known.only == only and known.what == "steps":
            start, count_all = (known.fit, known.epoch, known.step), known.steps + count
            self._order.pop()
        else:
            start, count_all = (fit, epoch, step_), count
        self._note(
            OrderDifference(
                only=only,
                what="steps",
                text=self._range(only, start, (last_fit, last_epoch, last_step), count_all),
                fit=start[0],
                epoch=start[1],
                step=start[2],
                steps=count_all,
            )
        )
        return count

    def _range(self, only: Side, start: Place, end: Place, count: int) -> str:
        """Say in words which steps only one run has."""
        fits = (start[0], end[0]) if self._several_fits else (None, None)
        first, last = (
            step_name(step, epoch, fit)
            for (_, epoch, step), fit in zip((start, end), fits, strict=True)
        )
        where = f"in the {only} run only"
        if count == 1:
            return f"{first} is {where}"
        if start[:2] == end[:2] and count == end[2] - start[2] + 1:
            return (
                f"steps {start[2]:,} to {end[2]:,} of {epoch_name(start[1], fits[0])} are {where}"
            )
        return f"{count:,} steps from {first} to {last} are {where}"

    def _note(self, item: OrderDifference) -> None:
        """Keep what one run alone has; metrics, which decide nothing, take nobody's place."""
        alike = sum(known.is_metric == item.is_metric for known in self._order)
        if alike < _MAX_NOTED:
            self._order.append(item)

    def _rest(self, only: Side, cursor: Cursor) -> None:
        """Note what one run has behind the end of the other, reading it to its end."""
        while (rows := cursor.rows()) is not None:
            cursor.advance(self._alone(only, rows.words, None))

    def _mapping(self, mine: Rows, theirs: Rows) -> Mapping:
        """Return which columns of two blocks are the same, noting those of one run only."""
        known = self._mappings.get((mine.block.number, theirs.block.number))
        if known is not None:
            return known
        import numpy as np

        places = {column.key: place for place, column in enumerate(theirs.block.columns)}
        own = {column.key for column in mine.block.columns}
        pairs = [
            (place, places[column.key], column)
            for place, column in enumerate(mine.block.columns)
            if column.key in places and not self._is_ignored(column)
        ]
        only: Side
        for only, block, others, row in (
            ("expected", mine.block, places, mine.words[0]),
            ("actual", theirs.block, own, theirs.words[0]),
        ):
            for column in block.columns:
                if column.key not in others and not self._is_ignored(column):
                    self._lone_column(only, block, column, row)
        mapping = Mapping(
            columns=tuple(column for _, _, column in pairs),
            others=tuple(theirs.block.columns[place] for _, place, _ in pairs),
            expected=np.array([place for place, _, _ in pairs], int) + HEAD_WORDS,
            actual=np.array([place for _, place, _ in pairs], int) + HEAD_WORDS,
            whole=mine.block.columns == theirs.block.columns,
        )
        self._mappings[mine.block.number, theirs.block.number] = mapping
        self._pending[mine.block.number, theirs.block.number] = self._not_parted(
            mine.block, mapping
        )
        return mapping

    def _not_parted(self, block: Block, mapping: Mapping) -> list[int]:
        return [
            index
            for index, column in enumerate(mapping.columns)
            if (block.model, column) not in self._partings
        ]

    def _is_ignored(self, column: Column) -> bool:
        return column.kind == "loss" and column.role in self._ignored

    def _lone_column(
        self, only: Side, block: Block, column: Column, row: np.ndarray[Any, Any]
    ) -> None:
        fit, epoch, step = place_of(row)
        name = self._described(block, column)
        self._note(
            OrderDifference(
                only=only,
                what="column",
                text=f"{name.kind} {name.name} is in the {only} run only",
                fit=fit,
                epoch=epoch,
                step=step,
                steps=0,
                column=name,
            )
        )

    def _content(
        self,
        block: Block,
        mapping: Mapping,
        pending: list[int],
        first: np.ndarray[Any, Any],
        second: np.ndarray[Any, Any],
    ) -> None:
        """Compare rows of the same steps by the columns that have not differed yet."""
        self._batches.add(block, mapping, first, second)
        if not pending:
            return
        import numpy as np

        differ = first[:, mapping.expected[pending]] != second[:, mapping.actual[pending]]
        columns = np.flatnonzero(differ.any(axis=0))
        if not len(columns):
            return
        rows = np.argmax(differ[:, columns], axis=0)
        if self._step is None:
            row = int(rows.min())
            here = [pending[index] for index in np.flatnonzero(differ[row])]
            self._step = self._step_difference(block, mapping, here, first[row], second[row])
        fed = [
            int(row)
            for index, row in zip(columns, rows, strict=True)
            if mapping.columns[pending[index]].kind == "batch"
        ]
        if fed:
            self._batches.begin(block, mapping, first[min(fed) :], second[min(fed) :])
        for index, row in zip(columns, rows, strict=True):
            column = mapping.columns[pending[index]]
            fit, epoch, step = place_of(first[row])
            # Rows of other blocks may have shown it before.
            self._partings.setdefault(
                (block.model, column),
                ColumnOnset(
                    column=self._described(block, column),
                    fit=fit,
                    epoch=epoch,
                    step=step,
                    position=self._expected.position.of(fit, epoch, step),
                ),
            )
        pending[:] = self._not_parted(block, mapping)

    def _step_difference(
        self,
        block: Block,
        mapping: Mapping,
        here: Sequence[int],
        first: np.ndarray[Any, Any],
        second: np.ndarray[Any, Any],
    ) -> StepDifference:
        fit, epoch, step = place_of(first)
        differing = [
            (
                mapping.columns[index],
                int(first[mapping.expected[index]]),
                int(second[mapping.actual[index]]),
            )
            for index in here
        ]
        found = [with_values(self._described(block, item[0]), *item) for item in differing]
        kinds = {column.kind for column in mapping.columns}
        kinds_apart = {column.kind for column in found}
        return StepDifference(
            fit=fit,
            epoch=epoch,
            step=step,
            columns=tuple(found),
            equal=tuple(kind for kind in get_args(ColumnKind) if kind in kinds - kinds_apart),
            stride=block.stride,
            begun_again=tuple(
                found[place] for place in self._beginnings.again(block.model, differing, first)
            ),
        )

    def _described(self, block: Block, column: Column) -> ColumnDifference:
        labels = self._labels[block.model] if block.model < len(self._labels) else ()
        position = column.position
        named = position is not None and position < len(labels)
        return ColumnDifference(
            kind=cast("ColumnKind", column.kind),  # the reader allows no other
            role=column.role,
            layer=column.layer,
            model=block.model,
            position=position,
            label=labels[position] if named and position is not None else "",
            dtype=column.dtype,
        )

    def _pair_probes(self) -> None:
        """Measure the distance at each probe that both runs have."""
        mine, theirs = self._expected.probes, self._actual.probes
        while mine and theirs:
            (first, steps, position), (second, _, _) = mine[0], theirs[0]
            keys = first[1:4], second[1:4]
            if keys[0] <= keys[1]:
                mine.popleft()
            if keys[1] <= keys[0]:
                theirs.popleft()
            if keys[0] == keys[1]:
                self._distances.add(first, second, steps, position)


def _are_of_the_same_steps(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> bool:
    """Whether rows are known to be of the same steps by their ends: no step between is missing."""
    start, end = _key(first[0]), _key(first[-1])
    consecutive = end[1] - start[1] == len(first) - 1
    return consecutive and start == _key(second[0]) and end == _key(second[-1])


def _key(row: np.ndarray[Any, Any]) -> Key:
    return int(row[1]), int(row[2])
