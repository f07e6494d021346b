"""TensorBoard's event files: the scalars in them, as Keras's callback and others write them.

Source:
    TensorFlow's ``event.proto``, ``summary.proto`` and ``tensor.proto``; the numbers of fields
    are theirs.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from repro_audit.logs.log import Curves, Fit, Log, log_of, refuse
from repro_audit.logs.records import DamagedError, fields, records, varints

__all__ = ["EventCurves", "Scalar", "joined", "read_scalars"]

_STEP, _SUMMARY = 2, 5  # of an Event
_VALUE = 1  # of a Summary
_TAG, _SIMPLE, _TENSOR = 1, 2, 8  # of a Summary.Value
_DTYPE, _SHAPE, _CONTENT = 1, 2, 4  # of a TensorProto
_FORMS = {1: ("<f", "float32", 5), 2: ("<d", "float64", 6), 19: ("<e", "float16", 13)}
"""Of each dtype of scalars its form, its name, and the field that holds values one by one."""

_HALF = 19
_LARGEST_STEP = 2**63
_EPOCH = "epoch_"
_PREFIXES = {"": "", "train": "", "validation": "val_"}
"""What a history puts before the names of curves that Keras keeps in a folder of this name."""


class Scalar(NamedTuple):
    """One value of a curve.

    Attributes:
        tag: The curve's name.
        step: Its place, as whoever wrote it counts.
        value: The value; None where something else than a scalar has this tag.
        dtype: The dtype it was stored in.
    """

    tag: str
    step: int
    value: float | None
    dtype: str


def read_scalars(content: bytes, name: str) -> Iterator[Scalar | None]:
    """Yield the scalars of an event file, in its order; None where it breaks off.

    Args:
        content: The file's bytes.
        name: What messages call the file.

    Raises:
        ManifestError: A record has another checksum than it says, or is no event.
    """
    try:
        for record in records(content):
            if record is None:
                yield None
            else:
                yield from _event(record)
    except DamagedError as error:
        refuse(name, f"is an event file that was damaged: {error}.")


def _event(record: memoryview) -> Iterator[Scalar]:
    """Yield the scalars of one event."""
    step, summaries = 0, []
    for number, value in fields(record):
        if number == _STEP and isinstance(value, int):
            step = value if value < _LARGEST_STEP else value - 2 * _LARGEST_STEP
        elif number == _SUMMARY and isinstance(value, memoryview):
            summaries.append(value)
    for summary in summaries:
        for number, value in fields(summary):
            if number == _VALUE and isinstance(value, memoryview):
                yield _scalar(value, step)


def _scalar(message: memoryview, step: int) -> Scalar:
    """Return what a value of a summary says."""
    tag, found = "", None
    for number, content in fields(message):
        if isinstance(content, int):
            continue
        if number == _TAG:
            tag = bytes(content).decode("utf-8", "replace")
        elif number == _SIMPLE and len(content) == 4:
            found = (_unpacked("<f", content), "float32")
        elif number == _TENSOR:
            found = _of_tensor(content)
    value, dtype = found or (None, "")
    return Scalar(tag, step, value, dtype)


def _of_tensor(message: memoryview) -> tuple[float, str] | None:
    """Return the number that a tensor without dimensions holds, and its dtype."""
    dtype, held = 0, {}
    for number, value in fields(message):
        if number == _DTYPE and isinstance(value, int):
            dtype = value
        elif number == _SHAPE and not isinstance(value, int) and len(value):
            return None  # it has dimensions
        else:
            held[number] = value
    if dtype not in _FORMS:
        return None
    form, name, single = _FORMS[dtype]
    content = held.get(_CONTENT, held.get(single))
    if content is None:
        return None
    if dtype == _HALF and _CONTENT not in held:  # its bits, as an integer
        bits = [content] if isinstance(content, int) else list(varints(content))
        content = memoryview(struct.pack("<H", bits[0] & 0xFFFF)) if len(bits) == 1 else None
    if not isinstance(content, memoryview) or len(content) != struct.calcsize(form):
        return None
    return _unpacked(form, content), name


def _unpacked(form: str, value: memoryview) -> float:
    return float(struct.unpack(form, value)[0])


class EventCurves:
    """Collects the curves of one folder of event files, which are those of one writer.

    Keras's callback has a curve for each metric of an epoch, and beside it some of batches and of
    evaluations. Where there are curves of epochs, they are the history.
    """

    def __init__(self, name: str, folder: str) -> None:
        """Begin with nothing.

        Args:
            name: What messages call it.
            folder: The folder's name, in which Keras keeps one set of data.
        """
        self.broken = False
        self._epochs, self._others = Curves(name), Curves(name)
        self._prefix = _PREFIXES.get(folder, f"{folder}/" if folder else "")

    def read(self, content: bytes, name: str) -> None:
        """Add the curves of one file.

        Args:
            content: The file's bytes.
            name: What messages call it.

        Raises:
            ManifestError: The file is damaged.
        """
        for scalar in read_scalars(content, name):
            if scalar is None:
                self.broken = True
                continue
            tag, step, value, dtype = scalar
            curves = self._others
            if tag.startswith(_EPOCH):
                curves, tag = self._epochs, self._prefix + tag.removeprefix(_EPOCH)
            elif self._prefix not in _PREFIXES.values():
                tag = self._prefix + tag
            if value is None:
                curves.ignore(tag)
            else:
                epoch = float(step) if curves is self._epochs else None
                curves.add(tag, value, float(step), epoch=epoch, dtype=dtype)

    def result(self) -> tuple[tuple[Fit, ...], dict[str, str]]:
        """Return the fits, and by their names the curves that are left out."""
        fits, others = self._epochs.fits(), self._others.fits()
        ignored = self._epochs.ignored | self._others.ignored
        if not fits:
            return others, ignored
        return fits, ignored | {name: "" for fit in others for name in fit.history}


def joined(parts: Iterable[EventCurves]) -> Log | None:
    """Return the log of one run, of which each part holds some curves; None where none does.

    Args:
        parts: The parts, that of the training first.
    """
    parts = list(parts)
    results = [part.result() for part in parts]
    together = []
    for several in itertools.zip_longest(*(fits for fits, _ in results)):
        found = [fit for fit in several if fit is not None]
        history = {name: values for fit in found for name, values in fit.history.items()}
        dtypes = {name: dtype for fit in found for name, dtype in fit.dtypes.items()}
        together.append(Fit(history, dtypes, found[0].first_epoch))
    if not together:
        return None
    ignored = {name: "" for _, names in results for name in names}
    notes = ("a file breaks off within its last record, which is left out",)
    broken = any(part.broken for part in parts)
    return log_of("TensorBoard", tuple(together), ignored, notes=notes if broken else ())
