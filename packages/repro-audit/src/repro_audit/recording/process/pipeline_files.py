"""Files that TensorFlow's own operations open, of which Python is not told.

A reader that is given names opens those. A pipeline that opens each file by an element of another,
as `keras.utils.image_dataset_from_directory` makes them, tells no name while it runs: there the
files count that pipelines of this process were made from the names of.
"""

from __future__ import annotations

import functools
import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from repro_audit.capture.read import FILES
from repro_audit.recording.backends.patching import Call, Patches, Watch

__all__ = ["PipelineFiles"]

# Private places in TensorFlow, as they stand in the sources of 2.18.0 and of 2.21.0.
_READERS = (
    ("tensorflow.python.data.ops.readers", "TFRecordDatasetV2.__init__"),
    ("tensorflow.python.data.ops.readers", "TextLineDatasetV2.__init__"),
    ("tensorflow.python.data.ops.readers", "FixedLengthRecordDatasetV2.__init__"),
    ("tensorflow.python.data.experimental.ops.readers", "CsvDatasetV2.__init__"),
    ("tensorflow.python.ops.lookup_ops", "TextFileInitializer.__init__"),
    ("tensorflow.python.ops.io_ops", "read_file"),
)
_NAMING = (
    ("tensorflow.python.data.ops.dataset_ops", "DatasetV2.from_tensor_slices"),
    ("tensorflow.python.data.ops.dataset_ops", "DatasetV2.list_files"),
)
_MAX_NAMES = 100_000
_NUMBERS = re.compile("u?int|b?float|complex|bool")

Name = str | bytes | os.PathLike[str]


class PipelineFiles:
    """Sees which files readers are given, and which names pipelines are made from.

    Attributes:
        unnamed: Whether something read files by names that no one has seen.
    """

    def __init__(self, opened: Callable[[str, str], None]) -> None:
        """Prepare.

        Args:
            opened: Takes the whole path of each file that is read, and ``"r"``.
        """
        self._opened = opened
        self._by_element = False
        self._named: dict[str, None] = {}

    def install(self, patches: Patches) -> None:
        """Begin to look."""
        for module, name in _READERS:
            place = 1 if "." in name else 0  # a method has itself first
            reads = functools.partial(self._reads, place=place)
            patches.watch(module, name, reads, lost=FILES)
        for module, name in _NAMING:
            patches.watch(module, name, self._names, lost=FILES)

    @property
    def unnamed(self) -> bool:
        """Whether files were read by names that no pipeline was made from."""
        return self._by_element and not self._named

    def _reads(self, call: Call, *, place: int) -> Watch:
        given = [*call.args[place : place + 1], *map(call.kwargs.get, ("filenames", "filename"))]
        for name in _names(next((item for item in given if item is not None), None)):
            if name is not None:
                self._opened(_whole(name), "r")
            elif not self._by_element:
                self._by_element = True
                for whole in list(self._named):  # another thread may name more
                    self._opened(whole, "r")
        yield None

    def _names(self, call: Call) -> Watch:
        """See the names of files among what a pipeline is made from."""
        given = [*call.args[:1], *map(call.kwargs.get, ("tensors", "file_pattern"))]
        lists = call.function.__name__ == "list_files"
        for leaf in _leaves(next((item for item in given if item is not None), None)):
            names = _names(leaf)
            first = next(names, None)
            if first is None or not (lists or os.path.isfile(_whole(first))):  # noqa: PTH113 - as text
                continue
            for name in (first, *(item for item in names if item is not None)):
                # The order that the disk has them in does not matter here.
                wholes = glob.glob(_whole(name)) if lists else [_whole(name)]  # noqa: PTH207
                for whole in wholes:
                    self._name(whole)
        yield None

    def _name(self, whole: str) -> None:
        if whole not in self._named and len(self._named) < _MAX_NAMES:
            self._named[whole] = None
            if self._by_element:
                self._opened(whole, "r")


def _whole(name: Name) -> str:
    return os.path.abspath(os.fsdecode(name))  # noqa: PTH100 - compared as text


def _leaves(given: Any) -> Iterator[Any]:
    """Yield what is sliced, out of the tuples and dicts that tie it together."""
    if isinstance(given, Mapping):
        given = tuple(given.values())
    if isinstance(given, tuple):
        for item in given:
            yield from _leaves(item)
    else:
        yield given


def _names(given: Any) -> Iterator[Name | None]:
    """Yield the names that something holds; None for what nobody knows yet, or is no name."""
    if isinstance(given, str | bytes | os.PathLike):
        yield given
    elif isinstance(given, list | tuple):
        for item in given:
            yield from _names(item)
    elif _NUMBERS.match(str(getattr(getattr(given, "dtype", None), "name", ""))):
        yield None  # numbers, which may be many
    else:
        try:
            value = given.numpy() if hasattr(given, "numpy") else given.tolist()
        except Exception:  # noqa: BLE001 - of a tensor in a graph, or a dataset, nobody knows
            yield None
        else:
            yield from _names(value)
