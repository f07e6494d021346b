"""Read a file that may be hostile, replace one never half written, and see when one changed."""

from __future__ import annotations

import contextlib
import errno
import glob
import itertools
import os
import stat
import sys
from io import BufferedReader, FileIO
from pathlib import Path

from repro_audit.errors import ManifestError, OutputError, printable

__all__ = [
    "LIMIT_BYTES",
    "IrregularFileError",
    "PathLock",
    "changed_at",
    "open_regular",
    "read_bounded",
    "replace_file",
]

LIMIT_BYTES = 64 * 1024 * 1024
"""The largest manifest that is read, in bytes."""

_WRITES = itertools.count(1)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class IrregularFileError(Exception):
    """What is to be opened is no regular file; the text says what it is."""


def changed_at(
    path: str | os.PathLike[str], *, follow_links: bool = True, since: float = 0.0
) -> float:
    """Return when a file last changed, as far as its file system tells.

    A copy keeps the time of its source, but not that of its own change, which the file system
    keeps. It keeps that of a further link, too, which package managers make to a file that two
    environments share: what arrived in a folder has changed that folder, a link elsewhere has not.

    Args:
        path: The file or folder.
        follow_links: Whether a symbolic link stands for what it points to.
        since: The earliest time that matters, in seconds of the clock: of what lies before, links
            are not looked into, which takes twenty times as long.

    Returns:
        Seconds of the clock.

    Raises:
        OSError: It is not there, or cannot be looked at.
        ValueError: The name is none that a file may have.
    """
    status = os.stat(path, follow_symlinks=follow_links)  # noqa: PTH116 - asked at every open
    changed = status.st_ctime
    if changed >= since and status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
        whole = os.path.realpath(path) if follow_links else os.path.abspath(path)  # noqa: PTH100
        changed = min(changed, os.stat(os.path.dirname(whole)).st_mtime)  # noqa: PTH116, PTH120
    return max(status.st_mtime, changed)


def open_regular(path: str | os.PathLike[str]) -> FileIO:
    """Open a regular file to read its bytes, without a buffer; a FIFO is not waited for.

    Args:
        path: The file, which a stranger may have named.

    Returns:
        The open file, which the caller closes.

    Raises:
        OSError: It is missing or cannot be opened, or the name is none that a file may have.
        IrregularFileError: It is a folder, a FIFO, a socket or a device.
    """
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to must not wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error)) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise IrregularFileError(_KINDS.get(stat.S_IFMT(mode), "no file"))
    return FileIO(descriptor)


def read_bounded(path: str | os.PathLike[str], limit: int = LIMIT_BYTES) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    A FIFO or a device is refused without waiting for it. ``-`` reads standard input.

    Args:
        path: File to read.
        limit: Largest size accepted, in bytes.

    Raises:
        ManifestError: The file is missing, unreadable, not regular, empty or too large.
    """
    name = printable(os.fspath(path))
    if name == "-":
        name = "standard input"
        content = _standard_input(limit + 1)
    else:
        try:
            file = open_regular(path)
        except FileNotFoundError:
            message = f"{name}: there is no such file."
            raise ManifestError(message) from None
        except OSError as error:
            message = f"{name}: cannot be opened: {error.strerror}."
            raise ManifestError(message) from None
        except IrregularFileError as kind:
            message = f"{name}: expected a manifest file, received {kind}."
            raise ManifestError(message) from None
        with BufferedReader(file) as buffered:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                message = (
                    f"{name}: expected at most {limit // 2**20} MiB, "
                    f"received {size / 2**20:,.0f} MiB."
                )
                raise ManifestError(message)
            try:
                content = buffered.read(limit + 1)
            except OSError as error:
                message = f"{name}: cannot be read: {error.strerror}."
                raise ManifestError(message) from None
    if len(content) > limit:
        message = f"{name}: expected at most {limit // 2**20} MiB, received more."
        raise ManifestError(message)
    if not content:
        message = f"{name}: is empty: there is nothing to read."
        raise ManifestError(message)
    return content


def _standard_input(most: int) -> bytes:
    if sys.stdin is None:
        message = "standard input: is closed. Expected a JSON object."
        raise ManifestError(message)
    try:
        return sys.stdin.buffer.read(most)
    except OSError as error:  # a folder, for one
        message = f"standard input: cannot be read: {error.strerror}."
        raise ManifestError(message) from None


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, whole.

    The content goes to a temporary file beside `path`, is flushed to the disk, and is
    renamed into place. On any failure the old file stays and the temporary file goes. A link
    stays a link: the file it points to is replaced.

    Raises:
        OutputError: The folder is missing or read-only, the disk is full, or what stands
            there is no regular file.
    """
    name = printable(os.fspath(path))
    try:
        path = Path(path).resolve()
        if path.exists() and not path.is_file():
            kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode), "no file")
            message = f"{name}: cannot be written: expected a file, there is {kind}."
            raise OutputError(message)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"{name}: cannot be written: {reason}."
        raise OutputError(message) from error
    # A name of its own: several may write at once, and the last one's file stays.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_WRITES)}.tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()  # of a process of the same number that was killed
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        message = f"{name}: cannot be written: {error.strerror}."
        raise OutputError(message) from error


class PathLock:
    """Keeps other processes from writing what this one writes to a path.

    A file beside it is locked, which the system unlocks when the process ends, in whatever way.

    Attributes:
        file: The file that is locked.
    """

    def __init__(self, path: Path) -> None:
        """Take note of a path; nothing is locked."""
        self._path = path
        self.file = path.with_name(f".{path.name}.lock")
        self._descriptor = -1

    def acquire(self) -> bool:
        """Lock the path.

        Returns:
            False where another process holds the lock; True where this one has it now, or the
            system has no such locks.

        Raises:
            OutputError: Nothing can be written beside it.
        """
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            return True
        while True:
            try:
                descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except OSError as error:
                name = printable(str(self._path))
                message = f"{name}: cannot be written: {error.strerror}."
                raise OutputError(message) from error
            try:
                # Of the open file: reading it elsewhere in this process gives nothing free.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in {errno.EACCES, errno.EAGAIN}:
                    os.close(descriptor)
                    return False
                # A file system without locks: there is nothing to ask.
            with contextlib.suppress(OSError):
                # Whoever had it may have taken the file away meanwhile.
                if not os.path.samestat(os.fstat(descriptor), self.file.stat()):
                    os.close(descriptor)
                    continue
            self._descriptor = descriptor
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            self._clear()
            return True

    def _clear(self) -> None:
        """Take away what was half written by a process that was killed."""
        for left in self._path.parent.glob(f".{glob.escape(self._path.name)}.*-*.tmp"):
            left.unlink(missing_ok=True)

    @property
    def holder(self) -> str:
        """Which process has locked the path, as a message says it."""
        with contextlib.suppress(OSError, ValueError):
            return f"process {int(self.file.read_bytes()[:20])}"
        return "another process"

    def forget(self) -> None:
        """Leave the path to the process that this one was forked from, which has locked it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def release(self) -> None:
        """Unlock the path. Unlocking it again does nothing."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self.file.unlink()
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Flush the rename itself, so that it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
