"""Read a file that may be hostile, and replace a file so that it is never half written."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

from repro_audit.errors import ManifestError, OutputError, printable

__all__ = ["LIMIT_BYTES", "read_bounded", "replace_file"]

LIMIT_BYTES = 64 * 1024 * 1024
"""The largest manifest that is read, in bytes."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


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
        content = sys.stdin.buffer.read(limit + 1)
        name = "standard input"
    else:
        try:
            # O_NONBLOCK: opening a FIFO that nobody writes to must not wait.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            message = f"{name}: there is no such file."
            raise ManifestError(message) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            message = f"{name}: cannot be opened: {reason}."
            raise ManifestError(message) from None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no file")
            message = f"{name}: expected a manifest file, received {kind}."
            raise ManifestError(message)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no Path
            if status.st_size > limit:
                message = (
                    f"{name}: expected at most {limit // 2**20} MiB, "
                    f"received {status.st_size / 2**20:,.0f} MiB."
                )
                raise ManifestError(message)
            try:
                content = file.read(limit + 1)
            except OSError as error:
                message = f"{name}: cannot be read: {error.strerror}."
                raise ManifestError(message) from None
    if len(content) > limit:
        message = f"{name}: expected at most {limit // 2**20} MiB, received more."
        raise ManifestError(message)
    if not content:
        message = f"{name}: is empty. Expected a JSON object."
        raise ManifestError(message)
    return content


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
    # One name for all: what a killed process left behind is overwritten by the next.
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
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


def _sync_folder(folder: Path) -> None:
    """Flush the rename itself, so that it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
