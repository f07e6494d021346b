"""Logs of one row a line: CSV with any delimiter, and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from repro_audit.errors import ManifestError
from repro_audit.logs.kinds import LOGS
from repro_audit.logs.log import Curves, Log, log_of, refuse
from repro_audit.logs.numbers import NO_NUMBER, number_of
from repro_audit.strict_json import read_json

__all__ = ["are_json_lines", "lines_of", "read_csv", "read_json_lines"]

_MAX_LINE = 2**20
_MAX_COLUMNS = 10_000
_DELIMITERS = ",;\t|: "
"""Delimiters that are looked for where the first column does not tell; a CSVLogger takes any."""


def lines_of(content: bytes, encoding: str, name: str) -> Iterator[str]:
    """Yield the lines of a file one by one: as a whole its text may take four times its bytes.

    Args:
        content: The file's bytes.
        encoding: How they are to be read.
        name: What messages call the file.

    Raises:
        ManifestError: They are not text of that encoding, or a line is too long.
    """
    text = io.TextIOWrapper(io.BytesIO(content), encoding, newline="")
    try:
        while line := text.readline(_MAX_LINE + 1):
            if len(line) > _MAX_LINE:
                refuse(name, f"has a line of more than {_MAX_LINE:,} characters, which no log has.")
            if "\0" in line:
                refuse(name, f"is no text: it holds a zero byte. Expected a manifest, or {LOGS}.")
            yield line
    except UnicodeDecodeError as error:
        called = encoding.removesuffix("-sig").upper()
        refuse(name, f"expected {called}, received other bytes: {error.reason}.")


def are_json_lines(content: bytes, encoding: str) -> bool:
    """Whether a file has a JSON object on its first line, and something after it.

    Args:
        content: The file's bytes.
        encoding: How they are to be read.
    """
    text = io.TextIOWrapper(io.BytesIO(content), encoding)
    try:
        lines = (line for line in iter(lambda: text.readline(_MAX_LINE), "") if line.strip())
        return isinstance(json.loads(next(lines, "")), dict) and next(lines, "") != ""
    except (ValueError, RecursionError):
        return False


def read_json_lines(lines: Iterable[str], name: str) -> Log:
    """Return the log that has an object of values on each line.

    A run that was killed leaves its last line in part: what stands before it is read.

    Args:
        lines: The lines.
        name: What messages call the file.

    Raises:
        ManifestError: A line is no object, or none has a number.
    """
    curves, broken = Curves(name), ""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if broken:
            refuse(name, broken)
        try:
            row = read_json(line.strip(), f"line {number:,}", with_nan=True)
        except ManifestError as error:
            broken = str(error)
            continue
        if not isinstance(row, dict):
            refuse(name, f"line {number:,}: expected an object.")
        curves.add_row(row)
    fits = curves.fits()
    if not fits:
        refuse(name, f"holds no curve: no line has a number by a name. Expected {LOGS}.")
    notes = ("it breaks off within its last line, which is left out",) if broken else ()
    return log_of("JSON Lines", fits, curves.ignored, notes=notes)


def read_csv(lines: Iterator[str], name: str) -> Log:
    """Return the log in a table: a line of names, then one of values for each epoch.

    Args:
        lines: The lines.
        name: What messages call the file.

    Raises:
        ManifestError: It is no such table.
    """
    head = next((line for line in lines if line.strip()), "")
    first = next((line for line in lines if line.strip()), "")
    delimiter = _delimiter(head, first)
    try:
        (names,) = csv.reader([head], delimiter=delimiter)
        rows = csv.reader(_chained(first, lines), delimiter=delimiter)
        return _table(names, rows, name)
    except (csv.Error, ValueError) as error:
        if isinstance(error, ManifestError):
            raise
        refuse(name, f"is no table of values: {error}. Expected a manifest, or a log: {LOGS}.")


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _delimiter(head: str, first: str) -> str:
    """Return what stands between two values."""
    for begin in ('"epoch"', "epoch"):
        if head.startswith(begin) and head[len(begin) :].strip("\r\n"):
            return head[len(begin)]
    for delimiter in _DELIMITERS:
        if delimiter in head and head.count(delimiter) == first.count(delimiter):
            return delimiter
    return ","


def _table(names: list[str], rows: Iterable[list[str]], name: str) -> Log:
    """Return the log of a table, row by row."""
    names = [column.strip() for column in names]
    if len(names) > _MAX_COLUMNS:
        refuse(name, f"has more than {_MAX_COLUMNS:,} columns, which no log has.")
    if len({*names}) < len(names) or any(_is_number(column) for column in names):
        refuse(name, f"has no line of names. Expected a manifest, or a log: {LOGS}.")
    curves, broken = Curves(name), 0
    for number, row in enumerate(rows, start=2):
        if not row or [value.strip() for value in row] == names:
            continue  # an empty line; the names once more, of a run that was appended
        if broken:
            refuse(
                name,
                f"row {number - 1:,}: expected {len(names):,} values, received {broken:,}. "
                f"Expected a manifest, or a log: {LOGS}.",
            )
        if len(row) != len(names):
            broken = len(row)
            continue
        curves.add_row(dict(zip(names, row, strict=True)))
    fits = curves.fits()
    if not fits:
        refuse(name, f"holds no curve. Expected a manifest, or a log: {LOGS}.")
    notes = ("it breaks off within its last row, which is left out",) if broken else ()
    kind = "CSVLogger" if names[0] == "epoch" else "CSV"
    return log_of(kind, fits, curves.ignored, notes=notes)


def _is_number(text: str) -> bool:
    number = number_of(text)
    return number is not NO_NUMBER and number is not None
