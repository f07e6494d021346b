"""What an attached file is called: flat, distinct, and harmless wherever it is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePath

from repro_audit.trace.reading import trace_path

__all__ = ["attached_names", "is_safe", "trace_name"]

_MAX_BYTES = 200
"""A file's name may have 255 in most file systems; some are left for a temporary one beside it."""

_SAFE = re.compile(r"\w[\w.-]*\.(json|trace)")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_ENDING = ".json"


def is_safe(name: str) -> bool:
    """Whether a name is one that `attached_names` or `trace_name` could have given.

    >>> [is_safe(name) for name in ("run-1.json", "../run-1.json", "NUL.json", "-o.json")]
    [True, False, False, False]
    """
    return (
        _SAFE.fullmatch(name) is not None
        and _DEVICES.fullmatch(name) is None
        and len(name.encode()) <= _MAX_BYTES
        and unicodedata.normalize("NFC", name) == name
    )


def attached_names(paths: Sequence[str]) -> list[str]:
    """Return a name for each manifest: its file's, and its folders' where two would be the same.

    >>> attached_names(["run-1/manifest.json", "run-2/manifest.json", "control.json"])
    ['run-1-manifest.json', 'run-2-manifest.json', 'control.json']
    """
    parts = [[part for part in PurePath(path).parts if part.strip("/.")] for path in paths]
    names: list[str] = []
    for index, own in enumerate(parts):
        others = parts[:index] + parts[index + 1 :]
        count = 1
        while count < len(own) and any(other[-count:] == own[-count:] for other in others):
            count += 1
        names.append(_distinct(_plain("-".join(own[-count:])), names))
    return names


def trace_name(manifest: str) -> str:
    """Return what the trace of a manifest of this name is called.

    >>> trace_name("run-1.json")
    'run-1.trace'
    """
    return trace_path(Path(manifest)).name


def _plain(name: str) -> str:
    """Return a name with an underscore for whatever is no letter, digit, dot or hyphen."""
    stem = unicodedata.normalize("NFC", name.removesuffix(_ENDING))
    stem = re.sub(r"[^\w.-]", "_", stem)
    if not re.match(r"\w", stem) or _DEVICES.fullmatch(stem):
        stem = "_" + stem
    # Room for a number and for the longer ending of the two.
    return stem.encode()[: _MAX_BYTES - 10].decode(errors="ignore") + _ENDING


def _distinct(name: str, taken: Sequence[str]) -> str:
    """Return a name that is not taken, also where case does not count."""
    folded = {other.casefold() for other in taken}
    stem, number, result = name.removesuffix(_ENDING), 1, name
    while result.casefold() in folded:
        number += 1
        result = f"{stem}-{number}{_ENDING}"
    return result
