import json
from typing import get_args, get_type_hints

import jsonschema
import pytest
from manifests import OTHER_DIGEST, changed, document, record, rerun

from repro_audit.audit import Audit, Claim, Factor, Finding, audit
from repro_audit.audit.judging import AuditedManifest, Control, RecordingCheck
from repro_audit.compare import Cause, ColumnDifference, Comparison, FieldVerdict, FirstDifference
from repro_audit.compare.trace_comparison import BatchDifference, OrderDifference
from repro_audit.report.json import render_json
from repro_audit_schemas import REGISTRY, schema

VALIDATOR = jsonschema.Draft202012Validator(schema("audit-2"), registry=REGISTRY)
CHANGES = {
    "nothing": {},
    "initial weights": {"outcomes/initial_weights/0/0/digest": OTHER_DIGEST},
    "another number of tensors": {"outcomes/initial_weights/0": []},
    "another number of models": {"outcomes/final_state": []},
    "epoch": {"outcomes/fits/0/epochs/0": OTHER_DIGEST},
    "no epochs": {"outcomes/fits/0/epochs": []},
    "steps": {"outcomes/fits/0/steps": 1},
    "fit of another model": {"outcomes/fits/0/model": 1},
    "no fit": {"outcomes/fits": []},
    "NaN": {"outcomes/fits/0/history/loss/0": "NaN"},
    "infinity": {"outcomes/fits/0/history/loss/0": "-Infinity"},
    "no value": {"outcomes/fits/0/history/loss/0": None},
    "far away": {"outcomes/fits/0/history/loss/0": -1.7e308},
    "another metric": {"outcomes/fits/0/history/new": [1.0]},
    "evaluation": {"outcomes/evaluations/0/results/loss": 7.0},
    "another number of evaluations": {"outcomes/evaluations": []},
    "a digest": {"outcomes/digests/final_state": OTHER_DIGEST},
    "a condition": {"conditions/determinism": None},
    "a large seed": {"conditions/seeds/declared": "0xffffffffffffffff"},
    "failed": {"status": "failed"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_audit_of_any_kind_is_valid_json_by_its_schema(name):
    one, other = record(document()), record(changed(rerun(), CHANGES[name]))
    for manifests in ((other,), (one, other), (other, one), (one, other, one)):
        text = render_json(audit(*manifests))
        VALIDATOR.validate(json.loads(text, parse_constant=pytest.fail))
        assert text.isascii()


LISTED = {
    Audit: ("verdict", "evidence"),
    AuditedManifest: ("verdict", "evidence"),
    Finding: ("severity",),
    Claim: ("verdict",),
    Control: ("before", "after"),
    RecordingCheck: ("changes",),
    Factor: ("verdict",),
    Comparison: ("verdict", "evidence"),
    FieldVerdict: ("verdict",),
    FirstDifference: ("kind",),
    Cause: ("group", "certainty"),
    ColumnDifference: ("kind",),
    OrderDifference: ("only", "what"),
    BatchDifference: ("order",),
}


def values(annotation):
    """Return the values of a type: of a literal, of a union of them, of None."""
    if annotation is type(None):
        return {None}
    parts = get_args(annotation)
    return set().union(*map(values, parts)) if parts and not _plain(parts) else set(parts)


def _plain(parts):
    return all(isinstance(part, str) for part in parts)


def nodes(node):
    """Yield every object of a schema that has properties."""
    if isinstance(node, dict):
        if "properties" in node:
            yield node["properties"]
        for item in node.values():
            yield from nodes(item)
    elif isinstance(node, list):
        for item in node:
            yield from nodes(item)


@pytest.mark.parametrize("record_", LISTED, ids=lambda record_: record_.__name__)
def test_a_field_of_fixed_values_has_those_of_the_schema(record_):
    hints = get_type_hints(record_)
    known = [found for found in nodes(schema("audit-2")) if set(found) == set(record_._fields)]
    assert known
    for name in LISTED[record_]:
        for properties in known:
            assert values(hints[name]) == set(properties[name]["enum"])


def test_an_audit_that_its_schema_does_not_allow_is_seen():
    result = json.loads(render_json(audit(record(document()))))
    for key in result:
        assert not VALIDATOR.is_valid({**result, key: {"x": 1}})
        assert not VALIDATOR.is_valid({name: result[name] for name in result if name != key})
