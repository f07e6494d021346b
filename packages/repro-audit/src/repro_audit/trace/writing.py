"""Write a trace while a run goes on."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from repro_audit.errors import OutputError, printable
from repro_audit.trace.layout import (
    BEGIN,
    HEAD_WORDS,
    PROBE,
    ROW,
    WORD,
    Block,
    Column,
    block_line,
    start_line,
)

__all__ = ["TraceWriter"]


class TraceWriter:
    """An open trace.

    Every record reaches the operating system as soon as it is written, so a killed run keeps
    all its rows; the disk has them at each epoch's end. No record is kept in memory.
    """

    def __init__(self, path: Path, setting: str | int) -> None:
        """Create the file, in place of an old one.

        Args:
            path: Where it goes.
            setting: ``step``, ``epoch`` or a number of steps.

        Raises:
            OutputError: It cannot be created.
        """
        self.path = path
        self.rows = 0
        self.bytes = 0
        self._blocks: dict[tuple[int, int, tuple[Column, ...]], Block] = {}
        self._hasher = hashlib.sha256()
        _check_is_trace(path)
        try:
            # A new file, not a shorter old one: whoever reads the old one goes on reading it.
            path.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o666)
            self._status = os.fstat(self._descriptor)
            try:
                self._append(start_line(setting))
            except OSError:
                self.close()
                path.unlink(missing_ok=True)
                raise
        except OSError as error:
            message = f"{printable(str(path))}: cannot be written: {error.strerror}."
            raise OutputError(message) from error

    @property
    def digest(self) -> str:
        """SHA-256 of everything written so far."""
        return "sha256:" + self._hasher.hexdigest()

    def block(self, model: int, stride: int, columns: Sequence[Column]) -> Block:
        """Return the block of these columns, which is written when it is new.

        Args:
            model: The model.
            stride: Every which step has a row.
            columns: The columns, in execution order.

        Raises:
            OSError: It cannot be written.
        """
        key = model, stride, tuple(columns)
        if key not in self._blocks:
            block = Block(number=len(self._blocks), model=model, stride=stride, columns=key[2])
            self._append(block_line(block))
            self._blocks[key] = block
        return self._blocks[key]

    def row(self, block: Block, fit: int, epoch: int, step: int, values: Sequence[int]) -> None:
        """Append one row.

        Args:
            block: Its block.
            fit: The fit, from 0.
            epoch: The epoch, from 1.
            step: The step within the epoch, from 1.
            values: One word for each column, 0 to 2^64 - 1.

        Raises:
            OSError: It cannot be written.
        """
        head = _head(ROW, block, fit, epoch, step)
        self._append(head + struct.pack(f"<{len(block.columns)}Q", *values))
        self.rows += 1

    def probe(self, block: Block, fit: int, epoch: int, step: int, samples: bytes) -> None:
        """Append one probe.

        Args:
            block: Its block.
            fit: The fit, from 0.
            epoch: The epoch, from 1.
            step: The step within the epoch, from 1.
            samples: The sampled bytes, column after column.

        Raises:
            OSError: It cannot be written.
        """
        size = (block.probe_words - HEAD_WORDS) * WORD
        self._append(_head(PROBE, block, fit, epoch, step) + samples.ljust(size, b"\0"))

    def flush(self) -> None:
        """Have the disk take everything written so far.

        Raises:
            OSError: It cannot.
        """
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file. Closing it again does nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):  # the script has closed it
                if os.path.samestat(os.fstat(descriptor), self._status):
                    os.close(descriptor)

    def _append(self, content: bytes) -> None:
        # A script may close every descriptor, and the next file that it opens take our number.
        if not os.path.samestat(os.fstat(self._descriptor), self._status):
            message = "the script has closed the trace"
            raise OSError(errno.EBADF, message)
        # One call: another process sees whole records. Where the disk has no room for all of
        # it, the next call says so.
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._hasher.update(content)
        self.bytes += len(content)


def _check_is_trace(path: Path) -> None:
    """Refuse to take the place of a file that is no trace: nobody has named it.

    Raises:
        OutputError: It is none.
    """
    try:
        begin = b""
        if path.is_file():
            with path.open("rb") as file:
                begin = file.read(len(BEGIN))
    except OSError:
        return  # what creating it will tell
    if begin not in {b"", BEGIN}:
        message = (
            f"{printable(str(path))}: there is a file that is no trace of repro-audit, and the "
            "trace would take its place. Name another manifest, or move the file."
        )
        raise OutputError(message)


def _head(kind: int, block: Block, fit: int, epoch: int, step: int) -> bytes:
    return struct.pack("<3Q", kind | block.number << 8, fit << 32 | epoch, step)
