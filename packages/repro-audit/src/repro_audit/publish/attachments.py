"""Put manifests and traces into a PDF as associated files, and get them out again.

Each is an embedded file of the document, in its table of attachments and among its associated
files (PDF 2.0, section 14.13; PDF/A-3). Its description marks it as ours: other attachments are
neither read nor changed.
"""

from __future__ import annotations

import filecmp
import os
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from repro_audit.errors import OutputError, PaperError, printable, shown
from repro_audit.files import replace_file
from repro_audit.publish.pdf import LIMIT_BYTES, opened, saved, typed
from repro_audit.publish.selection import (
    MAX_MANIFEST_BYTES,
    MAX_OURS,
    MAX_TRACE_BYTES,
    Attachment,
)
from repro_audit.publish.table import (
    MARKS,
    MAX_ATTACHMENTS,
    content_of,
    entries,
    is_ours,
    name_of,
    too_many,
)

if TYPE_CHECKING:
    import pikepdf

__all__ = ["Unpacked", "attach", "extract", "unpack"]

_TYPES = {".json": "/application/json", ".trace": "/application/octet-stream"}
_MAX_BYTES = {".json": MAX_MANIFEST_BYTES, ".trace": MAX_TRACE_BYTES}


class Unpacked(NamedTuple):
    """A file of ours that a PDF held.

    Attributes:
        name: What it is called there; flat, distinct and safe.
        path: Where its content lies now, under a name of ours.
    """

    name: str
    path: Path


def attach(path: str | os.PathLike[str], attachments: Sequence[Attachment]) -> bytes:
    """Return a PDF with files attached, in place of those that an earlier call attached.

    Pages, and what else is attached, stay as they are. Nothing of the result depends on time.

    Args:
        path: The PDF.
        attachments: What `gather` chose.

    Raises:
        PaperError: The PDF cannot be read, is encrypted or signed, or the result is too large.
        MissingExtraError: pikepdf is not installed.
    """
    name = printable(os.fspath(path))
    with opened(path, more_bytes=sum(len(file.content) for file in attachments)) as pdf:
        _check_changeable(pdf)
        others = [entry for entry in entries(pdf) if not is_ours(entry[1])]
        if len(others) + len(attachments) > MAX_ATTACHMENTS:
            raise too_many()
        _replace(pdf, others, [_spec(pdf, attachment) for attachment in attachments])
        result = saved(pdf)
    if len(result) > LIMIT_BYTES:
        message = f"{name}: with the files attached it would pass {LIMIT_BYTES // 2**20:,} MiB."
        raise PaperError(message)
    return result


def unpack(path: str | os.PathLike[str], folder: Path) -> list[Unpacked]:
    """Write the files of ours that a PDF holds to a folder, under names of ours.

    The trace of a manifest comes to lie beside it, as `repro_audit.trace.find_trace` asks.

    Args:
        path: The PDF.
        folder: An empty folder that nobody else writes to.

    Returns:
        The files, in the order in which they were attached.

    Raises:
        PaperError: The PDF cannot be read, holds nothing of ours, or holds it in a way in which
            `attach` does not write.
        MissingExtraError: pikepdf is not installed.
    """
    name = printable(os.fspath(path))
    with opened(path) as pdf:
        specs = [spec for _, spec in entries(pdf) if is_ours(spec)]
        names = [name_of(spec) for spec in specs]
        _check_names(names)
        left = dict(_MAX_BYTES)
        unpacked = []
        numbers: dict[str, int] = {}
        for spec, own in zip(specs, names, strict=True):
            stem, suffix = Path(own).stem, Path(own).suffix
            number = numbers.setdefault(stem, len(numbers))
            target = folder / f"{number:02}{suffix}"
            left[suffix] -= _write(spec, own, target, left[suffix])
            unpacked.append(Unpacked(own, target))
    if not any(own.endswith(".json") for own in names):
        attach_one = f"repro-audit attach {name} manifest.json -o OUT.pdf"
        message = f"{name}: holds no manifest. Attach one: {attach_one}"
        raise PaperError(message)
    return unpacked


def extract(path: str | os.PathLike[str], directory: Path) -> list[Path]:
    """Write the files of ours that a PDF holds to a directory, which is made where missing.

    Either all are written or none. A file that is there already stays, and must be the same.

    Returns:
        The files, in the order in which they were attached.

    Raises:
        PaperError: As `unpack`.
        OutputError: The directory cannot be written, or holds something else of such a name.
    """
    with tempfile.TemporaryDirectory(prefix="repro-audit-") as folder:
        unpacked = unpack(path, Path(folder))
        targets = [directory / file.name for file in unpacked]
        missing = [
            not _is_there(file.path, target) for file, target in zip(unpacked, targets, strict=True)
        ]
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{printable(str(directory))}: cannot be made: {error.strerror}."
            raise OutputError(message) from None
        for file, target, wanted in zip(unpacked, targets, missing, strict=True):
            if wanted:
                replace_file(target, file.path.read_bytes())
    return targets


def _is_there(source: Path, target: Path) -> bool:
    """Whether the target has the source's content already.

    Raises:
        OutputError: There is something else.
    """
    if not os.path.lexists(target):
        return False
    if target.is_symlink() or not target.is_file():
        problem = "is there already, and is no regular file"
    else:
        try:
            if filecmp.cmp(source, target, shallow=False):
                return True
            problem = "is there already, with other content"
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
    message = f"{printable(str(target))}: {problem}. Name another folder with --directory."
    raise OutputError(message)


def _check_names(names: Sequence[str]) -> None:
    """Refuse too many, and names that could be one name on a disk."""
    if len(names) > MAX_OURS:
        message = f"expected at most {MAX_OURS} files of repro-audit, received {len(names):,}."
        raise PaperError(message)
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            message = f"two of its attachments are called {shown(name)}."
            raise PaperError(message)
        seen.add(name.casefold())


def _write(spec: Any, name: str, target: Path, most: int) -> int:
    """Write the content of an attachment to a file, in pieces; return how much it is."""
    size = 0
    try:
        with target.open("xb") as file:
            for piece in content_of(spec, name):
                size += len(piece)
                if size > most:
                    most_mib = _MAX_BYTES[target.suffix] // 2**20
                    message = (
                        f"its attachment {shown(name)} is too large: "
                        f"expected at most {most_mib:,} MiB in all."
                    )
                    raise PaperError(message)
                file.write(piece)
    except OSError as error:
        message = f"{printable(str(target))}: cannot be written: {error.strerror}."
        raise OutputError(message) from None
    return size


def _check_changeable(pdf: pikepdf.Pdf) -> None:
    """Refuse a PDF that would lose something if it were written anew."""
    if pdf.is_encrypted:
        message = "is encrypted: remove the encryption first (qpdf --decrypt)."
        raise PaperError(message)
    form = pdf.Root.get("/AcroForm")
    if "/Perms" in pdf.Root or (form is not None and _has_signatures(form)):
        message = (
            "is signed, or has a place for a signature, which attaching would break. "
            "Attach to the paper first, and sign the result."
        )
        raise PaperError(message)


def _has_signatures(form: Any) -> bool:
    """Whether a form says that it has signatures, or has a field for one."""
    form = typed(form, "Dictionary", "/AcroForm")
    if form.get("/SigFlags", 0) != 0:
        return True
    fields = list(form.get("/Fields", []))
    seen = set()
    while fields:
        field = typed(fields.pop(), "Dictionary", "a field of its form")
        if field.get("/FT") == "/Sig":
            return True
        if not field.is_indirect or field.objgen not in seen:
            seen.add(field.objgen)
            fields.extend(field.get("/Kids", []))
    return False


def _spec(pdf: pikepdf.Pdf, attachment: Attachment) -> Any:
    """Return a new file specification with the content of a file."""
    from pikepdf import Dictionary, Name, String

    suffix = Path(attachment.name).suffix
    stream = pdf.make_stream(b"")
    # Packed here, so that it can be unpacked in pieces whatever pikepdf would choose.
    stream.write(zlib.compress(attachment.content), filter=Name.FlateDecode)
    stream.Type = Name.EmbeddedFile
    stream.Subtype = Name(_TYPES[suffix])
    stream.Params = Dictionary(Size=len(attachment.content))
    name = String(attachment.name)
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Filespec,
            F=name,
            UF=name,
            Desc=String(MARKS[suffix]),
            AFRelationship=Name.Data,
            EF=Dictionary(F=stream, UF=stream),
        )
    )


def _replace(pdf: pikepdf.Pdf, others: list[tuple[bytes, Any]], ours: list[Any]) -> None:
    """Make these the document's attachments, ours in place of ours before."""
    from pikepdf import Array, Dictionary, String

    taken = {key for key, _ in others}
    for number, spec in enumerate(ours):
        # The table is sorted by key: the number keeps the order given.
        key = f"repro-audit-{number:02}".encode()
        while key in taken:
            key += b"-"
        others.append((key, spec))
    table = []
    for key, spec in sorted(others, key=lambda entry: entry[0]):
        table += [String(key), spec]
    if "/Names" not in pdf.Root:
        pdf.Root.Names = Dictionary()
    pdf.Root.Names.EmbeddedFiles = pdf.make_indirect(Dictionary(Names=Array(table)))
    associated = typed(pdf.Root.get("/AF", Array()), "Array", "/AF")
    files = [typed(other, "Dictionary", "a part of /AF") for other in associated]
    pdf.Root.AF = Array([file for file in files if not is_ours(file)] + ours)
