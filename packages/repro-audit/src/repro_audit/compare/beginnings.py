"""Which columns of a resumed run's first step are as in the first step of the whole run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from repro_audit.compare.cursor import place_of
from repro_audit.trace import Column, Rows
from repro_audit.trace.layout import HEAD_WORDS

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Beginnings"]


class Beginnings:
    """Holds the first step of both runs."""

    def __init__(self) -> None:
        self._known = False
        self._words: dict[tuple[int, object], int] = {}  # by model and column
        self._place: tuple[int, int, int] | None = None
        self._resumed = 0

    def note(self, mine: Rows, theirs: Rows) -> None:
        """Take the first rows of both runs; later ones change nothing."""
        if self._known:
            return
        self._known = True
        places = place_of(mine.words[0]), place_of(theirs.words[0])
        if places[0][:2] == places[1][:2]:
            return  # neither was resumed
        self._place = max(places)
        self._resumed = places.index(self._place)
        whole = theirs if self._resumed == 0 else mine
        words = whole.words[0, HEAD_WORDS:].tolist()
        self._words = {
            (whole.block.model, column.key): word
            for column, word in zip(whole.block.columns, words, strict=True)
        }

    def again(
        self, model: int, columns: Iterable[tuple[Column, int, int]], row: np.ndarray[Any, Any]
    ) -> list[int]:
        """Return which columns of a step began again with the resumed run.

        Args:
            model: The model that the step trained.
            columns: Each column, and its words in the expected and the actual run.
            row: The row of the step, of either run.

        Returns:
            Places among `columns`; empty where the step is not the first of a resumed run.
        """
        if self._place is None or place_of(row) != self._place:
            return []
        return [
            place
            for place, (column, *words) in enumerate(columns)
            if self._words.get((model, column.key)) == words[self._resumed]
        ]
