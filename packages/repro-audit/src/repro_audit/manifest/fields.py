"""Fields that a file lacks, and fields that its schema does not know.

A field that may be null may be absent: the release that wrote the file did not record it. A
field that the schema does not have comes from a later release, and is left unread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from repro_audit.errors import shown

__all__ = ["HOLDING", "fill_absent", "make_whole", "objects", "path_below", "take_unknown"]

_MAX_KEY_LENGTH = 100
"""Characters of a key that are shown in full."""

HOLDING = frozenset({dict, list})
"""Of the types that JSON is read as, those that hold others: most values are of none of them."""

Node = dict[str, Any]
"""A schema, or a part of one."""


def fill_absent(document: dict[str, Any], schema: Node) -> list[str]:
    """Write null into each field of a valid document that is absent.

    Args:
        document: JSON object to complete, in place.
        schema: Its schema, in which only fields that may be null are not required.

    Returns:
        JSONPath of each field that was absent, once for all elements of an array.
    """
    absent: dict[str, None] = {}
    for path, part, node in objects(document, schema):
        _fill(path, part, node, absent)
    return list(absent)


def take_unknown(document: dict[str, Any], schema: Node) -> list[str]:
    """Take out of a valid document what its schema does not know.

    Args:
        document: JSON object, changed in place. A part of a kind that the schema does not
            know, such as the switches of another backend, becomes null.
        schema: Its schema.

    Returns:
        JSONPath of each unknown field, once for all elements of an array.
    """
    unknown: dict[str, None] = {}
    for path, part, node in objects(document, schema):
        _take(path, part, node, unknown)
    return list(unknown)


def make_whole(document: dict[str, Any], schema: Node) -> tuple[list[str], list[str]]:
    """Do what `take_unknown` and `fill_absent` do, in one walk.

    Returns:
        What each of them returns.
    """
    unknown: dict[str, None] = {}
    absent: dict[str, None] = {}
    for path, part, node in objects(document, schema):
        _take(path, part, node, unknown)
        _fill(path, part, node, absent)
    return list(unknown), list(absent)


def _fill(path: str, part: dict[str, Any], node: Node, absent: dict[str, None]) -> None:
    known = node["properties"]
    if known.keys() <= part.keys():
        return  # nearly every object
    for name in known:
        if name not in part:
            part[name] = None
            # Of what no release before could do there is nothing to record.
            if not known[name].get("absentMeansNull"):
                absent[path_below(path, name)] = None


def _take(path: str, part: dict[str, Any], node: Node, unknown: dict[str, None]) -> None:
    known = node["properties"]
    if not part.keys() <= known.keys():
        for name in [name for name in part if name not in known]:
            del part[name]
            unknown[path_below(path, name)] = None
    for name in [
        name for name, value in part.items() if value is not None and "then" in known[name]
    ]:
        if not _holds(known[name], part[name]):
            part[name] = None
            unknown[path_below(path, name)] = None


def path_below(path: str, key: str) -> str:
    """Return the JSONPath of a key of the object at another path, which may be empty.

    >>> path_below("$.seeds", "numpy"), path_below("", "numpy"), path_below("$", "a word")
    ('$.seeds.numpy', 'numpy', "$['a word']")
    """
    if not key.isidentifier() or len(key) > _MAX_KEY_LENGTH:
        return f"{path}[{shown(key, _MAX_KEY_LENGTH)}]"
    return f"{path}.{key}" if path else key


def objects(document: Any, schema: Node) -> Iterator[tuple[str, dict[str, Any], Node]]:
    """Yield each object of named fields: where, itself, and its part of the schema.

    An object comes before what it holds, and may be changed when it comes.
    """
    waiting = [(document, schema, "$")]
    while waiting:
        value, node, path = waiting.pop()
        if "$ref" in node or "then" in node:
            node = _resolved(value, node, schema)
        if type(value) is list:
            if (inner := node.get("items")) is None:
                continue
            where = f"{path}[*]"
            below = [(item, inner, where) for item in value if type(item) in HOLDING]
        elif "properties" in node:
            yield path, value, node
            below = [
                (value[name], inner, f"{path}.{name}")
                for name, inner in node["properties"].items()
                if type(value.get(name)) in HOLDING
            ]
        elif isinstance(inner := node.get("additionalProperties"), dict):
            where = f"{path}.*"
            below = [(item, inner, where) for item in value.values() if type(item) in HOLDING]
        else:
            continue
        waiting += reversed(below)


def _resolved(value: Any, node: Node, root: Node) -> Node:
    """Return the part of the schema that describes a value."""
    if "then" in node and _holds(node, value):
        node = node["then"]
    name = node.get("$ref", "").removeprefix("#/$defs/")
    part: Node = root["$defs"][name] if name else node
    return part


def _holds(node: Node, value: Any) -> bool:
    """Whether a value is of the kind that a part of the schema knows: by its ``name``."""
    known = node["if"]["properties"]["name"]["const"]
    return isinstance(value, dict) and value.get("name") == known
