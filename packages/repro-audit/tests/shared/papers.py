"""PDFs: papers with pages as an author makes them, and ones made to do harm, byte by byte."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def drawn(path: Path, pages: int = 2) -> Path:
    """Write a paper with a curve on every page."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages
    from matplotlib.figure import Figure

    with PdfPages(path, metadata={"CreationDate": None, "Producer": None}) as pdf:
        for page in range(pages):
            figure = Figure(figsize=(3, 3))
            FigureCanvasPdf(figure)
            axes = figure.subplots()
            axes.plot([1, 3, 2 + page])
            axes.set_title(f"Page {page}")
            pdf.savefig(figure)
    return path


def pictures(path: Path) -> list[bytes]:
    """Return each page of a PDF as its pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pypdfium2

    pdf = pypdfium2.PdfDocument(path)
    shown = []
    for page in pdf:
        bitmap = page.render(scale=1)
        shown.append(bytes(bitmap.buffer))
        bitmap.close()
        page.close()
    pdf.close()
    return shown


def changed(path: Path, change: Callable[[Any], None], **options: Any) -> Path:
    """Change a PDF by pikepdf."""
    import pikepdf

    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        change(pdf)
        pdf.save(path, **options)
    return path


def add(
    pdf: Any,
    name: str,
    content: bytes | None = b"{}",
    *,
    mark: str = "repro-audit manifest",
    key: str | None = None,
    raw: bytes = b"",
    **fields: Any,
) -> Any:
    """Attach something under any name, with `raw` and its filter in place of content."""
    from pikepdf import Dictionary, Name, String

    stream = pdf.make_stream(raw if content is None else content, **fields)
    spec = Dictionary(Type=Name.Filespec, UF=String(name), Desc=mark, EF=Dictionary(F=stream))
    if "/Names" not in pdf.Root:
        pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=[]))
    table = pdf.Root.Names.EmbeddedFiles.Names
    table.append(String(f"{len(table):06}" if key is None else key))
    table.append(pdf.make_indirect(spec))
    return spec


def bomb(size: int) -> bytes:
    """Return what inflates to so many spaces, a multiple of a mebibyte, at no cost."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    low, high = 1 + 32 * size, size + 32 * size * (size + 1) // 2
    check = (high % 65521 << 16 | low % 65521).to_bytes(4, "big")
    return b"\x78\xda" + block * (size // 2**20) + b"\x03\x00" + check


def packed_structure(content: bytes) -> bytes:
    """Return a PDF whose /Names is an object in a deflated object stream."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R/Names 3 0 R>>",
        2: b"<</Type/Pages/Kids[]/Count 0>>",
        4: b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n%b\nendstream"
        % (len(content), content),
    }
    file, places = _objects(objects)
    rows = [(0, 0), (1, places[1]), (1, places[2]), (2, 4), (1, places[4]), (1, len(file))]
    table = b"".join(bytes([kind]) + at.to_bytes(4, "big") + b"\0\0" for kind, at in rows)
    return file + _last(b"/Size 6/Length %d" % len(table), table, len(file))


def packed_table(content: bytes, rows: int) -> bytes:
    """Return a PDF whose cross-reference table is deflated."""
    file, _ = _objects({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[]/Count 0>>"})
    fields = b"/Size %d/Filter/FlateDecode/Length %d" % (rows, len(content))
    return file + _last(fields, content, len(file))


def _objects(objects: dict[int, bytes]) -> tuple[bytes, dict[int, int]]:
    file, places = b"%PDF-1.7\n", {}
    for number, content in objects.items():
        places[number] = len(file)
        file += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    return file, places


def _last(fields: bytes, content: bytes, place: int) -> bytes:
    head = b"<</Type/XRef/W[1 4 2]/Root 1 0 R" + fields + b">>"
    stream = b"5 0 obj\n%b\nstream\n%b\nendstream\nendobj\n" % (head, content)
    return stream + b"startxref\n%d\n%%%%EOF\n" % place


def plain(parts: Iterable[bytes]) -> bytes:
    """Return a PDF of these objects, numbered from 1, the first of them the catalog."""
    file, places = _objects(dict(enumerate(parts, start=1)))
    table = b"".join(b"%010d 00000 n \n" % place for place in places.values())
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    tail = b"trailer<</Size %d/Root 1 0 R>>\n" % (len(places) + 1)
    return file + head + table + tail + b"startxref\n%d\n%%%%EOF\n" % len(file)
