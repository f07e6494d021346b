"""The table of attachments in a PDF: what stands in it, which of that is ours, what it holds."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from repro_audit.errors import PaperError, shown
from repro_audit.publish.names import is_safe
from repro_audit.publish.pdf import typed

if TYPE_CHECKING:
    import pikepdf

__all__ = ["MARKS", "MAX_ATTACHMENTS", "content_of", "entries", "is_ours", "name_of", "too_many"]

MARKS = {".json": "repro-audit manifest", ".trace": "repro-audit trace"}
"""The descriptions by which attachments are ours."""

MAX_ATTACHMENTS = 1000
"""The most attachments of anybody's that a PDF may have."""

_MAX_NODES = 10_000
_CHUNK_BYTES = 2**20


def entries(pdf: pikepdf.Pdf) -> list[tuple[bytes, Any]]:
    """Return the document's attachments: their keys and file specifications, in order.

    Returns:
        Keys as bytes and file specifications as objects of pikepdf; empty where the document has no
        table.

    Raises:
        PaperError: The table is damaged, goes in a circle, or is too large.
    """
    names = pdf.Root.get("/Names")
    table = None if names is None else typed(names, "Dictionary", "/Names").get("/EmbeddedFiles")
    found: list[tuple[bytes, Any]] = []
    if table is None:
        return found
    nodes, seen, count = [table], set(), 0
    while nodes:
        node = typed(nodes.pop(), "Dictionary", "a part of the table of attachments")
        count += 1
        if (node.is_indirect and node.objgen in seen) or count > _MAX_NODES:
            message = "is damaged: its table of attachments goes in a circle or is too large."
            raise PaperError(message)
        seen.add(node.objgen)
        found.extend(_leaf(node, MAX_ATTACHMENTS - len(found)))
        kids = node.get("/Kids")
        if kids is not None:
            kids = typed(kids, "Array", "/Kids")
            if len(kids) > _MAX_NODES:
                message = "is damaged: its table of attachments is too large."
                raise PaperError(message)
            nodes.extend(reversed(list(kids)))
    return found


def _leaf(node: Any, most: int) -> Iterator[tuple[bytes, Any]]:
    """Yield the entries that stand in one part of the table."""
    names = node.get("/Names")
    if names is None:
        return
    names = typed(names, "Array", "/Names of the table of attachments")
    if len(names) > 2 * most:
        raise too_many()
    for index in range(0, len(names) - 1, 2):
        key = typed(names[index], "String", "the key of an attachment")
        yield bytes(key), typed(names[index + 1], "Dictionary", "an attachment")


def too_many() -> PaperError:
    """Return the error for more attachments than a PDF may have."""
    return PaperError(f"expected at most {MAX_ATTACHMENTS:,} attachments, received more.")


def is_ours(spec: Any) -> bool:
    """Whether `attach` wrote a file specification."""
    return _text(spec.get("/Desc")) in MARKS.values()


def _text(value: Any) -> str:
    """Return the text of a string object, or nothing."""
    import pikepdf

    return str(value) if isinstance(value, pikepdf.String) else ""


def name_of(spec: Any) -> str:
    """Return the name of an attachment of ours.

    Raises:
        PaperError: `attach` would not have given it.
    """
    name = _text(spec.get("/UF"))
    if name != _text(spec.get("/F")) and "/F" in spec:
        message = f"its attachment {shown(name)} has two names. Ask its author to attach it anew."
        raise PaperError(message)
    if not is_safe(name):
        message = (
            f"its attachment {shown(name)} has a name that attach does not give. "
            "Expected a plain file name that ends in .json or .trace."
        )
        raise PaperError(message)
    return name


def content_of(spec: Any, name: str) -> Iterator[bytes]:
    """Yield the content of an attachment in pieces, none of them large."""
    what = f"its attachment {shown(name)}"
    files = typed(spec.get("/EF"), "Dictionary", what)
    stream = typed(files.get("/UF", files.get("/F")), "Stream", what)
    if any(files[key].objgen != stream.objgen for key in ("/F", "/UF") if key in files):
        message = f"{what} has two contents. Ask its author to attach it anew."
        raise PaperError(message)
    packing = stream.get("/Filter")
    kinds = [] if packing is None else [str(kind) for kind in _as_list(packing)]
    if "/F" in stream or "/DecodeParms" in stream or kinds not in ([], ["/FlateDecode"]):
        message = f"{what} is packed as attach does not pack. Ask its author to attach it anew."
        raise PaperError(message)
    raw = memoryview(stream.get_raw_stream_buffer())
    pieces = (bytes(raw[at : at + _CHUNK_BYTES]) for at in range(0, len(raw), _CHUNK_BYTES))
    try:
        yield from _inflated(pieces) if kinds else pieces
    except zlib.error:
        message = f"is damaged: {what} cannot be unpacked."
        raise PaperError(message) from None


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what was deflated, in pieces that are bounded however much it grows."""
    inflater = zlib.decompressobj()
    for piece in pieces:
        rest = piece
        while rest and not inflater.eof:
            yield inflater.decompress(rest, _CHUNK_BYTES)
            rest = inflater.unconsumed_tail
    while content := inflater.decompress(b"", _CHUNK_BYTES):
        yield content
    if not inflater.eof:
        message = "cut off"
        raise zlib.error(message)


def _as_list(value: Any) -> list[Any]:
    import pikepdf

    return list(value) if isinstance(value, pikepdf.Array) else [value]
