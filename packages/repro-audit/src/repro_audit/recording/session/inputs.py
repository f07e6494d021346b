"""The arrays that a script gives to its training, as the condition `data`.

A pipeline is never read, since that would move it; what it was made from by
``Dataset.from_tensor_slices`` is digested there and then, or, where nobody looked by then, out of
the tensors that it keeps. It is for what the fit is that takes it; what no fit takes, as in a loop
written by hand, is called ``slices``. What the user tells goes before what is seen.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from repro_audit.capture.data import capture_data
from repro_audit.errors import CaptureError
from repro_audit.manifest.conditions import Data

__all__ = ["Inputs", "Sources"]

_MAX_ROLES = 8
"""Data sets digested for each role; k folds give as many, a loop of fits gives the same again."""

_MAX_SOURCES = 64
_MAX_STAGES = 200
_ARRAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "fit": {"train": ("x", "y", "sample_weight"), "validation": ("validation_data",)},
    "evaluate": {"test": ("x", "y", "sample_weight")},
}


class Sources:
    """Digests what pipelines are made from, as long as a process lives."""

    def __init__(self) -> None:
        self._digested: weakref.WeakKeyDictionary[Any, Data | str] = weakref.WeakKeyDictionary()
        self._untaken: list[Data] = []
        self._count = 0

    def created(self, dataset: Any, tensors: Any) -> None:
        """Digest the arrays that a tf.data source is made from.

        Args:
            dataset: The source.
            tensors: What it was given.
        """
        found = self._digest(dataset, tensors)
        if isinstance(found, Data):
            self._untaken.append(found)

    def taken(self, dataset: Any) -> Data | None:
        """Return the digest of a source that a fit takes.

        Args:
            dataset: A stage of a pipeline.

        Returns:
            The digest; None where the stage is no source made from arrays.

        Raises:
            CaptureError: It was made from what is no array, or from names, as those of files are.
        """
        found = self._digested.get(dataset)
        if found is None:
            # Private: TensorSliceDataset._tensors (TensorFlow 2.18 to 2.21). When it moves, a
            # source that was made before recording began is not digested.
            tensors = getattr(dataset, "_tensors", None)
            if not isinstance(tensors, list) or not tensors:
                return None
            if any(str(getattr(item.dtype, "name", "")) == "string" for item in tensors):
                message = "the pipeline is made from text, such as names of files, read elsewhere"
                raise CaptureError(message)
            if not any(len(getattr(item, "shape", ())) for item in tensors):
                return None  # no sample: what `from_generator` begins with, say
            found = self._digest(dataset, tensors)
        if isinstance(found, str):
            raise CaptureError(found)
        self._untaken = [item for item in self._untaken if item is not found]
        return found

    def rest(self) -> list[Data]:
        """Return the digests of sources that no fit has taken: a recording is over."""
        rest, self._untaken, self._count = self._untaken, [], 0
        return rest

    def _digest(self, dataset: Any, tensors: Any) -> Data | str | None:
        """Return the digest of a source, or why it has none; None for one too many."""
        if self._count >= _MAX_SOURCES:
            return None
        self._count += 1
        found: Data | str | None
        try:
            arrays = tuple(_leaves(tensors))
            found = capture_data(arrays) if arrays else None
        except CaptureError as error:
            found = str(error)
        if found is not None:
            self._digested[dataset] = found
        return found


class Inputs:
    """Digests the arrays of a run, each under what it is for."""

    def __init__(self, sources: Sources | None = None) -> None:
        """Prepare.

        Args:
            sources: Has the digests of what pipelines are made from.
        """
        self._sources = Sources() if sources is None else sources
        self._known: dict[str, Data] = {}
        self._told: set[str] = set()
        self._counts: dict[str, int] = {}

    def told(self, role: str, data: Data) -> dict[str, Data]:
        """Take what the user tells, and return all that is known, by role.

        Args:
            role: What the user calls it; what was seen under that name gets another.
            data: Its digest.
        """
        seen = {name: known for name, known in self._known.items() if name not in self._told}
        for name, known in seen.items():
            if known.digest == data.digest:
                del self._known[name]
        self._told.add(role)
        before = self._known.pop(role, None) if role in seen else None
        self._known[role] = data
        if before is not None:
            self._known[self._free(role)] = before
        return dict(self._known)

    def data_given(self, call: str, arguments: Mapping[str, Any]) -> dict[str, Data]:
        """Digest what a call was given, and return all that is known, by role.

        Args:
            call: ``fit`` or ``evaluate``.
            arguments: Its arguments by name.

        Raises:
            CaptureError: It was given what is no array, and no pipeline made from arrays.
        """
        for role, names in _ARRAYS[call].items():
            for data in self._read([arguments.get(name) for name in names], role):
                self._add(role, data)
        return dict(self._known)

    def all(self) -> dict[str, Data]:
        """Return all that is known at the end, what no fit has taken among it."""
        for data in self._sources.rest():
            self._add("slices", data)
        return dict(self._known)

    def _read(self, values: list[Any], role: str) -> Iterator[Data]:
        if hasattr(values[0], "element_spec"):
            yield from list(self._behind(values[0]))
        elif self._counts.get(role, 0) < _MAX_ROLES:
            arrays = tuple(leaf for item in values for leaf in _leaves(item))
            if arrays:
                yield capture_data(arrays, of_call=True)

    def _behind(self, dataset: Any) -> Iterator[Data]:
        """Yield the sources of a pipeline that are known."""
        seen, pending = {id(dataset)}, [dataset]
        while pending and len(seen) < _MAX_STAGES:
            current = pending.pop()
            data = self._sources.taken(current)
            if data is not None:
                yield data
            for before in getattr(current, "_inputs", list)():
                if id(before) not in seen:
                    seen.add(id(before))
                    pending.append(before)

    def _add(self, role: str, data: Data) -> None:
        if any(
            data.digest == known.digest
            for name, known in self._known.items()
            if name.startswith(role) or name in self._told
        ):
            return
        self._counts[role] = self._counts.get(role, 0) + 1
        if self._counts[role] <= _MAX_ROLES:
            self._known[self._free(role)] = data

    def _free(self, role: str) -> str:
        """Return a name for a role that is not in use."""
        names = (role, *(f"{role}_{number}" for number in range(2, len(self._known) + 3)))
        return next(name for name in names if name not in self._known)


def _leaves(value: Any) -> Iterator[Any]:
    """Yield the arrays of a structure.

    Raises:
        CaptureError: There is something in it that is no array.
    """
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _leaves(value[key])
    elif isinstance(value, list | tuple) and any(hasattr(item, "shape") for item in value):
        for item in value:
            yield from _leaves(item)
    elif hasattr(value, "__array__") or isinstance(value, list | tuple):
        yield value
    elif value is not None and not isinstance(value, int | float):
        message = f"{type(value).__name__} is no array, and reading it would move it"
        raise CaptureError(message)
