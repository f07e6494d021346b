"""Everything that can go wrong, and how a message quotes a value it does not trust.

The tree::

    ReproAuditError
    ├── SchemaError        a schema was asked for that does not exist
    ├── ManifestError      a manifest cannot be read or is not valid (also a ValueError)
    ├── TraceError         a trace cannot be read or is not its manifest's (also a ValueError)
    ├── EvidenceError      a claim was asked for that the evidence does not bear
    ├── CaptureError       a run cannot be recorded or controlled (also a RuntimeError)
    ├── RunError           a process that the tool starts cannot be started or followed
    ├── OutputError        a result cannot be written
    ├── PaperError         a PDF cannot be read or written as asked (also a ValueError)
    └── MissingExtraError  an optional dependency is not installed

    RecordingWarning       one thing could not be recorded; training goes on (a UserWarning)

A difference between runs is a result, never an exception.
"""

from __future__ import annotations

from typing import Any

from repro_audit.installing import RELEASED, install_command

__all__ = [
    "CaptureError",
    "EvidenceError",
    "ManifestError",
    "MissingExtraError",
    "OutputError",
    "PaperError",
    "RecordingWarning",
    "ReproAuditError",
    "RunError",
    "SchemaError",
    "TraceError",
    "how_to_install",
    "missing_extra",
    "printable",
    "quoted",
    "shown",
]


class ReproAuditError(Exception):
    """The base of every error this package raises."""


class SchemaError(ReproAuditError):
    """A schema was asked for that does not exist."""


class ManifestError(ReproAuditError, ValueError):
    """A manifest cannot be read, is not valid, or does not match its digest."""


class OtherDocumentError(ManifestError):
    """A file is one of ours and no manifest that is read: the document that it holds is kept."""

    def __init__(self, document: dict[str, Any], message: str) -> None:
        """Keep the document."""
        super().__init__(message)
        self.document = document


class TraceError(ReproAuditError, ValueError):
    """A trace cannot be read, is not valid, or is not the one its manifest tells of."""


class EvidenceError(ReproAuditError):
    """A claim was asked for that the evidence does not bear."""


class CaptureError(ReproAuditError, RuntimeError):
    """A run cannot be recorded or controlled as asked."""


class RunError(ReproAuditError):
    """A process that the tool starts cannot be started or followed."""


class OutputError(ReproAuditError):
    """A result cannot be written to where it should go."""


class PaperError(ReproAuditError, ValueError):
    """A PDF cannot be read or written as asked."""


class MissingExtraError(ReproAuditError):
    """What was asked for needs an optional dependency that is not installed."""


class RecordingWarning(UserWarning):
    """One thing could not be recorded. The manifest says so, and training goes on."""


def missing_extra(what: str, extra: str = "paper") -> MissingExtraError:
    """Return the error for something that only ``repro-audit[EXTRA]`` can do.

    Args:
        what: What was asked for: "an HTML report".
        extra: What brings it.
    """
    return MissingExtraError(f"{what} needs more than is installed. {how_to_install(extra)}")


def how_to_install(extra: str, *, released: bool = RELEASED) -> str:
    """Return the sentence that tells how to install this package with an extra.

    Args:
        extra: The extra.
        released: Whether it can be had by name.

    >>> how_to_install("keras")
    'Install it in a checkout: pip install ./schemas "./packages/repro-audit[keras]"'
    """
    where = "" if released else " in a checkout"
    return f"Install it{where}: {install_command(extra, released=released)}"


def printable(text: str) -> str:
    """Return `text` with everything that could steer a terminal written as an escape.

    Control characters, the invisible format characters that reorder or hide text, and spaces
    that are not the space become ``\\x1b``-style escapes. So do newlines and tabs: what is
    quoted stays on its line.

    >>> printable("a\\x1b[31mb\\xa0c")
    'a\\\\x1b[31mb\\\\xa0c'
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def shown(value: object, limit: int = 60) -> str:
    """Return `value` as a message quotes it: one line, no control characters, shortened.

    >>> shown("x" * 100, limit=10)
    "'xxxxxxxxxx…' (100 characters)"
    >>> shown([1, 2, 3])
    'array of 3'
    """
    return printable(quoted(value, limit))


def quoted(value: object, limit: int = 60) -> str:
    """Return `value` as a sentence names it: one of one line, shortened, its text as it is.

    >>> quoted("it\\x1b")
    "'it\\x1b'"
    """
    if isinstance(value, str):
        if len(value) > limit:
            return f"'{value[:limit]}…' ({len(value):,} characters)"
        return f"'{value}'"
    if isinstance(value, dict):
        return f"object of {len(value)}"
    if isinstance(value, list | tuple):
        return f"array of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)[:limit]
