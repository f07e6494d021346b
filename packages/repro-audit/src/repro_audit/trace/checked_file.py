"""Read a file from front to end, and check it against the size and digest that a manifest gives."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Self

from repro_audit.errors import TraceError
from repro_audit.files import IrregularFileError, open_regular

__all__ = ["CheckedFile", "irregular"]


class CheckedFile:
    """Reads a file forward and compares its size and digest with what a manifest says."""

    def __init__(
        self, path: Path, name: str, size: int, digest: str | None, *, ended: bool
    ) -> None:
        """Note what is to be read; entering the context opens it.

        Args:
            path: The file.
            name: What messages call it.
            size: How many of its bytes the digest covers.
            digest: SHA-256 of those bytes; None checks nothing but the size.
            ended: Whether that is the whole file; a killed run goes on behind it.
        """
        self._path, self._name = path, name
        self._size, self._digest, self._ended = size, digest, ended
        self._hasher = hashlib.sha256()
        self._seen = 0

    def __enter__(self) -> Self:
        try:
            self._file = open_regular(self._path)
        except OSError as error:
            message = f"{self._name}: cannot be opened: {error.strerror}."
            raise TraceError(message) from error
        except IrregularFileError:
            raise irregular(self._name) from None
        actual = os.fstat(self._file.fileno()).st_size
        if actual < self._size or (self._ended and actual > self._size):
            self._file.close()
            message = (
                f"{self._name}: expected {self._size:,} bytes, as the manifest says, received "
                f"{actual:,}. It was cut off, or belongs to another run."
            )
            raise TraceError(message)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def left(self) -> int:
        """How many of the bytes that the digest covers are still to be read."""
        return max(0, self._size - self._seen)

    def read_into(self, buffer: memoryview) -> int:
        """Read the next bytes into a buffer.

        Returns:
            How many bytes were read; 0 at the end.

        Raises:
            TraceError: The end is reached and the digest is another, or reading fails.
        """
        try:
            count = self._file.readinto(buffer) or 0
        except OSError as error:
            message = f"{self._name}: cannot be read: {error.strerror}."
            raise TraceError(message) from error
        covered = max(0, min(count, self._size - self._seen))
        self._hasher.update(buffer[:covered])
        self._seen += count
        if not count:
            self.check()
        return count

    def check(self) -> None:
        """Compare the digest of what was read with what the manifest says.

        Raises:
            TraceError: It is another.
        """
        actual = "sha256:" + self._hasher.hexdigest()
        if self._digest is not None and actual != self._digest:
            message = (
                f"{self._name}: expected {self._digest}, as the manifest says, received "
                f"{actual}. It was damaged, or belongs to another run."
            )
            raise TraceError(message)


def irregular(name: str) -> TraceError:
    """Return the error for what is no regular file, by the name that messages use."""
    return TraceError(f"{name}: expected a trace, received something that is no regular file.")
