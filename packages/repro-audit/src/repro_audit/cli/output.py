"""Write a result: to a file as a whole, or to standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from repro_audit.errors import OutputError, printable
from repro_audit.files import replace_file

__all__ = ["ReaderGoneError", "check_output", "write_output"]


class ReaderGoneError(Exception):
    """Whoever read standard output has closed it."""


def check_output(output: str, inputs: Iterable[str]) -> None:
    """Refuse to write a result where something lies that it is made from.

    Args:
        output: Where it is to go; ``-`` is standard output.
        inputs: Files that the command reads. What lies beside one as its trace counts as well.

    Raises:
        OutputError: It would take the place of one of them.
    """
    if output == "-":
        return
    from repro_audit.trace import trace_path

    for file in inputs:
        for path in (Path(file), trace_path(Path(file))):
            if file != "-" and _is_same(Path(output), path):
                message = (
                    f"{printable(output)}: this command reads {printable(str(path))}, which would "
                    "be lost. Name another file with --output."
                )
                raise OutputError(message)


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file."""
    try:
        return one.samefile(other)
    except OSError:
        return False


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
