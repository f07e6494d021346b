"""Write a manifest: validated, digested, and replaced as a whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

from repro_audit.canonical import digest_json
from repro_audit.files import replace_file
from repro_audit.manifest.records import Manifest
from repro_audit.manifest.structure import unstructure
from repro_audit.manifest.validation import validate

__all__ = ["serialize", "write"]


def serialize(manifest: Manifest) -> bytes:
    """Return the bytes of the file for `manifest`, its digest computed anew.

    Raises:
        ManifestError: The manifest is not valid.
    """
    document = unstructure(manifest)
    del document["digest"]
    document["digest"] = digest_json(document)
    validate(document, "the manifest to be written")
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def write(manifest: Manifest, path: str | os.PathLike[str]) -> None:
    """Write `manifest` to `path` atomically, with its digest.

    Raises:
        ManifestError: The manifest is not valid; nothing is written.
        OutputError: The file cannot be written; the old one stays.
    """
    replace_file(Path(path), serialize(manifest))
