"""Tell what a file is by its content, and read it if it is a log."""

from __future__ import annotations

import codecs
from pathlib import PurePath

from repro_audit.logs.events import EventCurves, joined
from repro_audit.logs.json_shapes import read_shapes
from repro_audit.logs.kinds import HEAD_BYTES, what_else
from repro_audit.logs.log import Log, refuse
from repro_audit.logs.records import starts_as_records
from repro_audit.logs.rows import are_json_lines, lines_of, read_csv, read_json_lines

__all__ = ["read_log"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, as some editors and shells put them before a text."""

_JSON_BEGINS = "{["
_MAX_JSON_BYTES = 32 * 2**20


def read_log(content: bytes, name: str) -> Log:
    """Return what a log says.

    Args:
        content: The file's bytes.
        name: What messages call the file.

    Raises:
        ManifestError: It is something else, or damaged.
    """
    other = what_else(content, name)
    if other is not None:
        refuse(name, other)
    if starts_as_records(content):
        return _read_events(content, name)
    encoding = next((found for mark, found in _MARKS if content.startswith(mark)), "utf-8")
    begin = content[:HEAD_BYTES].decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if begin and begin[0] not in _JSON_BEGINS and PurePath(name).suffix != ".json":
        return read_csv(lines_of(content, encoding, name), name)
    if are_json_lines(content, encoding):
        return read_json_lines(lines_of(content, encoding, name), name)
    if len(content) > _MAX_JSON_BYTES:
        size = f"{len(content) / 2**20:,.0f} MiB"
        refuse(name, f"is JSON of {size}. Expected a history, which takes less than 32 MiB.")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        called = encoding.removesuffix("-sig").upper()
        refuse(name, f"expected {called}, received other bytes at offset {error.start:,}.")
    return read_shapes(text, name)


def _read_events(content: bytes, name: str) -> Log:
    """Return the log of a single event file."""
    folder = PurePath(name).parent.name
    part = EventCurves(name, folder if folder in {"train", "validation"} else "")
    part.read(content, name)
    log = joined([part])
    what = "is an event file without a scalar"
    return log or refuse(name, f"{what}. Give the folder that the TensorBoard callback writes to.")
