"""Open a PDF that a stranger made, within bounds, and write one so that its pages stay.

What qpdf, which pikepdf is built on, cannot read it takes for null and warns of. So a warning is
an error here: a table of attachments that was not read must not pass for an empty one.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from repro_audit.errors import PaperError, missing_extra, printable
from repro_audit.files import IrregularFileError, open_regular

if TYPE_CHECKING:
    import pikepdf

__all__ = ["LIMIT_BYTES", "is_pdf", "opened", "saved", "typed"]

LIMIT_BYTES = 2**30
"""The largest PDF that is read, in bytes."""

_HEAD_BYTES = 1024
_MAX_DECODED_BYTES = 16 * 2**20
"""The largest stream of objects, decoded; parsed, it may take seventy times as much."""

_MEMORY_BYTES = 2 * 2**30
_COPIES = 4
"""How many times a PDF and what is attached to it are in memory when it is written."""

_ALONE = threading.RLock()
"""Held while limits are set: two threads would restore each other's."""

_REPAIR = "Repair it first: qpdf PAPER.pdf REPAIRED.pdf"


def is_pdf(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a PDF: it says so in its first 1,024 bytes, as PDF readers ask.

    What cannot be read is none; whoever reads it next says why.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
    except (OSError, IrregularFileError):
        return False
    return b"%PDF-" in head and not head.lstrip().startswith((b"{", b"["))


@contextlib.contextmanager
def opened(path: str | os.PathLike[str], *, more_bytes: int = 0) -> Iterator[pikepdf.Pdf]:
    """Open a PDF and close it again; whatever goes wrong meanwhile is one clear error.

    Args:
        path: The PDF. It may be written by its other name while it is open.
        more_bytes: How much larger it may become.

    Yields:
        The PDF; changes to it are in memory alone until `saved` returns them.

    Raises:
        PaperError: It is no PDF, too large, encrypted with a password, or damaged.
        MissingExtraError: pikepdf is not installed.
    """
    name = printable(os.fspath(path))
    pikepdf = _pikepdf()
    # Of all that hostile structure can bring about, only what is listed is about the file.
    damage = (
        pikepdf.PdfError,
        *(AttributeError, KeyError, IndexError, OverflowError, RecursionError),
        *(RuntimeError, TypeError, ValueError),
    )
    with _opened_file(path, name) as (file, size), _bounded(_COPIES * (size + more_bytes)):
        try:
            with pikepdf.open(
                file,
                access_mode=pikepdf.AccessMode.mmap,
                attempt_recovery=False,
                inherit_page_attributes=False,
            ) as pdf:
                _ = pdf.Root
                yield pdf
                _check(pdf)
        except PaperError as error:
            # Messages about what is inside do not know where they are.
            message = str(error) if str(error).startswith(name) else f"{name}: {error}"
            raise PaperError(message) from None
        except pikepdf.PasswordError:
            message = f"{name}: is encrypted: remove the password first (qpdf --decrypt)."
            raise PaperError(message) from None
        except damage as error:
            message = f"{name}: is damaged: {_reason(error)}. {_REPAIR}"
            raise PaperError(message) from None
        except MemoryError:
            message = f"{name}: takes too much memory to read: it is damaged, or made to."
            raise PaperError(message) from None


def saved(pdf: pikepdf.Pdf) -> bytes:
    """Return a PDF as a file, the same bytes for the same content, no stream recoded.

    Raises:
        PaperError: A part of it cannot be read.
    """
    pikepdf = _pikepdf()
    file = io.BytesIO()
    with warnings.catch_warnings():
        # pikepdf tells of form fields that were beside the form before, and are so still.
        warnings.simplefilter("ignore")
        pdf.save(
            file,
            fix_metadata_version=False,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
            linearize=pdf.is_linearized,
            deterministic_id=True,
        )
    _check(pdf)
    return file.getvalue()


def typed(value: Any, kind: str, what: str) -> Any:
    """Return a PDF object that is of the kind it should be.

    Args:
        value: The object.
        kind: ``Array``, ``Dictionary``, ``Name``, ``Stream`` or ``String``.
        what: What messages call it.

    Returns:
        The object that was given.

    Raises:
        PaperError: It is of another kind, or missing.
    """
    if not isinstance(value, getattr(_pikepdf(), kind)):
        message = f"is damaged: {what} is no {kind.lower()}. {_REPAIR}"
        raise PaperError(message)
    return value


def _check(pdf: pikepdf.Pdf) -> None:
    """Refuse a PDF of which a part could not be read until now."""
    problems = pdf.get_warnings()
    if problems:
        message = f"is damaged: {_reason(problems[0])}. {_REPAIR}"
        raise PaperError(message)


def _reason(problem: object) -> str:
    """Return what qpdf says is wrong, without how it calls the file."""
    text = str(problem).rpartition(">")[2].rpartition("): ")[2].lstrip(": ")
    return printable(text)[:160].rstrip(".") or type(problem).__name__


def _pikepdf() -> Any:
    try:
        import pikepdf
        from pikepdf.settings import set_qpdf_limits  # noqa: F401 - older ones have none
    except ImportError:
        error = missing_extra("A PDF")
        raise error from None
    return pikepdf


@contextlib.contextmanager
def _opened_file(path: str | os.PathLike[str], name: str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file of a size that is read."""
    other = f"{name}: expected a PDF, received something else."
    try:
        file = open_regular(path)
    except OSError as error:
        message = f"{name}: cannot be opened: {error.strerror}."
        raise PaperError(message) from None
    except IrregularFileError:
        raise PaperError(other) from None
    with io.BufferedReader(file) as buffered:
        size = os.fstat(file.fileno()).st_size
        if b"%PDF-" not in buffered.read(_HEAD_BYTES):
            raise PaperError(other)
        if size > LIMIT_BYTES:
            message = (
                f"{name}: expected a PDF of at most {LIMIT_BYTES // 2**20:,} MiB, "
                f"received {size / 2**20:,.0f} MiB."
            )
            raise PaperError(message)
        buffered.seek(0)
        yield buffered, size


@contextlib.contextmanager
def _bounded(more_memory: int) -> Iterator[None]:
    """Let qpdf take so much memory and no more; both limits are the whole process's."""
    from pikepdf.settings import set_qpdf_limits

    with contextlib.ExitStack() as stack:
        stack.enter_context(_ALONE)
        previous: Any = set_qpdf_limits(flate_max_memory=_MAX_DECODED_BYTES)
        stack.callback(set_qpdf_limits, **previous)
        # qpdf has no limit for objects that are large once parsed.
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            limit = _taken_bytes() + _MEMORY_BYTES + more_memory
            if soft == resource.RLIM_INFINITY or limit < soft:
                resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
                stack.callback(resource.setrlimit, resource.RLIMIT_AS, (soft, hard))
        yield


def _taken_bytes() -> int:
    """Return how much address space this process has, where the system tells."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
