"""Which samples the first epoch of a fit was fed, so that two runs' can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.manifest.records import SampleDigests
from repro_audit.trace import Column
from repro_audit.trace.fingerprint import fingerprint

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MAX_SAMPLES", "Samples"]

MAX_SAMPLES = 1024
"""Samples of each fit that are told apart; a digest of one costs some microseconds."""


class Samples:
    """Takes digests of 32 bits of each sample of the batches of one epoch.

    One is of its inputs, and one of all that belongs to it. None is of its targets alone: there are
    so few labels that each could be guessed from its digest.
    """

    def __init__(self) -> None:
        self._inputs: list[str] = []
        self._whole: list[str] = []
        self._roles: list[str] = []
        self._known = True

    @property
    def digests(self) -> SampleDigests | None:
        """What the samples are told by, in the order of feeding.

        None where the batches hold nothing that samples can be told by.
        """
        if not self._known or not self._whole:
            return None
        return SampleDigests(inputs="".join(self._inputs), whole="".join(self._whole))

    def add(self, columns: Sequence[Column], arrays: Sequence[Any]) -> None:
        """Take the samples of one batch.

        Args:
            columns: Columns of the batch and of the running loss.
            arrays: An array for each of them, and further ones.

        Raises:
            TypeError: An array has a dtype that a trace cannot hold.
        """
        left = MAX_SAMPLES - len(self._whole)
        if not self._known or not left:
            return
        pairs = zip(columns, arrays, strict=False)
        batch = {column.role: array for column, array in pairs if column.kind == "batch"}
        inputs = [array for role, array in batch.items() if role.partition("/")[0] == "x"]
        sizes = {array.shape[:1] for array in batch.values()}
        others = self._roles not in ([], list(batch))
        if len(sizes) != 1 or () in sizes or not inputs or others:
            self._known = False  # nothing that has one place for each sample
            return
        self._roles = list(batch)
        for place in range(min(next(iter(sizes))[0], left)):
            self._inputs.append(_digest(inputs, place))
            self._whole.append(_digest(list(batch.values()), place))


def _digest(arrays: Sequence[np.ndarray[Any, Any]], place: int) -> str:
    """Return the last 32 bits of the fingerprint of the fingerprints of one sample's parts."""
    import numpy as np

    parts = np.array([fingerprint(np.asarray(array[place])) for array in arrays], np.uint64)
    return f"{fingerprint(parts) & 0xFFFFFFFF:08x}"
