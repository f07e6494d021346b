"""The records of what a program read from outside: a manifest's condition `read`.

See `repro_audit.manifest.records` for how records are made.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Read", "ReadFile"]


class ReadFile(NamedTuple):
    """A file as it was when the program read it first."""

    digest: str | None
    bytes: int


class Read(NamedTuple):
    """The environment variables that a program asked for, and the files that it read."""

    variables: dict[str, str | None]
    files: dict[str, ReadFile]
