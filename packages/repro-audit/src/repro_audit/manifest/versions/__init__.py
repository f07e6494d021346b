"""Older versions of the manifest: one upgrade from each to the next.

Only `repro_audit.manifest.reading` knows of them: what it returns is of the current version.
`docs/format.md` says what may change within a version, and what makes a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from repro_audit.manifest.records import SCHEMA
from repro_audit.manifest.versions import from_1

__all__ = ["READABLE", "upgraded"]

_UPGRADES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "repro-audit/manifest-1": from_1.upgrade,
}

READABLE = (*_UPGRADES, SCHEMA)
"""Every version that this release reads, by the value of a manifest's field ``schema``."""


def upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a valid document of any readable version says, in the current version.

    Returns:
        A document in which a field that the older version did not have is null or absent; the one
        given where it is of the current version.
    """
    while document["schema"] != SCHEMA:
        document = _UPGRADES[document["schema"]](document)
    return document
