"""A plan holds each remedy once, with its place and the command that shows that it helped."""

from __future__ import annotations

import json
import shlex

import jsonschema
import pytest
from manifests import changed, document, parted, record, rerun
from pages import PAGES, divergent
from rule_cases import TABLE, found

from repro_audit.audit import RunSummary, audit
from repro_audit.report.plan import render_plan
from repro_audit_schemas import REGISTRY, schema

VALIDATOR = jsonschema.Draft202012Validator(schema("plan-1"), registry=REGISTRY)
AGAIN = "repro-audit record --output again.json SCRIPT ARGS && repro-audit"


def planned(result, manifests):
    """Return a plan, which its schema must allow."""
    text = render_plan(result, manifests)
    assert text.isascii()
    plan = json.loads(text)
    VALIDATOR.validate(plan)
    return plan


def compared(*names, **changes):
    """Return the plan of two runs that differ in their threads."""
    threads = {"conditions/determinism/backend/threads/intra_op/in_force": 1}
    runs = record(document()), record(changed(parted(document(), "epoch 1"), threads | changes))
    return planned(audit(*runs, names=names or ("a.json", "b.json")), runs)


@pytest.mark.parametrize("page", PAGES)
def test_the_plan_of_an_audit_of_any_kind_is_valid_by_its_schema(page):
    result, manifests = PAGES[page]()
    plan = planned(result, manifests)
    assert (plan["verdict"], plan["reason"]) == (result.verdict, result.reason)


def test_a_plan_that_its_schema_does_not_allow_is_seen():
    plan = planned(*divergent())
    (step, *_) = plan["steps"]
    for value, inside in (
        (plan, lambda value: value),
        (step, lambda value: {**plan, "steps": [value]}),
    ):
        for key in value:
            assert not VALIDATOR.is_valid(inside({**value, key: {"x": 1}}))
            assert not VALIDATOR.is_valid(
                inside({name: value[name] for name in value if name != key})
            )
        assert not VALIDATOR.is_valid(inside({**value, "new": 1}))


def test_every_finding_and_every_cause_has_its_remedy_in_the_plan():
    for name in PAGES:
        result, manifests = PAGES[name]()
        steps = planned(result, manifests)["steps"]
        of_rules = {(step["rule"], "\n".join(step["code"])) for step in steps if step["rule"]}
        findings = [item for judged in result.manifests for item in judged.findings]
        assert of_rules == {(item.code, item.remedy) for item in findings}
        of_causes = {(step["cause"], "\n".join(step["code"])) for step in steps if step["cause"]}
        causes = [item for each in result.comparisons for item in (*each.causes, *each.later)]
        assert of_causes == {(item.kind, item.remedy) for item in causes}


@pytest.mark.parametrize("code", TABLE)
def test_the_remedy_of_a_rule_is_in_the_plan_line_by_line(code):
    result, manifests = PAGES["single"]()
    judged = result.manifests[0]._replace(findings=found(code))
    steps = planned(result._replace(manifests=(judged,)), manifests)["steps"]
    (step, *_) = [step for step in steps if step["rule"] == code]
    assert step["code"]
    assert all(step["code"])
    assert step["cause"] is None


def test_causes_come_before_findings_and_a_step_of_several_runs_is_there_once():
    first, *others = compared()["steps"]
    assert (first["cause"], first["manifests"]) == ("threads", ["b.json"])
    assert all(step["rule"] for step in others)
    alike = record(document()), record(rerun())
    (step,) = planned(audit(*alike, names=("a.json", "b.json")), alike)["steps"]
    assert (step["rule"], step["manifests"]) == ("RA205", ["a.json", "b.json"])


def test_what_python_mends_lies_in_the_script_and_what_a_shell_mends_in_no_file():
    seeds = {"conditions/seeds/hash_seed": {"requested": None, "randomized": True, "probe": "x"}}
    run = record(changed(document(), seeds))
    steps = {step["rule"]: step for step in planned(audit(run), [run])["steps"]}
    assert steps["RA205"]["where"] == {"files": ["mnist_cnn/__main__.py"]}
    assert steps["RA205"]["language"] == "python"
    assert (steps["RA105"]["where"], steps["RA105"]["language"]) == (None, "shell")


def test_a_finding_is_verified_by_an_audit_and_a_cause_by_a_comparison():
    first, second, *_ = compared()["steps"]
    assert first["verify"] == f"{AGAIN} a.json again.json"
    assert second["verify"] == f"{AGAIN} --strict again.json"


def test_what_is_mended_in_both_runs_is_verified_by_two_new_ones():
    """A run from before the script was changed is never its equal."""
    result, manifests = divergent()
    runs = (RunSummary(name="run-1", exit_code=0, status="complete", steps=1),)
    (comparison,) = result.comparisons
    cause = comparison.causes[0]
    both = cause._replace(remedy=f"{cause.remedy}  # in both runs, first")
    mended = result._replace(comparisons=(comparison._replace(causes=(both,)),))
    for audited, expected in (
        (result, False),
        (result._replace(runs=runs), True),
        (mended, True),
    ):
        first = planned(audited, manifests)["steps"][0]
        assert (first["verify"] == "repro-audit repeat SCRIPT ARGS") is expected
    named = planned(result._replace(runs=runs, repeated="train.py -q"), manifests)["steps"][0]
    assert named["verify"] == "repro-audit repeat train.py -q"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("runs/a b.json", "'runs/a b.json'"),
        ("-o.json", "./-o.json"),
        ("a;touch x.json", "'a;touch x.json'"),
        ("$(touch x).json", "'$(touch x).json'"),
        ("-", "EXPECTED"),
        ("paper.pdf: run-1.json", "EXPECTED"),
    ],
)
def test_a_name_in_the_command_that_verifies_is_one_word_and_no_option(name, words):
    verify = compared(name, "b.json")["steps"][0]["verify"]
    assert verify == f"{AGAIN} {words} again.json"
    assert shlex.split(verify)[-1] == "again.json"


def test_two_fits_of_a_run_are_compared_again_within_one_run():
    verify = compared("a.json: fit 1", "a.json: fit 3")["steps"][0]["verify"]
    assert verify == f"{AGAIN} --fits 1,3 again.json"


def test_no_word_of_a_manifest_becomes_a_command_that_verifies():
    hostile = "$(touch pwned)"
    code = {"entry_point": hostile, "argv": [hostile], "git": None, "files": {hostile: None}}
    run = record(changed(document(), {"conditions/code": code}))
    for step in planned(audit(run), [run])["steps"]:
        assert "pwned" not in step["verify"]
