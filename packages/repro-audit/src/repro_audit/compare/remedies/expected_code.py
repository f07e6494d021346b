"""Code that asks for a condition as the expected run had it: ``Dropout(..., rate=0.2)``.

A manifest is a stranger's: what of it enters code is a name of letters, digits and underscores, or
a literal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.logs.numbers import shortest
from repro_audit.manifest import Manifest
from repro_audit.manifest.training import Json

__all__ = ["constructor", "field_call", "literal", "stage_call", "value_at"]

_KEY = re.compile(r"\['((?:[^'\\]|\\.)*)'\]|\[(\d+)\]|\.([\w-]+)")
_STAGE = re.compile(
    r"\$\.conditions\.determinism\.datasets\[\d+\]\.stages\[\d+\]\.(?P<field>arguments\.\w+|\w+)"
)
_MODULE = re.compile(r"keras(\.\w+)*", re.ASCII)
_MAX_ITEMS = 12


def literal(value: Json) -> str | None:
    """Return a JSON value as Python writes it; None where it is no plain value, or is long.

    >>> literal([1, 0.5, None]), literal({"0": 2.0}), literal("mse"), literal(object())
    ('[1, 0.5, None]', '{0: 2.0}', '"mse"', None)
    """
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value) if len(value) <= _MAX_ITEMS * 5 else None
    if isinstance(value, dict) and len(value) <= _MAX_ITEMS:
        # Numbers of classes: JSON's keys are texts.
        keys = [key if str(key).isdecimal() else json.dumps(key) for key in value]
        items = [literal(item) for item in value.values()]
        pairs = [f"{key}: {item}" for key, item in zip(keys, items, strict=True)]
        return None if None in items else "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple) and len(value) <= _MAX_ITEMS:
        items = [literal(item) for item in value]
        return None if None in items else "[" + ", ".join(map(str, items)) + "]"
    return None


def value_at(manifest: Manifest, path: str) -> Json:
    """Return what a manifest holds at a JSONPath; None where it holds nothing there."""
    value: Json = manifest
    for key in _keys(path):
        value = _below(value, key)
    return value


def field_call(
    function: str, above: str, manifest: Manifest, differences: Iterable[ConditionDifference]
) -> str | None:
    """Return a call with the expected values of the fields that differ right below one field.

    Args:
        function: What is called.
        above: Name of the field that they lie in.
        manifest: The expected run.
        differences: The conditions that differ.

    Returns:
        The call, ``model.fit(..., batch_size=32)``; None where a value is none that code can hold.
    """
    arguments = {}
    for item in differences:
        found = re.match(rf"(.*?\.{above}\.)(\w+)", item.path)
        value = None if found is None else value_at(manifest, found[0])
        if found is None or (isinstance(value, str) and above == "arguments"):
            return None  # of an object that fit was given, its class is known
        arguments[found[2]] = literal(value)
    if not arguments or None in arguments.values():
        return None
    return f"{function}(..., {', '.join(f'{name}={text}' for name, text in arguments.items())})"


def constructor(manifest: Manifest, path: str) -> str | None:
    """Return the call that makes the innermost object around a setting, with its expected value.

    Args:
        manifest: The expected run.
        path: JSONPath of the setting, below the config of what Keras has serialised.

    Returns:
        The call, ``keras.layers.Dropout(..., rate=0.2)``; None where there is no such object, or
        the value is none that code can hold.
    """
    keys = _keys(path)
    found = None
    value: Json = manifest
    for place, key in enumerate(keys):
        if isinstance(value, dict) and isinstance(value.get("class_name"), str):
            found = value, next(iter(keys[place + 1 :]), None) if key == "config" else None
        value = _below(value, key)
    if found is None:
        return None
    made, field = found
    name = made["class_name"]
    if not name.isidentifier():
        return None
    module = made.get("module")
    if isinstance(module, str) and _MODULE.fullmatch(module):
        name = f"{module}.{name}"
    if field is None:
        return f"{name}(...)"
    config = made.get("config")
    if not isinstance(config, dict) or field not in config:
        return None  # another layer stands there, or one of another kind
    value = config[field]
    number = isinstance(value, float) and ".optimizer" in path
    text = shortest(value) if number else literal(value)
    return f"{name}(..., {field}={text})" if str(field).isidentifier() and text else None


def stage_call(manifest: Manifest, path: str) -> str | None:
    """Return the call of a pipeline's stage with the expected value of what differs in it.

    Args:
        manifest: The expected run.
        path: JSONPath of what differs.

    Returns:
        The call, ``dataset.shuffle(..., seed=1)``; None where there is no such stage.
    """
    found = _STAGE.match(path)
    stage = None if found is None else value_at(manifest, path[: found.start("field") - 1])
    op = getattr(stage, "op", None)
    if found is None or not isinstance(op, str) or not op.isidentifier():
        return None
    field = found["field"].removeprefix("arguments.")
    value = value_at(manifest, found[0])
    if field == "seed":
        # Of the two seeds of an operation the first is the program's.
        value = value[1] if path.endswith("[1]") and value else None
        if value is None:
            return None
    text = literal(value)
    return None if text is None else f"dataset.{op}(..., {field}={text})"


def _keys(path: str) -> list[str | int]:
    return [
        int(number) if number else quoted or name for quoted, number, name in _KEY.findall(path)
    ]


def _below(value: Json, key: str | int) -> Json:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list | tuple) and isinstance(key, int):
        return value[key] if key < len(value) else None
    return getattr(value, key, None) if isinstance(key, str) else None
