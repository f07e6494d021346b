import types
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifests import NAMES, document, leaves, place, value_at

from repro_audit.audit import Audit
from repro_audit.audit.checklist import Checklist
from repro_audit.manifest import Manifest, structure, unstructure
from repro_audit.manifest.records import FitOutcome
from repro_audit_schemas import schema

NUMBER = {"number", "string"}


@pytest.mark.parametrize("name", NAMES)
def test_unstructure_inverts_structure_on_a_real_manifest(name):
    value = document(name)
    again = unstructure(structure(Manifest, value))
    assert again == value
    # Equality in Python holds 1 and 1.0 and True equal; JSON does not.
    different = [
        path
        for path in leaves(value)
        if type(value_at(value, path)) is not type(value_at(again, path))
    ]
    # A float that is a whole number comes from a JSON integer where it was written as RFC 8785.
    assert all(isinstance(value_at(again, path), float) for path in different), different


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), max_size=4))
def test_structure_inverts_unstructure_on_any_history(values):
    fit = FitOutcome(
        model=0,
        steps=2**60,
        first_epoch=1,
        ended=True,
        epochs=(None,),
        trace=(None,),
        history={"a": tuple(values)},
        dtypes={},
    )
    again = structure(FitOutcome, unstructure(fit))
    assert again == fit
    assert repr(again.history) == repr(fit.history), "-0.0 is not 0.0"


def test_a_record_is_frozen():
    manifest = structure(Manifest, document())
    with pytest.raises(AttributeError):
        manifest.status = "running"


def _may_be_null(annotation):
    return annotation is typing.Any or type(None) in typing.get_args(annotation)


def disagreements(annotation, described, root, path="$"):  # noqa: C901, PLR0912
    """Yield where a record and its schema disagree, recursively."""
    if "then" in described:
        variant = root["$defs"][described["then"]["$ref"].removeprefix("#/$defs/")]
        described = {**variant, "type": described["type"]}
    if "$ref" in described:
        described = root["$defs"][described["$ref"].removeprefix("#/$defs/")]
    allowed = described.get("type")
    types_ = set([allowed] if isinstance(allowed, str) else allowed or ())
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {typing.Union, types.UnionType}:
        inner = [item for item in arguments if item is not type(None)]
        if types_ and (type(None) in arguments) != ("null" in types_):
            yield f"{path}: null"
        if len(inner) == 1:
            yield from disagreements(
                inner[0], {**described, "type": list(types_ - {"null"})}, root, path
            )
        return
    if "null" in types_ and annotation is not typing.Any:
        yield f"{path}: null is allowed by the schema alone"
    if hasattr(annotation, "_fields"):
        hints, properties = typing.get_type_hints(annotation), described.get("properties", {})
        if set(annotation._fields) != set(properties):
            yield f"{path}: fields {sorted(set(annotation._fields) ^ set(properties))}"
        never_null = {name for name in properties if not _may_be_null(hints.get(name))}
        if set(described.get("required", ())) not in (never_null, set(properties)):
            yield f"{path}: required"
        for name in set(annotation._fields) & set(properties):
            yield from disagreements(hints[name], properties[name], root, f"{path}.{name}")
    elif origin is tuple:
        if types_ != {"array"}:
            yield f"{path}: expected an array, the schema says {types_}"
        yield from disagreements(arguments[0], described["items"], root, f"{path}[]")
    elif origin is dict:
        if types_ != {"object"}:
            yield f"{path}: expected an object, the schema says {types_}"
        yield from disagreements(arguments[1], described["additionalProperties"], root, f"{path}.*")
    elif annotation is float:
        if types_ != NUMBER:
            yield f"{path}: expected a number, the schema says {types_}"
    elif annotation is int:
        if types_ - {"string"} != {"integer"}:
            yield f"{path}: expected an integer, the schema says {types_}"
    elif annotation in {str, bool}:
        name = {str: "string", bool: "boolean"}[annotation]
        enumerated = {
            type(item) for item in [*described.get("enum", ()), described.get("const", "")]
        }
        if types_ not in ({name}, set()) or (not types_ and enumerated != {annotation}):
            yield f"{path}: expected a {name}, the schema says {types_}"


@pytest.mark.parametrize(
    ("record", "name"),
    [(Manifest, "manifest-2"), (Audit, "audit-2"), (Checklist, "checklist-1")],
)
def test_records_and_schema_agree_field_for_field(record, name):
    assert list(disagreements(record, schema(name), schema(name))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/run_id", None),
        ("properties/status/type", "integer"),
        ("properties/conditions/properties/seeds/properties/extra", {"type": "string"}),
        ("properties/conditions/properties/seeds/type", "object"),
        ("properties/outcomes/properties/fits/items/required", []),
        ("$defs/tensor/properties/shape/items/type", "number"),
    ],
)
def test_a_schema_that_disagrees_with_the_records_is_seen(path, value):
    import copy

    other = copy.deepcopy(schema("manifest-2"))
    *parents, last = place(path)
    parent = value_at(other, tuple(parents))
    if value is None:
        del parent[last]
    else:
        parent[last] = value
    assert list(disagreements(Manifest, other, other))


def test_an_integer_written_with_a_point_is_an_integer():
    value = {**document()["outcomes"]["fits"][0], "steps": 63.0}
    steps = structure(FitOutcome, value).steps
    assert (steps, type(steps)) == (63, int)
    assert structure(FitOutcome, {**value, "steps": "0xff"}).steps == 255
