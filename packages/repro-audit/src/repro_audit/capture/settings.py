"""The settings that an object of the user's holds: public attributes that are plain values.

No text of them names a person, a place or a secret, and nothing is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from repro_audit.canonical import encode
from repro_audit.capture.functions import (
    capture_class,
    capture_function,
    is_clock,
    is_collection,
    is_function,
    is_measured,
)
from repro_audit.capture.privacy import mask_setting, scrub
from repro_audit.manifest.structure import unstructure
from repro_audit.manifest.training import Json

__all__ = ["NOT_PLAIN", "callback_settings", "plain_setting", "settings_of"]

_MAX_ITEMS = 100
NOT_PLAIN = object()
"""What `plain_setting` returns for a value that is none."""

_NOT_SETTINGS = {"model", "params", "validation_data", "verbose"}
"""What Keras gives to a callback, and what merely shows."""

_REPORTING = {"ProgbarLogger", "RemoteMonitor", "TensorBoard"}
"""Keras's callbacks that show a run or hand on how it goes, and change nothing of it."""

_FOLDERS = {"backup_dir", "directory"}
_SCHEDULE = "LearningRateSchedule"


def callback_settings(callback: Any, outputs: Sequence[str]) -> dict[str, Json]:
    """Return the settings of a callback.

    Args:
        callback: The callback, before it has acted.
        outputs: Paths the run writes.

    Returns:
        Settings by name; ``class`` has name and digest of a class of the project's own.
    """
    kind = type(callback)
    if kind.__name__ in _REPORTING and kind.__module__.startswith("keras."):
        return {}
    found = settings_of(callback, outputs, without=_NOT_SETTINGS | _FOLDERS)
    return found if capture_class(kind) is None else _with_class(callback, found)


def settings_of(
    holder: Any, outputs: Sequence[str], *, without: set[str] | frozenset[str] = frozenset()
) -> dict[str, Json]:
    """Return the public attributes of an object that are plain values, or functions.

    Args:
        holder: Any object; its attributes are read as they are stored.
        outputs: Paths the run writes.
        without: Attributes that are left out.

    Returns:
        Values by name, in the order of names; functions as name and digest.
    """
    held = getattr(holder, "__dict__", {})
    names = (name for name in held if not name.startswith("_") and name not in without)
    found = ((name, plain_setting(name, held[name], outputs)) for name in sorted(names))
    return {name: value for name, value in found if value is not NOT_PLAIN}


def plain_setting(name: str, value: Any, outputs: Sequence[str]) -> Json:
    """Return one setting as a JSON value.

    Args:
        name: What it is called.
        value: What it is.
        outputs: Paths the run writes.

    Returns:
        The value; `NOT_PLAIN` where it is none: an array, an object, a reading of a clock.
    """
    if value is None or isinstance(value, bool | int | float):
        return NOT_PLAIN if is_clock(value) else encode(value)
    if isinstance(value, str):
        return mask_setting(name, value, outputs)
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return plain_setting(name, value.item(), outputs)
    if is_collection(value, _MAX_ITEMS):
        return _items(name, value, outputs)
    if is_function(value):
        return unstructure(capture_function(value))
    if any(base.__name__ == _SCHEDULE for base in type(value).__mro__):
        return _with_class(value, settings_of(value, outputs))
    return NOT_PLAIN


def _with_class(holder: Any, settings: dict[str, Json]) -> dict[str, Json]:
    """Return settings with the class of their object: no attribute can be called so."""
    kind = type(holder)
    return {**settings, "class": {"name": kind.__qualname__, "digest": capture_class(kind)}}


def _items(name: str, value: Any, outputs: Sequence[str]) -> Json:
    """Return a collection of plain values; none where one of its items is no such."""
    if is_measured(value):
        return NOT_PLAIN
    if isinstance(value, dict):
        if not all(isinstance(key, str | int | float) for key in value):
            return NOT_PLAIN  # what a key of another type shows may be its address
        named = {scrub(str(key)): item for key, item in value.items()}
        pairs = {key: plain_setting(key, item, outputs) for key, item in named.items()}
        return NOT_PLAIN if NOT_PLAIN in pairs.values() else pairs
    items = [plain_setting(name, item, outputs) for item in value]
    if NOT_PLAIN in items:
        return NOT_PLAIN
    return sorted(items, key=repr) if isinstance(value, set | frozenset) else items
