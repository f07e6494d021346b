"""Take people, machines, places and secrets out of an executed notebook."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from repro_audit.capture.privacy.records import Cleaner
from repro_audit.errors import OutputError
from repro_audit.files import replace_file

__all__ = ["clean_notebook"]

_BINARY = ("application/pdf", "audio/", "image/png", "image/jpeg", "image/gif", "video/")
"""How the types of output begin that hold no text, but bytes in letters."""


def clean_notebook(path: Path, project: Path) -> None:
    """Clean every text of a notebook, which travels with the evidence.

    Args:
        path: The notebook; one that is not there, or cannot be read or written, stays.
        project: The project's folder, which becomes ``.``.
    """
    with contextlib.suppress(OSError, OutputError, ValueError, RecursionError):
        document = json.loads(path.read_bytes())
        cleaned = _cleaned(document, Cleaner(project))
        replace_file(path, (json.dumps(cleaned, indent=1) + "\n").encode())


def _cleaned(value: Any, cleaner: Cleaner) -> Any:
    if isinstance(value, dict):
        return {
            cleaner.text(key): item if key.startswith(_BINARY) else _cleaned(item, cleaner)
            for key, item in value.items()
        }
    if isinstance(value, list):
        texts = all(isinstance(item, str) for item in value)
        if texts and len(value) > 1 and all(item.endswith("\n") for item in value[:-1]):
            # Lines of one text: a private key has several.
            return cleaner.text("".join(value)).splitlines(keepends=True)
        return [_cleaned(item, cleaner) for item in value]
    return cleaner.text(value) if isinstance(value, str) else value
