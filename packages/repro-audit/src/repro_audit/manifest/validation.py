"""Check a JSON document against its schema, and say what is wrong in one line.

One library decides, which is some eighty times as fast; another words what it refuses.
"""

from __future__ import annotations

import functools
from itertools import islice
from typing import TYPE_CHECKING, Any

from repro_audit.errors import ManifestError, printable, shown

if TYPE_CHECKING:
    import jsonschema_rs
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

__all__ = ["validate", "without_lenience"]

_ERRORS_CONSIDERED = 100
"""A hostile document may hold millions of errors; the best of the first ones is enough."""


@functools.cache
def _described(name: str, *, strict: bool) -> Any:
    """Return one schema, which refers to nothing but parts of itself."""
    from repro_audit_schemas import schema

    return without_lenience(schema(name)) if strict else schema(name)


@functools.cache
def _deciding(name: str, *, strict: bool) -> jsonschema_rs.Validator:
    """Return what says whether a document is valid by one schema."""
    import jsonschema_rs

    return jsonschema_rs.validator_for(_described(name, strict=strict), offline=True)


@functools.cache
def _wording(name: str, *, strict: bool) -> Draft202012Validator:
    """Return what says what is wrong with a document."""
    from jsonschema import Draft202012Validator

    from repro_audit_schemas import REGISTRY

    return Draft202012Validator(_described(name, strict=strict), registry=REGISTRY)


def without_lenience(schema: Any) -> Any:
    """Return a schema by which every field must be there, and no other: what is written.

    The schema itself accepts what releases before and after this one write.
    """
    if isinstance(schema, list):
        return [without_lenience(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: without_lenience(value) for key, value in schema.items()}
    # The condition of a choice, and an object whose kind is chosen so, name some fields only.
    if isinstance(strict.get("properties"), dict) and "then" not in strict:
        strict["required"] = list(strict["properties"])
        strict["additionalProperties"] = False
    if "if" in strict:
        strict["if"] = schema["if"]
    return strict


def validate(document: Any, name: str, schema: str, *, strict: bool = False) -> None:
    """Check `document` against a schema.

    Args:
        document: JSON value to check.
        name: What the document is called in a message: a file's name.
        schema: Name of the schema, such as ``manifest-1``.
        strict: Whether every field must be there, and no other may be.

    Raises:
        ManifestError: It is not valid. The message names the JSONPath, what was expected and
            what stands there.
    """
    if _deciding(schema, strict=strict).is_valid(document):
        return
    errors = _wording(schema, strict=strict).iter_errors(document)
    first = next(errors, None)
    if first is None:
        return
    from jsonschema.exceptions import best_match

    error = best_match([first, *islice(errors, _ERRORS_CONSIDERED)]) or first
    message = f"{name}: {printable(_path(error))}: {_explain(error)}"
    raise ManifestError(message)


def _path(error: ValidationError) -> str:
    """Return the JSONPath of an error, shortened where a key is absurdly long."""
    path = error.json_path
    return path if len(path) <= 200 else path[:200] + "…"


def _explain(error: ValidationError) -> str:
    """Say what was expected and what stands there."""
    instance: Any = error.instance
    expected: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        known = schema.get("properties", {})
        unknown = [key for key in instance if key not in known]
        return f"unknown field {shown(unknown[0])}. Expected only {_listing(sorted(known))}."
    if error.validator == "required":
        absent = [key for key in expected if key not in instance]
        return f"expected the field {shown(absent[0])}, which is not there."
    if error.validator == "type":
        wanted = expected if isinstance(expected, str) else " or ".join(expected)
        return f"expected {wanted}, received {shown(instance)}."
    if error.validator in {"enum", "const"}:
        wanted = _listing(expected) if error.validator == "enum" else shown(expected)
        return f"expected {wanted}, received {shown(instance)}."
    if error.validator == "pattern":
        meaning = schema.get("title") or f"a string that matches {expected}"
        return f"expected {meaning}, received {shown(instance)}."
    return f"expected {error.validator} {shown(expected)}, received {shown(instance)}."


def _listing(values: list[Any]) -> str:
    """List the values a field may take, shortened."""
    parts = [value if isinstance(value, str) else shown(value) for value in values]
    return ", ".join(parts) if len(parts) <= 12 else ", ".join(parts[:12]) + ", …"
