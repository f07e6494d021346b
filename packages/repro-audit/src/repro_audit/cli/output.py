"""Write a result: to a file as a whole, or to standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from repro_audit.files import replace_file

__all__ = ["ReaderGoneError", "write_output"]


class ReaderGoneError(Exception):
    """Whoever read standard output has closed it."""


def write_output(text: str, output: str) -> None:
    """Write a result to a file, replaced as a whole, or to standard output.

    Raises:
        OutputError: The file cannot be written; an old one stays.
        ReaderGoneError: Standard output is a pipe that nobody reads any more.
    """
    if output != "-":
        replace_file(Path(output), text.encode())
        return
    # The bytes go out as UTF-8, whatever the locale says the terminal can show.
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error
