"""The shapes of a fit's first batch, noted by its step where nothing else is handed over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from repro_audit.trace import Column

__all__ = ["FirstBatch"]

_MOST_SIZES = 64
_NOT_NOTED = -1


class FirstBatch:
    """Keeps the shapes of the first batch since it was last cleared, in one small variable.

    A step that called Python for them would cost ten times as much.
    """

    def __init__(self) -> None:
        """Make the variable, which no step may do."""
        self._columns: list[Column] = []
        self._ranks: list[int] = []
        with tf.device("CPU:0"):
            self._noted = tf.Variable(self._nothing(), trainable=False)

    def clear(self) -> None:
        """Forget them: another fit begins."""
        self._noted.assign(self._nothing())

    def note(self, columns: Sequence[Column], tensors: Sequence[Any]) -> None:
        """Have the graph that is being made note the shapes of a batch, if none are noted yet.

        Args:
            columns: Those of the batch.
            tensors: A tensor for each; one of unknown rank is left out, and none is noted where
                they have more sizes than there is room for.
        """
        known = [
            (column, tensor)
            for column, tensor in zip(columns, tensors, strict=True)
            if tensor.shape.rank is not None
        ]
        ranks = [tensor.shape.rank for _, tensor in known]
        if not 0 < sum(ranks) <= _MOST_SIZES:
            return
        self._columns, self._ranks = [column for column, _ in known], ranks
        sizes = tf.concat([tf.shape(tensor, out_type=tf.int64) for _, tensor in known], 0)
        sizes = tf.pad(sizes, [[0, _MOST_SIZES - sum(ranks)]])
        before = self._noted.read_value()
        self._noted.assign(tf.where(before == _NOT_NOTED, sizes, before))

    def read(self) -> tuple[list[Column], list[tuple[int, ...]]] | None:
        """Return the columns of the batch and their shapes.

        Returns:
            None where no batch was noted.
        """
        sizes = self._noted.numpy().tolist()
        if not self._ranks or sizes[0] == _NOT_NOTED:
            return None
        shapes = []
        for rank in self._ranks:
            shapes.append(tuple(sizes[:rank]))
            sizes = sizes[rank:]
        return self._columns, shapes

    @staticmethod
    def _nothing() -> Any:
        return tf.fill([_MOST_SIZES], tf.constant(_NOT_NOTED, tf.int64))
