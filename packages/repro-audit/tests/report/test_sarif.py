"""SARIF holds all that is to be mended, is valid by the published schema, and places it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from manifests import OTHER_DIGEST, changed, document, parted, record, rerun
from pages import PAGES, divergent, identical, inconclusive, single
from rule_cases import TABLE, found

from repro_audit.audit import all_rules, audit
from repro_audit.canonical import digest_bytes
from repro_audit.report.explanation import explanation
from repro_audit.report.sarif import render_sarif

PUBLISHED = Path(__file__).parent / "sarif-2.1.0" / "sarif-schema-2.1.0.json"
SHA256 = "sha256:c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
VALIDATOR = jsonschema.Draft4Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))


def sarif(result, manifests):
    """Return the one run of a log, which the published schema must allow."""
    text = render_sarif(result, manifests)
    assert text.isascii()
    log = json.loads(text)
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    return run


def results(result, manifests, rule=None):
    """Return the results of an audit, or those of one rule."""
    found_ = sarif(result, manifests)["results"]
    return [item for item in found_ if rule in {None, item["ruleId"]}]


def uris(item):
    """Return the files that a result lies in."""
    places = [place.get("physicalLocation") for place in item["locations"]]
    return [place["artifactLocation"]["uri"] for place in places if place]


def fields(item):
    """Return the fields that a result lies at."""
    places = [place.get("logicalLocations", []) for place in item["locations"]]
    return [field["fullyQualifiedName"] for place in places for field in place]


@pytest.mark.parametrize("page", PAGES)
def test_an_audit_of_any_kind_is_valid_by_the_published_schema(page):
    result, manifests = PAGES[page]()
    run = sarif(result, manifests)
    assert run["properties"]["verdict"] == result.verdict
    assert {item["ruleId"] for item in run["results"]} <= {
        rule["id"] for rule in run["tool"]["driver"]["rules"]
    }


def test_the_published_schema_is_here_as_it_was_taken():
    assert digest_bytes(PUBLISHED.read_bytes()) == SHA256
    assert digest_bytes(PUBLISHED.read_bytes() + b" ") != SHA256


def test_what_the_published_schema_does_not_allow_is_seen():
    log = json.loads(render_sarif(*divergent()))
    item = log["runs"][0]["results"][0]
    for spoiled in ({"level": "info"}, {"message": {}}, {"locations": [{"file": "x"}]}, {"new": 1}):
        other = json.loads(json.dumps(log))
        other["runs"][0]["results"][0] = item | spoiled
        assert not VALIDATOR.is_valid(other)
    assert not VALIDATOR.is_valid({**log, "version": "2.0.0"})


def test_every_rule_is_there_with_what_explain_prints_of_it():
    described = {rule["id"]: rule for rule in sarif(*single())["tool"]["driver"]["rules"]}
    for rule in all_rules():
        said = described[rule.code]
        plain = said["help"]["text"].replace("{{", "{").replace("}}", "}").replace("] (", "](")
        assert plain == explanation(rule).replace("] (", "](")
        assert rule.remedy in said["help"]["markdown"].replace("{{", "{").replace("}}", "}")
        levels = {"error": "error", "warning": "warning", "info": "note"}
        assert said["defaultConfiguration"]["level"] == levels[rule.severity]
    assert set(described) - {rule.code for rule in all_rules()} == {
        "cause", "claim", "difference", "inconclusive",
    }  # fmt: skip


@pytest.mark.parametrize("code", TABLE)
def test_what_a_rule_finds_is_a_result_at_its_field_and_of_its_severity(code):
    result, manifests = single()
    judged = result.manifests[0]._replace(findings=found(code))
    expected = [item for item in found(code) if item.code == code]
    items = results(result._replace(manifests=(judged,)), manifests, code)
    assert [fields(item) for item in items] == [[finding.path] for finding in expected]
    levels = {"error": "error", "warning": "warning", "info": "note"}
    assert [item["level"] for item in items] == [levels[found_.severity] for found_ in expected]


def test_a_difference_is_a_result_and_so_is_each_of_its_causes():
    result, manifests = divergent()
    (difference,) = results(result, manifests, "difference")
    assert difference["level"] == "error"
    assert "first difference at step 1 of epoch 1" in difference["message"]["text"]
    assert uris(difference) == ["mnist_cnn/__main__.py"]
    (cause,) = results(result, manifests, "cause")
    assert cause["level"] == "warning"
    assert cause["message"]["text"].startswith("thread count: 2 → 1: a likely cause. ")
    assert "\nRemedy:\nrepro_audit.control(seed=812, threads=2)\n" in cause["message"]["text"]
    assert fields(cause) == list(result.comparisons[0].causes[0].paths)


def test_runs_that_are_the_same_have_no_difference_and_close_ones_a_note():
    assert not [item for item in results(*identical()) if not item["ruleId"].startswith("RA")]
    near = changed(rerun(), {"outcomes/fits/0/history/loss/0": 2.27648})
    near = changed(near, {"outcomes/digests/history": OTHER_DIGEST})
    runs = record(document()), record(parted(near, "epoch 1"))
    result = audit(*runs, names=("a.json", "b.json"), rtol=1)
    assert result.verdict == "close"
    assert [item["level"] for item in results(result, runs, "difference")] == ["note"]


def test_an_audit_that_decides_nothing_is_an_error_and_never_a_log_without_results():
    result, manifests = inconclusive()
    (nothing,) = results(result, manifests, "inconclusive")
    assert nothing["level"] == "error"
    assert result.reason in nothing["message"]["text"]
    empty = result._replace(manifests=(), comparisons=(), groups=())
    assert [item["ruleId"] for item in results(empty, [])] == ["inconclusive"]
    assert results(*identical(), "inconclusive") == []


def test_a_published_number_that_does_not_hold_is_an_error_and_one_that_holds_is_nothing():
    run = record(document())
    values = run.outcomes.evaluations[0].results
    held = {"evaluation accuracy": f"{values['accuracy']:.4f}"}
    for claims, levels in (
        (held, []),
        ({"evaluation accuracy": "0.1234"}, ["error"]),
        ({"no such metric": "1.0"}, ["warning"]),
    ):
        checked = audit(run, names=("a.json",), claims=claims)
        assert [item["level"] for item in results(checked, [run], "claim")] == levels


def test_what_was_found_in_several_runs_is_one_result_that_names_them():
    result, manifests = identical()
    (threads,) = results(result, manifests, "RA205")
    assert threads["message"]["text"].endswith(
        "\nIn: build/run-1/manifest.json, build/run-2/manifest.json"
    )


def test_what_belongs_into_no_file_of_the_project_lies_in_the_manifest():
    hash_seed = {"requested": None, "randomized": True, "probe": "x"}
    run = record(changed(document(), {"conditions/seeds/hash_seed": hash_seed}))
    for name, files in (
        ("runs/a b.json", ["runs/a%20b.json"]),
        ("paper.pdf: a.json", ["paper.pdf"]),
        ("a.json: fit 1", ["a.json"]),
        ("/home/ada/a.json", []),
        ("-", []),
    ):
        (item,) = results(audit(run, names=(name,)), [run], "RA105")
        assert uris(item) == files
        assert fields(item) == ["$.conditions.seeds.hash_seed.requested"]


@pytest.mark.parametrize("page", PAGES)
def test_code_scanning_finds_a_file_and_a_line_for_every_result(page):
    for item in results(*PAGES[page]()):
        assert uris(item)
        for place in item["locations"]:
            assert place["physicalLocation"]["region"] == {"startLine": 1}


def test_a_result_keeps_its_fingerprint_whatever_the_runs_are_called():
    def fingerprints(*names):
        runs = record(document()), record(parted(document(), "epoch 1"))
        items = results(audit(*runs, names=names), runs)
        return [item["partialFingerprints"]["repro-audit/v1"] for item in items]

    assert fingerprints("a.json", "b.json") == fingerprints("c.json", "d.json")
    assert len(set(fingerprints("a.json", "b.json"))) > 1


def test_no_text_of_a_manifest_is_a_link_or_a_placeholder():
    hostile = "[click](http://x) {0} \\](y)"
    hash_seed = {"requested": hostile, "randomized": True, "probe": "x"}
    run = record(changed(document(), {"conditions/seeds/hash_seed": hash_seed}))
    (item,) = results(audit(run), [run], "RA105")
    text = item["message"]["text"]
    assert "click" in text
    assert "](" not in text
    assert "{0}" not in text.replace("{{0}}", "")
