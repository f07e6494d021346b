"""Read a trace that a stranger wrote, in memory that does not grow with its length."""

from __future__ import annotations

import json
import os
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from repro_audit.errors import TraceError, printable, shown
from repro_audit.trace.checked_file import CheckedFile, irregular
from repro_audit.trace.layout import (
    FINGERPRINT,
    HEAD_WORDS,
    PROBE,
    ROW,
    SCHEMA,
    WORD,
    Block,
    Probe,
    Rows,
    is_setting,
    parse_block,
)
from repro_audit.trace.one_fit import parts_of_fit

if TYPE_CHECKING:
    from repro_audit.manifest import Manifest

__all__ = ["Trace", "find_trace", "trace_path"]

_CHUNK_BYTES = 2**20
_MAX_LINE_LENGTH = 2**22
_MAX_LINE_BYTES = 2**26
_FIRST_WINDOW = 64
_MAX_FITS = 4096
_LINE = ord("{")
_HEAD = struct.Struct("<3Q")


def trace_path(manifest: Path) -> Path:
    """Return where the trace of a manifest lies: ``manifest.trace`` beside ``manifest.json``.

    >>> str(trace_path(Path("run.json"))), str(trace_path(Path("run.1")))
    ('run.trace', 'run.1.trace')
    """
    name = manifest.name.removesuffix(".json")
    return manifest.with_name(name + ".trace")


def find_trace(path: str | os.PathLike[str], manifest: Manifest) -> Trace | None:
    """Return the trace that lies beside a manifest's file.

    Args:
        path: The manifest's file; ``-``, standard input, has nothing beside it.
        manifest: What the file holds.

    Returns:
        The trace, of which nothing has been read yet; None where the run left none, or it is not
        there.

    Raises:
        TraceError: Something else than a regular file lies there.
    """
    if manifest.trace is None or os.fspath(path) == "-":
        return None
    beside = trace_path(Path(path))
    name = printable(str(beside))
    try:
        status = beside.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise irregular(name)
    outcome = manifest.outcomes.trace
    return Trace(
        beside,
        size=0 if outcome is None else outcome.bytes,
        digest=manifest.outcomes.digests.trace,
        ended=manifest.status != "running",
    )


class Trace:
    """A trace file, and what its manifest says of it.

    Attributes:
        name: What messages call it.
        verified: Whether it was checked against the manifest's digest.
    """

    def __init__(
        self, path: Path, *, size: int, digest: str | None, ended: bool, fit: int | None = None
    ) -> None:
        """Take note of a file; nothing is read.

        Args:
            path: The file.
            size: How many of its bytes the manifest's digest covers.
            digest: SHA-256 of those bytes.
            ended: Whether that is the whole file; a killed run goes on behind it.
            fit: The one fit, from 0, of which it yields what it holds; None for all.
        """
        self.name = printable(str(path))
        self.digest = digest
        self.verified = False
        self._fit = fit
        self._path = path
        self._size = size
        self._ended = ended

    def of_fit(self, number: int) -> Trace:
        """Return the trace of one fit, from 0: the same file, of which it yields a part."""
        size, digest, ended = self._size, self.digest, self._ended
        alone = Trace(self._path, size=size, digest=digest, ended=ended, fit=number)
        alone.name = self.name
        return alone

    def verify(self) -> None:
        """Check what the manifest's digest covers of the file, once.

        Raises:
            TraceError: It is another file, or damaged.
        """
        if self.verified:
            return
        buffer = memoryview(bytearray(_CHUNK_BYTES))
        with CheckedFile(self._path, self.name, self._size, self.digest, ended=self._ended) as file:
            # What a killed run has written behind it is covered by nothing.
            while file.left and file.read_into(buffer[: min(len(buffer), file.left)]):
                pass
            file.check()
        self.verified = True

    def parts(self) -> Iterator[Block | Rows | Probe]:
        """Yield what stands in the trace, in its order, rows in groups.

        Rows are views of a buffer: each group is good until the next is asked for.

        The file is checked against the manifest's digest on the way: what was yielded counts
        once the iterator has ended. The last record of a killed run, if it is torn, is left out.

        Raises:
            TraceError: It is another file, damaged, or no trace at all.
        """
        with CheckedFile(self._path, self.name, self._size, self.digest, ended=self._ended) as file:
            parts = _Parser(file, self.name, torn=not self._ended).parts()
            yield from parts if self._fit is None else parts_of_fit(parts, self._fit)


class _Parser:
    """Cuts bytes into lines and records."""

    def __init__(self, file: CheckedFile, name: str, *, torn: bool) -> None:
        self._file, self._name, self._torn = file, name, torn
        self._buffer = bytearray(_CHUNK_BYTES)
        self._end = 0
        self._at = 0  # how much of the buffer is done with
        self._offset = self._begin = 0
        self._line_bytes = 0
        self._blocks: list[Block] = []
        self._sizes: list[dict[int, int]] = []
        self._last: dict[int, tuple[int, int]] = {}
        self._first_fit = 0  # what is known of earlier ones was forgotten
        self._window = _FIRST_WINDOW

    def parts(self) -> Iterator[Block | Rows | Probe]:
        """Yield everything in the file."""
        started = False
        while self._has(1):
            self._begin = self._offset
            if self._buffer[self._at] == _LINE:
                line = self._line()
                if line is None:
                    break
                if started:
                    yield self._block(line)
                else:
                    self._start(line)
                    started = True
            elif not started:
                self._refuse("expected a trace, whose first line is a JSON object")
            else:
                part = self._record()
                if part is None:
                    break
                yield part
        # Whatever is left of a torn record is read too: the digest covers what it covers.
        while self._more():
            self._at = self._end
        if not started and not self._torn:
            self._refuse("expected a trace, received no line of it")

    def _left(self) -> int:
        return self._end - self._at

    def _more(self, size: int = 1) -> bool:
        """Read on, `size` bytes or more; whether there were so many."""
        while size > 0:
            left = self._left()
            kept = self._buffer[self._at : self._end]
            if 3 * left > 2 * len(self._buffer):
                # As large as what there is asks for, never as what a file promises.
                self._buffer = bytearray(left + left // 2)
            self._buffer[:left] = kept
            with memoryview(self._buffer) as view, view[left:] as free:
                count = self._file.read_into(free)
            self._at, self._end = 0, left + count
            size -= count
            if not count:
                return False
        return True

    def _has(self, size: int) -> bool:
        """Whether so many bytes can be had, which are then in the buffer."""
        return self._left() >= size or self._more(size - self._left())

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[self._at : self._at + size])
        self._skip(size)
        return taken

    def _skip(self, size: int) -> None:
        self._at += size
        self._offset += size

    def _line(self) -> Any:
        """Return the JSON object of a line, or None where a killed run tore it."""
        end = self._buffer.find(b"\n", self._at, self._end)
        while end < 0 and (searched := self._left()) <= _MAX_LINE_LENGTH:
            if not self._more():
                self._end_torn()
                return None
            end = self._buffer.find(b"\n", searched, self._end)
        if end < 0 or end - self._at > _MAX_LINE_LENGTH:
            self._refuse(f"expected a line of at most {_MAX_LINE_LENGTH:,} bytes")
        line = self._take(end + 1 - self._at)
        self._line_bytes += len(line)
        if self._line_bytes > _MAX_LINE_BYTES:
            self._refuse(f"expected at most {_MAX_LINE_BYTES:,} bytes of lines")
        try:
            value = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            self._refuse("expected a line of JSON, received something else")
        if not isinstance(value, dict):
            self._refuse("expected a JSON object")
        return value

    def _start(self, value: dict[str, Any]) -> None:
        for field, expected in (("schema", SCHEMA), ("fingerprint", FINGERPRINT)):
            if value.get(field) != expected:
                self._refuse(
                    f"$.{field}: expected '{expected}', received {shown(value.get(field))}. "
                    "Another release of repro-audit may read it"
                )
        if set(value) != {"schema", "fingerprint", "setting"}:
            self._refuse("$: expected schema, fingerprint and setting")
        if not is_setting(value["setting"]):
            self._refuse("$.setting: expected 'step', 'epoch' or a number of steps")

    def _block(self, value: dict[str, Any]) -> Block:
        try:
            block = parse_block(value, len(self._blocks))
        except ValueError as error:
            self._refuse(printable(str(error)))
        self._blocks.append(block)
        self._sizes.append({ROW: block.row_words * WORD, PROBE: block.probe_words * WORD})
        return block

    def _record(self) -> Rows | Probe | None:
        """Return the rows that come next, or a probe, or None where a killed run tore it."""
        if not self._has(HEAD_WORDS * WORD):
            self._end_torn()
            return None
        word, place, step = _HEAD.unpack_from(self._buffer, self._at)
        kind, number = word & 0xFF, word >> 8
        if kind not in {ROW, PROBE} or number >= len(self._blocks):
            self._refuse("expected a row or a probe of a block above, received something else")
        block = self._blocks[number]
        size = self._sizes[number][kind]
        if not self._has(size):
            self._end_torn()
            return None
        if kind == ROW:
            return self._rows(block, (word, place, step), size)
        self._follows(place, step, again=True)
        self._stands_at(place, step)
        samples = self._take(size)[HEAD_WORDS * WORD :]
        return Probe(block, place >> 32, place & 0xFFFFFFFF, step, samples)

    def _rows(self, block: Block, head: tuple[int, int, int], size: int) -> Rows:
        """Return all the rows in the buffer that are of the same block, fit and epoch."""
        import numpy as np

        count = self._left() // size
        words = np.frombuffer(self._buffer, "<u8", count * size // WORD, self._at)
        words = words.reshape(count, -1)
        word, place, step = head
        # In growing windows, the first as long as the last group was: where blocks alternate,
        # every row is a group of its own.
        start, window = 0, self._window
        while start < count:
            part = words[start : start + window]
            others = (part[:, 0] != word) | (part[:, 1] != place)
            first = int(others.argmax())
            if others[first]:
                words = words[: start + first]
                break
            start, window = start + window, 4 * window
        self._window = max(len(words) + 1, _FIRST_WINDOW)
        if sys.byteorder != "little":
            words = words.astype(np.uint64)
        steps = words[:, 2]
        self._follows(place, step)
        later = steps[1:] > steps[:-1]
        if not later.all():
            wrong = int(later.argmin()) + 1
            self._refuse("expected records in the order of steps", wrong * size)
        self._stands_at(place, int(steps[-1]))
        self._skip(len(words) * size)
        return Rows(block, words)

    def _follows(self, place: int, step: int, *, again: bool = False) -> None:
        """Refuse a record that is not behind the last of its fit; a probe may stand at its place.

        Fits may alternate: a loop may train two models in turn.
        """
        last = self._last.get(place >> 32, (0, 0))
        early = place >> 32 < self._first_fit
        if early or (place, step) < last or ((place, step) == last and not again):
            self._refuse("expected records in the order of steps")

    def _stands_at(self, place: int, step: int) -> None:
        """Keep where a fit has come to: for so many of them that memory does not grow for ever."""
        self._last[place >> 32] = place, step
        if len(self._last) > _MAX_FITS:
            for fit in sorted(self._last)[: _MAX_FITS // 2]:
                del self._last[fit]
                self._first_fit = fit + 1

    def _end_torn(self) -> None:
        """Come to the end of the file within a record: right only where a run was killed."""
        if not self._torn:
            self._refuse("ends within a record: it was cut off")
        self._at = self._end

    def _refuse(self, message: str, ahead: int = 0) -> NoReturn:
        text = f"{self._name}: at byte {self._begin + ahead:,}: {message}."
        raise TraceError(text)


def _no_constant(text: str) -> Any:
    message = f"{text} is not JSON"
    raise ValueError(message)
