import json

import jsonschema
import pytest
from manifests import OTHER_DIGEST, changed, document, record, rerun

from repro_audit.audit import audit
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


def test_an_audit_that_its_schema_does_not_allow_is_seen():
    result = json.loads(render_json(audit(record(document()))))
    for key in result:
        assert not VALIDATOR.is_valid({**result, key: {"x": 1}})
        assert not VALIDATOR.is_valid({name: result[name] for name in result if name != key})
