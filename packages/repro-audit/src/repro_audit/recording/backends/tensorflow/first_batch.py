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

    A step that called Python for them would cost ten times as much. A step is traced for each
    structure of batch, and a fit may use any of these graphs: so each notes which it is.
    """

    def __init__(self) -> None:
        """Make the variable, which no step may do."""
        self._layouts: list[tuple[list[Column], list[int]]] = []
        with tf.device("CPU:0"):
            self._noted = tf.Variable(self._nothing(), trainable=False)

    def clear(self) -> None:
        """Forget them: another fit begins."""
        self._noted.assign(self._nothing())

    def note(self, columns: Sequence[Column], tensors: Sequence[Any]) -> None:
        """Have the graph that is being made note the shapes of a batch, if none are noted yet.

        Args:
            columns: Those of the batch.
            tensors: A tensor for each. Nothing is noted where the rank of one is not known, or
                where they have more sizes than there is room for.
        """
        ranks = [tensor.shape.rank for tensor in tensors]
        if not ranks or None in ranks or sum(ranks) > _MOST_SIZES:
            return
        sizes = [tf.shape(tensor, out_type=tf.int64) for tensor in tensors]
        room = tf.zeros([_MOST_SIZES - sum(ranks)], tf.int64)
        noted = tf.concat([tf.constant([len(self._layouts)], tf.int64), *sizes, room], 0)
        self._layouts.append((list(columns), ranks))
        before = self._noted.read_value()
        self._noted.assign(tf.where(before == _NOT_NOTED, noted, before))

    def read(self) -> tuple[list[Column], list[tuple[int, ...]]] | None:
        """Return the columns of the batch and their shapes.

        Returns:
            None where no batch was noted.
        """
        layout, *sizes = self._noted.numpy().tolist()
        if layout == _NOT_NOTED:
            return None
        columns, ranks = self._layouts[layout]
        shapes = []
        for rank in ranks:
            shapes.append(tuple(sizes[:rank]))
            sizes = sizes[rank:]
        return columns, shapes

    @staticmethod
    def _nothing() -> Any:
        return tf.fill([1 + _MOST_SIZES], tf.constant(_NOT_NOTED, tf.int64))
