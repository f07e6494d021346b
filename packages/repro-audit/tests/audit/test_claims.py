from __future__ import annotations

import json
import re
import sys
from fractions import Fraction

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifests import changed, consistent, document, record, rerun

from repro_audit.audit import audit, exit_code, load_claims
from repro_audit.audit.claims import _holds, check_claims
from repro_audit.errors import ManifestError, MissingExtraError
from repro_audit.noise import interval, parse
from repro_audit.report.html import render_html
from repro_audit.report.json import render_json
from repro_audit.report.markdown import render_markdown
from repro_audit.report.text import render_text
from repro_audit_schemas import schema

EXACT = (0.0, 0.0)


def checked(claims, **changes):
    """Return what becomes of claims on a run with other values of its only fit."""
    values = {f"outcomes/fits/0/history/{name}": value for name, value in changes.items()}
    return check_claims([record(changed(document(), values))], claims)


@pytest.mark.parametrize(
    ("printed", "recorded"),
    [
        ("96.30%", 0.963049),
        ("96.30%", 0.962951),
        ("96.3 %", 0.9634),
        (r"96.3\%", 0.9634),
        ("0.96", 0.9551),
        ("1", 1.49),
        ("1.2e-3", 0.00124),
        ("-0.5", -0.46),
        ("\u22120.5", -0.46),
        ("+.5", 0.54),
        ("12,345.6", 12345.62),
        ("5.", 5.4),
    ],
)
def test_a_value_that_rounds_to_what_is_printed_holds(printed, recorded):
    assert _holds(printed, recorded, EXACT)


@pytest.mark.parametrize(
    ("printed", "recorded"),
    [
        ("96.30%", 0.963051),
        ("96.30%", 0.962949),
        ("96.30", 0.963),
        ("0.96", 0.9549),
        ("-0.5", 0.5),
        ("0.963", float("nan")),
        ("0.963", float("inf")),
    ],
)
def test_a_value_that_rounds_to_another_number_does_not_hold(printed, recorded):
    assert not _holds(printed, recorded, EXACT)


@pytest.mark.parametrize("tie", [0.125, 0.375])
def test_halfway_between_two_either_may_have_been_printed(tie):
    lower, upper = (f"{tie + part:.2f}" for part in (-0.005, 0.005))
    assert _holds(lower, tie, EXACT)
    assert _holds(upper, tie, EXACT)
    assert not _holds(f"{tie + 0.015:.2f}", tie, EXACT)


@given(st.floats(-1e6, 1e6), st.integers(0, 12), st.booleans())
def test_whatever_python_prints_of_a_value_holds_for_it(value, digits, percent):
    printed = f"{value:.{digits}{'%' if percent else 'f'}}"
    assert _holds(printed, value, EXACT)
    wide = 10.0 ** -(digits + 2 * percent)
    assert not _holds(printed, value + 3 * wide + abs(value) * 1e-9, EXACT)


@pytest.mark.parametrize(
    "text",
    [
        *("", "%", ".", "abc", "1.2.3", "1,23", "1e9999", "96.3 ± ", "0x10", "1_000", "--1"),
        *("0,963", "<0.01", "1 234", "\u0660.\u0669", "0.9 to "),
    ],
)
def test_what_is_no_number_as_printed_is_none(text):
    assert parse(text) is None
    assert parse("1,234.50%")[:2] == (Fraction(12345, 1000), Fraction(1, 10000))


def test_a_final_value_is_that_of_the_last_epoch():
    (claim,) = checked({"loss": "0.5"}, loss=[9.0, 0.52])
    assert (claim.verdict, claim.recorded) == ("match", 0.52)
    (claim,) = checked({"loss": "9"}, loss=[9.0, 0.52])
    assert claim.verdict == "differ"


def test_several_values_are_one_an_epoch_and_the_first_that_differs_is_named():
    assert checked({"loss": ("9.0", "0.5")}, loss=[9.0, 0.52])[0].verdict == "match"
    (claim,) = checked({"loss": ("9.0", "0.6")}, loss=[9.0, 0.52])
    assert (claim.verdict, claim.claimed) == ("differ", "0.6")
    assert claim.text.startswith("epoch 2: ")
    assert checked({"loss": ("9.0",)}, loss=[9.0, 0.52])[0].verdict == "differ"


def test_numbers_are_met_bit_for_bit_or_within_a_tolerance():
    run = record(document())
    claims = {"loss": run.outcomes.fits[0].history["loss"]}
    assert check_claims([run], claims)[0].text == "bit for bit"
    near = {"loss": tuple(value * (1 + 1e-7) for value in claims["loss"])}
    assert check_claims([run], near)[0].verdict == "differ"
    assert check_claims([run], near, rtol=1e-6)[0].verdict == "match"
    assert check_claims([run], near, rtol=1e-8)[0].verdict == "differ"


def test_minus_zero_is_not_zero_unless_a_tolerance_says_so():
    run = record(changed(document(), {"outcomes/fits/0/history/loss": ["-0.0"]}))
    assert check_claims([run], {"loss": (0.0,)})[0].verdict == "differ"
    assert check_claims([run], {"loss": (-0.0,)})[0].verdict == "match"
    assert check_claims([run], {"loss": (0.0,)}, atol=1e-9)[0].verdict == "match"


def test_a_tolerance_is_not_for_printed_text():
    run = record(document())
    assert check_claims([run], {"loss": "2.29"}, rtol=1.0)[0].verdict == "differ"


def test_a_metric_that_the_run_lacks_is_missing_and_near_names_are_told():
    (claim,) = checked({"val_acuracy": "0.3"})
    assert (claim.verdict, claim.recorded) == ("missing", None)
    assert "val_accuracy" in claim.text
    assert checked({"loss": "0.3"}, loss=[None])[0].verdict == "missing"


def test_a_claim_without_its_percent_sign_is_told_so():
    (claim,) = checked({"accuracy": "96.3"}, accuracy=[0.963])
    assert "percent sign" in claim.text
    assert "percent sign" not in checked({"accuracy": "95.3"}, accuracy=[0.963])[0].text


def test_claims_decide_the_exit_code_and_findings_only_where_strict():
    uncontrolled = record(
        changed(document(), {"conditions/determinism/backend/op_determinism": "off"})
    )
    assert exit_code(audit(uncontrolled)) == 1
    for printed, code in (("2.28", 0), ("2.27", 1)):
        assert exit_code(audit(uncontrolled, claims={"loss": printed})) == code
    assert exit_code(audit(uncontrolled, claims={"loss": "2.28"}), strict=True) == 1
    assert exit_code(audit(uncontrolled, claims={"lost": "2.28"})) == 2
    # What is contradicted is so, whatever is missing beside it.
    assert exit_code(audit(uncontrolled, claims={"lost": "2.28", "loss": "2.27"})) == 1


def test_a_run_that_is_not_complete_meets_no_claim():
    failed = record(changed(document(), {"status": "failed"}))
    assert exit_code(audit(failed, claims={"loss": "2.28"})) == 2


def test_a_comparison_and_claims_must_both_hold():
    other = consistent(changed(rerun(), {"outcomes/fits/0/history/loss": [2.0]}))
    runs = record(document()), record(rerun()), record(other)
    assert exit_code(audit(*runs[:2], claims={"loss": "2.28"})) == 0
    assert exit_code(audit(*runs[:2], claims={"loss": "2.27"})) == 1
    result = audit(runs[0], runs[2], claims={"loss": "2.28"})
    assert [claim.verdict for claim in result.claims] == ["match", "differ"]
    assert exit_code(result) == 1


@pytest.mark.parametrize(
    ("printed", "status", "word"),
    [
        ("2.28", "complete", "claims hold"),
        ("2.27", "complete", "claims differ"),
        ("2.28", "failed", "inconclusive"),
    ],
)
@pytest.mark.parametrize("render", [render_text, render_markdown, render_html])
def test_what_decides_the_exit_code_is_said_first(render, printed, status, word):
    run = record(changed(document(), {"status": status}))
    lines = render(audit(run, claims={"loss": printed}), [run])
    assert re.search(rf"^(## repro-audit: |.*<title>)?{word}", lines, re.MULTILINE)
    assert not re.search(r"^(## repro-audit: |.*<title>)?controlled", lines, re.MULTILINE)


def test_an_audit_with_claims_is_valid_by_its_schema():
    claims = {"loss": "2.28", "lost": "1", "accuracy": (0.5,), "val_loss": float("nan")}
    result = json.loads(render_json(audit(record(document()), claims=claims)))
    validator = jsonschema.Draft202012Validator(schema("audit-2"))
    validator.validate(result)
    result["claims"][0]["verdict"] = "close"
    assert not validator.is_valid(result)


def test_a_number_without_quotes_is_what_was_printed(tmp_path):
    path = tmp_path / "claims.json"
    path.write_text('{"loss": 2.28, "steps": 63, "all": [2.28]}', encoding="utf-8")
    claims = load_claims(path)
    assert (claims["loss"], claims["steps"], claims["all"]) == ("2.28", "63", (2.28,))
    assert check_claims([record(document())], {"loss": claims["loss"]})[0].verdict == "match"


def test_a_keras_history_is_read_as_claims(tmp_path):
    path = tmp_path / "history.json"
    path.write_text('{"loss": [0.5, "NaN", 1], "accuracy": [0.25]}', encoding="utf-8")
    claims = load_claims(path)
    assert claims["accuracy"] == (0.25,)
    assert claims["loss"][0::2] == (0.5, 1.0)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("[]", "$"),
        ("{}", "$"),
        ('{"loss": "many"}', "$['loss']"),
        ('{"loss": true}', "$['loss']"),
        ('{"loss": null}', "$['loss']"),
        ('{"loss": []}', "$['loss']"),
        ('{"loss": {"value": "1"}}', "$['loss']"),
        ('{"a\\u001b": [1, "x\\u001b"]}', r"$['a\x1b'][1]"),
    ],
)
def test_what_is_no_claim_is_refused_with_its_place(tmp_path, content, where):
    path = tmp_path / "claims.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        load_claims(path)
    assert f"claims.json: {where}: expected a number as printed" in str(caught.value)
    assert str(caught.value).isprintable()


# With their scatter


@pytest.mark.parametrize(
    ("claim", "recorded", "verdict", "said"),
    [
        ("96.30% ± 0.20% (n=5)", 0.9584, "match", "within what 5 runs let expect of one more"),
        ("96.30% ± 0.20% (n=5)", 0.9563, "differ", "outside what 5 runs let expect of one more"),
        ("96.30 ± 0.20 (n=5)", 0.9584, "differ", "the claim may lack its percent sign"),
        ("96.3(2)%, n=5", 0.9584, "match", "of honest reruns, and 95% from"),
        ("96.3 ± 0.2 %", 0.9618, "match", "within one deviation of the mean"),
        ("96.3 ± 0.2 %", 0.9563, "missing", "it does not say over how many runs"),
        ("0.963 [0.961, 0.965]", 0.9642, "match", "within the ends that are printed"),
        ("0.963 [0.961, 0.965]", 0.9688, "missing", "how often an honest rerun is cannot be told"),
        ("95.8-96.4%", 0.9601, "match", "within the ends that are printed"),
        ("95.8-96.4% (n=5)", 0.9655, "missing", "as 0.33 of honest reruns of 5 runs are"),
        ("1 [0.95, 1.05]", 0.47, "missing", "cannot be told from them"),
        ("95.8-96% (n=5)", 0.9635, "match", "within the ends that are printed"),
        ("2.15 ± 0.02 (n=5)", 0.05, "differ", "outside what 5 runs let expect of one more"),
        ("95.8-96.4% (n=99)", 0.9655, "differ", "as 0.02 of honest reruns of 99 runs are"),
    ],
)
def test_a_number_with_its_scatter_is_held_against_that(claim, recorded, verdict, said):
    (found,) = checked({"accuracy": claim}, accuracy=[recorded])
    assert (found.verdict, found.claimed) == (verdict, claim)
    assert said in found.text


def test_what_agrees_in_the_printed_digits_needs_no_scatter():
    (found,) = checked({"accuracy": "96.3 ± 0.0% (n=2)"}, accuracy=[0.9632])
    assert (found.verdict, found.text) == ("match", "to the last digit printed")


def test_of_several_claims_together_one_may_lie_farther_out():
    """Each by itself would be called another one in 4 of 100 honest reruns."""
    value, deviation, runs = 0.96, 0.002, 5
    outer = value + 1.1 * (interval(value, deviation, runs).high - value)
    claim = f"{value:.6f} ± {deviation:.6f} (n={runs})"
    for others, verdict in ((0, "differ"), (3, "match")):
        claims = {"accuracy": claim} | dict.fromkeys(NAMES[:others], claim)
        values = {"accuracy": [outer]} | {name: [value + 1e-5] for name in NAMES[:others]}
        first, *_ = checked(claims, **values)
        assert first.verdict == verdict


NAMES = ["loss", "val_accuracy", "val_loss"]


def test_of_several_runs_each_is_judged_by_itself():
    claims = {"loss": "2.0 ± 0.1 (n=5)"}
    runs = [
        record(changed(document(), {"outcomes/fits/0/history/loss": [value]}))
        for value in (2.04, 2.2, 9.0)
    ]
    verdicts = [item.verdict for item in check_claims(runs, claims)]
    assert verdicts == ["match", "match", "differ"]


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match="noise"):
        checked({"accuracy": "96.3 ± 0.2% (n=5)"}, accuracy=[0.9584])
    (found,) = checked({"accuracy": "96.3 ± 0.2% (n=5)"}, accuracy=[0.963])
    assert found.verdict == "match"


EXTREME = "1e999 ± 1e999 (n=5)", "1e-999 ± 1e-999 (n=5)", "0 ± 0 (n=2)", "1e300(9)", "5-6 (n=0)"


@pytest.mark.parametrize("claim", EXTREME)
@pytest.mark.parametrize("recorded", [0.5, -0.0, 1.7e308, 5e-324, "NaN", "Infinity"])
def test_whatever_is_printed_and_recorded_there_is_a_verdict(claim, recorded):
    (found,) = checked({"accuracy": claim}, accuracy=[recorded])
    assert found.verdict in {"match", "differ", "missing"}
    assert render_json(audit(record(document()), claims={"accuracy": claim}))


def test_of_a_value_an_epoch_the_scatter_decides_nothing():
    for claim, verdict in (("95.8-96.4%", "missing"), ("96.3%", "differ"), ("96.0%", "match")):
        (found,) = checked({"accuracy": (claim,)}, accuracy=[0.96])
        assert found.verdict == verdict


def test_of_many_ranges_together_one_may_be_left():
    """Each of them is left by 5 in 100 honest reruns."""
    for count, verdict in ((1, "differ"), (3, "missing")):
        names = ["accuracy", *NAMES][:count]
        claims = dict.fromkeys(names, "0.95-0.97 (n=39)")
        values = {name: [0.96] for name in names} | {"accuracy": [0.98]}
        first, *_ = checked(claims, **values)
        assert first.verdict == verdict
