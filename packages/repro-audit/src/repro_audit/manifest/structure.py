"""Turn records into JSON values and back, by their type annotations alone."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from repro_audit.canonical import encode, number

__all__ = ["structure", "unstructure"]

T = TypeVar("T")


def unstructure(value: Any) -> Any:
    """Return the JSON value of a record, of a tuple or dict of records, or of a plain value."""
    if isinstance(value, tuple | list):
        names = getattr(value, "_fields", None)
        if names is not None:
            return {name: unstructure(item) for name, item in zip(names, value, strict=True)}
        return [unstructure(item) for item in value]
    if isinstance(value, dict):
        return {key: unstructure(item) for key, item in value.items()}
    return encode(value)


def structure(cls: type[T], value: Any) -> T:
    """Return the record that a validated JSON value stands for; inverts `unstructure`.

    Args:
        cls: A record of `repro_audit.manifest.records` or of an audit.
        value: JSON value that the record's schema accepts.
    """
    convert: Callable[[Any], T] = _converter(cls)  # type: ignore[arg-type] # a class is hashable
    return convert(value)


@functools.cache
def _converter(annotation: Any) -> Callable[[Any], Any]:
    """Return the function that converts a JSON value to one annotation."""
    if hasattr(annotation, "_fields"):
        return _record_converter(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        return _optional([item for item in arguments if item is not type(None)])
    if origin is tuple:
        convert = _converter(arguments[0])
        return lambda value: tuple([convert(item) for item in value])
    if origin is dict:
        convert = _converter(arguments[1])
        return lambda value: {key: convert(item) for key, item in value.items()}
    if annotation is float:
        return number
    if annotation is int:
        # JSON Schema takes 7.0 for an integer, too.
        return lambda value: int(value, 16) if isinstance(value, str) else int(value)
    return _unchanged


def _record_converter(record: Any) -> Callable[[Any], Any]:
    """Return the converter to one kind of record, whose absent fields take their defaults."""
    hints, defaults = get_type_hints(record), record._field_defaults
    fields = [(name, _converter(hints[name])) for name in record._fields]

    def convert_record(value: Any) -> Any:
        return record._make(
            [
                (value[name] if convert is _unchanged else convert(value[name]))
                if name in value
                else defaults[name]
                for name, convert in fields
            ]
        )

    return convert_record


def _unchanged(value: Any) -> Any:
    return value


def _optional(arguments: list[Any]) -> Callable[[Any], Any]:
    """Return the converter of ``X | None``; a union of plain types passes through."""
    convert = _converter(arguments[0]) if len(arguments) == 1 else _unchanged
    if convert is _unchanged:
        return _unchanged
    return lambda value: None if value is None else convert(value)
