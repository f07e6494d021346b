"""Write a manifest: validated, digested, and replaced as a whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

from repro_audit.canonical import digest_json
from repro_audit.errors import OutputError, printable
from repro_audit.files import replace_file
from repro_audit.manifest.records import VERSION, Manifest
from repro_audit.manifest.structure import unstructure
from repro_audit.manifest.validation import validate

__all__ = ["check_replaceable", "serialize", "write"]

_BEGIN_BYTES = 65_536
_SCHEMAS = b'"repro-audit/manifest-'


def serialize(manifest: Manifest) -> bytes:
    """Return the bytes of the file for `manifest`, its digest computed anew.

    Returns:
        JSON in UTF-8, indented by one space, with a newline at its end.

    Raises:
        ManifestError: The manifest is not valid.
    """
    document = unstructure(manifest)
    del document["digest"]
    document["digest"] = digest_json(document)
    validate(document, "the manifest to be written", VERSION, strict=True)
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def check_replaceable(path: Path) -> None:
    """Refuse to take the place of a file that is no manifest.

    Raises:
        OutputError: There is such a file.
    """
    try:
        begin = b""
        if path.is_file():
            with path.open("rb") as file:
                begin = file.read(_BEGIN_BYTES)
    except OSError:
        return  # what writing it will tell
    if begin.strip() and _SCHEMAS not in begin:
        message = (
            f"{printable(str(path))}: there is a file that is no manifest of repro-audit, and the "
            "manifest would take its place. Name another file, or move that one."
        )
        raise OutputError(message)


def write(manifest: Manifest, path: str | os.PathLike[str]) -> None:
    """Write `manifest` to `path` atomically, with its digest.

    Raises:
        ManifestError: The manifest is not valid; nothing is written.
        OutputError: The file cannot be written; the old one stays.
    """
    replace_file(Path(path), serialize(manifest))
