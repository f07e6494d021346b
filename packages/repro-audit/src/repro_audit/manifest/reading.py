"""Read a manifest that a stranger wrote.

Nothing in the file is ever run, followed, fetched or used as a path. Whatever is wrong with
it becomes one `ManifestError` that says where, what was expected and what stands there.
"""

from __future__ import annotations

import os
import re
from typing import Any

from repro_audit.canonical import digest_json
from repro_audit.errors import ManifestError, OtherDocumentError, printable, shown
from repro_audit.files import read_bounded
from repro_audit.manifest.fields import fill_absent, make_whole, take_unknown
from repro_audit.manifest.from_log import from_log, one_of_log
from repro_audit.manifest.records import NOT_UNDERSTOOD, UNRECORDED, VERSION, Manifest
from repro_audit.manifest.structure import structure
from repro_audit.manifest.validation import validate
from repro_audit.manifest.versions import READABLE, upgraded
from repro_audit.strict_json import read_json

__all__ = ["check_digest", "load", "parse"]

_AUDIT = "repro-audit/audit-"
_SHOWN = len("sha256:") + 8
_OBJECT = re.compile(rb"\s*\{")
_OURS = re.compile(rb'"repro-audit\\?/(?!trace-)')
"""Stands in every manifest, in its schema; some tools write a slash with a backslash before it."""


def load(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest, or in place of one a log: a Keras history, a CSVLogger's file and others.

    Args:
        path: File to read; ``-`` is standard input. ``FILE#0`` is the first history of a file that
            holds several. A folder is read for the TensorBoard events in it.

    Returns:
        What the file says, in the current version of the format; a log becomes a manifest that
        holds no conditions, and a fit for each history.

    Raises:
        ManifestError: The file cannot be read, is not valid, has another digest than it
            says, is of a version this release does not know, or is no log that is read.
    """
    name = printable(os.fspath(path))
    file, part = _part(os.fspath(path))
    if os.path.isdir(file):  # noqa: PTH112 - Path raises for a name that no file may have
        from repro_audit.logs import read_folder

        manifest = from_log(*read_folder(file), name)
    else:
        manifest = parse(read_bounded(file), name)
    return manifest if part is None else one_of_log(manifest, part, printable(file))


def _part(path: str) -> tuple[str, int | None]:
    """Return the file that ``FILE#0`` names, and which history in it; None where it is a file."""
    file, mark, number = path.rpartition("#")
    if not mark or not file or not (number.isascii() and number.isdigit()):
        return path, None
    return (path, None) if os.path.lexists(path) else (file, int(number[:9]))


def parse(content: bytes, name: str) -> Manifest:
    """Return the manifest in `content`, which messages call `name`, or the log there.

    Raises:
        ManifestError: As `load`.
    """
    if _OBJECT.match(content) and _OURS.search(content):
        document = read_json(content, name)
        if isinstance(document, dict) and _is_ours(document.get("schema")):
            if document["schema"] not in READABLE:
                raise OtherDocumentError(document, _unknown_version(document, name))
            version = document["schema"].removeprefix("repro-audit/")
            validate(document, name, version)
            check_digest(document, name)
            return structure(Manifest, _understood(document, version))
    from repro_audit.logs import read_log  # no manifest needs what reads logs

    return from_log(read_log(content, name), content, name)


def _is_ours(schema: object) -> bool:
    """Whether a field ``schema`` names one of ours."""
    return isinstance(schema, str) and schema.startswith("repro-audit/")


def _unknown_version(document: dict[str, Any], name: str) -> str:
    """Return the message about a document of a version that this release does not read."""
    message = (
        f"{name}: $.schema: expected {' or '.join(map(repr, READABLE))}, "
        f"received {shown(document.get('schema'))}."
    )
    if str(document["schema"]).startswith(_AUDIT):
        return f"{name}: is an audit, which holds no run. Give the manifests that it is of."
    recorder = document.get("recorder")
    if not isinstance(recorder, str):
        return f"{message} Another release of repro-audit may read it."
    return f"{message} The release that wrote it, {shown(recorder)}, reads it."


def _understood(document: dict[str, Any], version: str) -> dict[str, Any]:
    """Return what a valid document says, in the current version, with every field.

    What its release did not record, and what this one does not know, is named in ``missing``.
    """
    from repro_audit_schemas import schema

    if version == VERSION:
        unknown, absent = make_whole(document, schema(VERSION))
    else:
        unknown = take_unknown(document, schema(version))
        document = upgraded(document)
        absent = fill_absent(document, schema(VERSION))
    document["missing"] += [
        {"path": path, "reason": reason}
        for paths, reason in ((absent, UNRECORDED), (unknown, NOT_UNDERSTOOD))
        for path in paths
    ]
    return document


def check_digest(document: dict[str, Any], name: str) -> None:
    """Refuse a document whose content is not what its digest says.

    Raises:
        ManifestError: It is not.
    """
    rest = {key: value for key, value in document.items() if key != "digest"}
    try:
        actual = digest_json(rest)
    except ValueError as error:
        message = f"{name}: cannot be written as canonical JSON: {printable(str(error))[:200]}."
        raise ManifestError(message) from None
    if actual != document["digest"]:
        message = (
            f"{name}: $.digest: expected {_short(actual)}, received {_short(document['digest'])}. "
            "The file was changed or damaged after it was written."
        )
        raise ManifestError(message)


def _short(digest: str) -> str:
    """Return as much of a digest as tells it from another."""
    return f"{digest[:_SHOWN]}…"
