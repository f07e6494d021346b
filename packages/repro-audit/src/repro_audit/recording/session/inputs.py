"""The arrays that a script gives to its training, as the condition `data`.

A pipeline is never read, since that would move it; what it was made from by
``Dataset.from_tensor_slices`` is digested there and then. It is for what the fit is that takes
it; what no fit takes, as in a loop written by hand, is called ``slices``.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from repro_audit.capture.data import capture_data
from repro_audit.errors import CaptureError
from repro_audit.manifest.conditions import Data

__all__ = ["Inputs"]

_MAX_ROLES = 8
"""Data sets digested for each role; k folds give as many, a loop of fits gives the same again."""

_MAX_SOURCES = 64
_MAX_STAGES = 200
_ARRAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "fit": {"train": ("x", "y", "sample_weight"), "validation": ("validation_data",)},
    "evaluate": {"test": ("x", "y", "sample_weight")},
}


class Inputs:
    """Digests the arrays of a run, each under what it is for."""

    def __init__(self) -> None:
        self._sources: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._source_created: list[Data] = []
        self._taken: set[int] = set()
        self._known: dict[str, Data] = {}
        self._counts: dict[str, int] = {}

    def source_created(self, dataset: Any, tensors: Any) -> None:
        """Digest the arrays that a tf.data source is made from.

        Args:
            dataset: The source.
            tensors: What it was given.
        """
        arrays = tuple(_leaves(tensors))
        if arrays and len(self._source_created) < _MAX_SOURCES:
            self._sources[dataset] = len(self._source_created)
            self._source_created.append(capture_data(arrays))

    def data_given(self, call: str, arguments: Mapping[str, Any]) -> dict[str, Data]:
        """Digest what a call was given, and return all that is known, by role.

        Args:
            call: ``fit`` or ``evaluate``.
            arguments: Its arguments by name.
        """
        for role, names in _ARRAYS[call].items():
            for data in self._read([arguments.get(name) for name in names], role):
                self._add(role, data)
        return dict(self._known)

    def all(self) -> dict[str, Data]:
        """Return all that is known at the end, what no fit has taken among it."""
        for number, data in enumerate(self._source_created):
            if number not in self._taken:
                self._add("slices", data)
        return dict(self._known)

    def _read(self, values: list[Any], role: str) -> Iterator[Data]:
        if hasattr(values[0], "element_spec"):
            yield from self._behind(values[0])
        elif self._counts.get(role, 0) < _MAX_ROLES:
            arrays = tuple(leaf for item in values for leaf in _leaves(item))
            if arrays:
                yield capture_data(arrays, of_call=True)

    def _behind(self, dataset: Any) -> Iterator[Data]:
        """Yield the sources of a pipeline that are known."""
        seen, pending = {id(dataset)}, [dataset]
        while pending and len(seen) < _MAX_STAGES:
            current = pending.pop()
            number = self._sources.get(current)
            if number is not None:
                self._taken.add(number)
                yield self._source_created[number]
            for before in getattr(current, "_inputs", list)():
                if id(before) not in seen:
                    seen.add(id(before))
                    pending.append(before)

    def _add(self, role: str, data: Data) -> None:
        if any(
            data.digest == known.digest
            for name, known in self._known.items()
            if name.startswith(role)
        ):
            return
        count = self._counts[role] = self._counts.get(role, 0) + 1
        if count <= _MAX_ROLES:
            self._known[role if count == 1 else f"{role}_{count}"] = data


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
