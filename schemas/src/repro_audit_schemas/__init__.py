"""The JSON Schemas (2020-12) of repro-audit's files, as one registry.

>>> sorted(NAMES)
['audit-1', 'audit-2', 'checklist-1', 'ensemble-1', 'manifest-1', 'manifest-2', 'plan-1', 'texts-1']
>>> schema("manifest-2")["$id"]
'urn:repro-audit:manifest-2'
"""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any

from referencing import Registry, Resource

__all__ = ["NAMES", "REGISTRY", "schema", "text"]

NAMES = (
    "manifest-2",
    "manifest-1",
    "audit-2",
    "audit-1",
    "ensemble-1",
    "plan-1",
    "checklist-1",
    "texts-1",
)
"""Every schema. Its file is ``NAME.schema.json``, its ``$id`` ``urn:repro-audit:NAME``."""


def text(name: str) -> str:
    """Return the schema called `name` as it stands in its file.

    Raises:
        KeyError: There is no such schema.
    """
    if name not in NAMES:
        raise KeyError(name)
    return files(__package__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")


@functools.cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema called `name`.

    Raises:
        KeyError: There is no such schema.
    """
    document: dict[str, Any] = json.loads(text(name))
    return document


def _retrieve(uri: str) -> Resource[Any]:
    """Return one of our own schemas; anything else is unknown, and nothing is ever fetched."""
    return Resource.from_contents(schema(uri.removeprefix("urn:repro-audit:")))


REGISTRY: Registry[Any] = Registry(retrieve=_retrieve)  # type: ignore[call-arg] # attrs: _retrieve
