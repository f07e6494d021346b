"""Short words for what a manifest holds."""

from __future__ import annotations

import json

from repro_audit.manifest.training import Json
from repro_audit.wording import counted, listed

__all__ = ["brief", "configured", "setting", "settings", "size"]

_MAX_LENGTH = 60
_MAX_DEPTH = 2


def brief(text: str, limit: int = _MAX_LENGTH) -> str:
    """Return foreign text as an answer quotes it: not too long."""
    return text[:limit] + ("…" if len(text) > limit else "")


def size(count: int) -> str:
    """Return a number of bytes as people say it.

    >>> size(25276502016), size(1000)
    ('23.5 GiB', '1,000 bytes')
    """
    return f"{count / 2**30:,.1f} GiB" if count >= 2**27 else counted(count, "byte")


def setting(value: Json, depth: int = 0) -> str:
    """Return a JSON value in a few words: an object by its class, where it says one.

    >>> setting({"class_name": "Adam", "config": {}}), setting([0.9, True])
    ('Adam', '[0.9, true]')
    """
    if isinstance(value, str):
        return brief(value)
    if isinstance(value, dict):
        name = value.get("class_name")
        return brief(name) if isinstance(name, str) else "an object"
    if isinstance(value, list | tuple):
        if depth == _MAX_DEPTH:
            return "a list"
        return f"[{listed(setting(item, depth + 1) for item in value)}]"
    return json.dumps(value)


def settings(values: dict[str, Json]) -> str:
    """Return names with their values, those that are null left out."""
    return listed(
        (f"{brief(name)}={setting(value)}" for name, value in values.items() if value is not None),
        most=20,
    )


def configured(value: Json) -> str:
    """Return what Keras serialised: its class, and the configuration in brackets."""
    config = value.get("config") if isinstance(value, dict) else None
    inner = settings(config) if isinstance(config, dict) else ""
    return setting(value) + (f" ({inner})" if inner else "")
