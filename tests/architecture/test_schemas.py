"""The schemas are complete and self-contained, and what is written is held to every field."""

from __future__ import annotations

import copy
import socket

import jsonschema
import pytest
import referencing.exceptions

from repro_audit.canonical import digest_bytes
from repro_audit.manifest.validation import without_lenience
from repro_audit_schemas import NAMES, REGISTRY, schema, text

FROZEN = {
    "audit-1": "sha256:655067a73fec895b761ca105c8aa3ba57cde302d94d35e74aff30d05db752a9b",
    "manifest-1": "sha256:32cd35086edb373a7f0e16bc21c1ac7d00e09f20c5a8f7bd52ac226a7e0b2cef",
}
"""Schemas of earlier versions, by the digest of their file: none may be changed."""

WRITTEN = [name for name in NAMES if name not in FROZEN]


def subschemas(value, path="$"):
    """Yield every schema inside a schema, and where it stands."""
    yield path, value
    for word in ("properties", "$defs"):
        for name, inner in value.get(word, {}).items():
            yield from subschemas(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties", "then"):
        if isinstance(value.get(word), dict):
            yield from subschemas(value[word], f"{path}[{word}]")


def may_be_null(described):
    """Whether null is among the values of a field, or nothing is said of them."""
    kinds = described.get("type")
    return kinds is None if isinstance(kinds, str | None) else "null" in kinds


def optional(value):
    """Yield each field that may be absent, and each that may be null."""
    for path, inner in subschemas(value):
        for name, field in inner.get("properties", {}).items():
            if name not in inner.get("required", ()):
                yield "absent", f"{path}.{name}"
            if may_be_null(field) and "const" not in field and "$ref" not in field:
                yield "null", f"{path}.{name}"


def faults(value):
    """Yield what is wrong with a schema of ours."""
    for path, inner in subschemas(value):
        kinds = inner.get("type", [])
        if not inner.get("description") and "$ref" not in inner:
            yield f"{path}: no description"
        if inner.get("description", ".")[-1] not in ".…":
            yield f"{path}: the description is no sentence"
        # The fields of a choice are those of what is chosen.
        if ("object" in kinds or "properties" in inner) and "then" not in inner:
            rest = inner.get("additionalProperties")
            if rest is not False and not (isinstance(rest, dict) and rest.get("description")):
                yield f"{path}: unknown fields are accepted"
            if set(inner.get("required", ())) != set(inner.get("properties", ())):
                yield f"{path}: not every field is required"
        # In Python, `$` alone also matches before a newline at the end.
        pattern = inner.get("pattern", r"^(?!.*\n)$")
        if not (pattern.startswith(r"^(?!.*\n)") and pattern.endswith("$")):
            yield f"{path}: the pattern matches a part"
        if "$ref" in inner and not inner["$ref"].startswith("#/$defs/"):
            yield f"{path}: refers to another file"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_by_2020_12(name):
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema(name))


def test_an_invalid_schema_is_seen():
    with pytest.raises(jsonschema.SchemaError):
        jsonschema.Draft202012Validator.check_schema({"type": "nonsense"})


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_has_every_field_described_and_no_other(name):
    assert list(faults(without_lenience(schema(name)))) == []
    assert len(list(subschemas(schema(name)))) > 10


def test_a_field_of_a_manifest_may_be_absent_where_it_may_be_null():
    found = set(optional(schema("manifest-2")))
    absent, null = ({path for kind, path in found if kind == it} for it in ("absent", "null"))
    assert absent == null
    assert len(null) > 50


@pytest.mark.parametrize("name", FROZEN)
def test_the_schema_of_an_earlier_version_stays_as_it_is(name):
    assert digest_bytes(text(name).encode()) == FROZEN[name]
    assert digest_bytes(text(name).encode() + b" ") != FROZEN[name]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value["properties"]["status"].pop("description"),
        lambda value: value["properties"]["conditions"].pop("additionalProperties"),
        lambda value: value["$defs"]["tensor"].update(additionalProperties=True),
        lambda value: value["$defs"]["tensor"].update(required=[]),
        lambda value: value["properties"]["run_id"].update(pattern="[0-9a-f]{32}"),
        lambda value: value["properties"]["status"].update({"$ref": "http://x/y"}),
    ],
)
def test_a_schema_that_is_lax_is_seen(spoil):
    value = copy.deepcopy(schema("manifest-2"))
    value = without_lenience(value)
    spoil(value)
    assert list(faults(value))


@pytest.mark.parametrize("name", NAMES)
def test_an_id_is_the_name_and_the_registry_holds_it(name):
    assert schema(name)["$id"] == f"urn:repro-audit:{name}"
    assert REGISTRY.get_or_retrieve(f"urn:repro-audit:{name}").value.contents == schema(name)


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:9/x", "https://example.org/x", "file:///etc/passwd", "urn:x"]
)
def test_an_unknown_reference_is_never_fetched(reference, monkeypatch):
    def opened(*_args, **_options):
        pytest.fail("opened a connection")

    monkeypatch.setattr(socket, "socket", opened)
    monkeypatch.setattr(socket, "create_connection", opened)
    monkeypatch.setattr(socket, "getaddrinfo", opened)
    validator = jsonschema.Draft202012Validator({"$ref": reference}, registry=REGISTRY)
    with pytest.raises(referencing.exceptions.Unresolvable):
        validator.validate({})


def test_a_schema_that_does_not_exist_is_a_key_error():
    for name in ("nonsense", "../manifest-2", ""):
        with pytest.raises(KeyError):
            text(name)


def test_a_schema_with_a_reference_of_ours_is_resolved():
    validator = jsonschema.Draft202012Validator(
        {"$ref": "urn:repro-audit:manifest-2"}, registry=REGISTRY
    )
    assert not validator.is_valid({})
