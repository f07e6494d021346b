"""What the command line accepts, what it answers, and with which exit code."""

from __future__ import annotations

import array
import json

import jsonschema
import pytest
from manifests import (
    EXAMPLES,
    OTHER_RUN,
    changed,
    clean,
    consistent,
    document,
    rerun,
    sealed,
    two_models,
)

from repro_audit.audit import all_rules
from repro_audit.cli.entry import COMMANDS
from repro_audit_schemas import NAMES, REGISTRY, schema

ONE, TWO = EXAMPLES / "threads-1.json", EXAMPLES / "threads-2.json"
OFF = {"conditions/determinism/backend/op_determinism": "off"}
CORES = {"conditions/determinism/backend/threads/intra_op/source": "cores"}


@pytest.fixture
def file(tmp_path):
    """Return what writes a manifest that differs from a clean one in some fields."""

    def file(name, changes=None, run_id=None):
        value = rerun(clean(), run_id=run_id) if run_id else clean()
        (tmp_path / name).write_bytes(sealed(consistent(changed(value, changes or {}))))
        return tmp_path / name

    return file


# Exit codes


def test_a_controlled_run_exits_0(file, run):
    done = run(file("a.json"))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("controlled")


def test_an_uncontrolled_run_exits_1(file, run):
    done = run(file("a.json", OFF))
    assert done.code == 1
    assert done.out.startswith("uncontrolled")
    assert "RA201" in done.out


def test_an_incomplete_run_exits_2(file, run):
    done = run(file("a.json", {"status": "running"}))
    assert done.code == 2
    assert done.out.startswith("inconclusive")


def test_identical_runs_exit_0_and_divergent_ones_1(file, run):
    same = run(file("a.json"), file("b.json", run_id=OTHER_RUN))
    assert (same.code, same.out.split()[0]) == (0, "identical")
    other = run(TWO, ONE)
    assert (other.code, other.out.split()[0]) == (1, "divergent")


@pytest.mark.parametrize(
    ("seeded_again", "code", "word"), [(True, 0, "identical"), (False, 1, "divergent")]
)
def test_two_fits_of_one_run_are_compared_as_two_runs_are(tmp_path, run, seeded_again, code, word):
    path = tmp_path / "run.json"
    path.write_bytes(sealed(two_models(seeded_again=seeded_again)))
    done = run(path, "--fits", "1,2")
    assert (done.code, done.out.split()[0]) == (code, word)
    assert "run.json: fit 2" in done.out
    assert "--confirm" not in done.out
    first, *_ = json.loads(run(path, "--fits", "2,1", "--format", "json").out)["manifests"]
    assert first["name"] == "run.json: fit 2"


@pytest.mark.parametrize(
    ("fits", "said"),
    [
        ("1,3", "has 2 fits, counted from 1: fit 3 is none of them."),
        ("1", "expected two fits, such as 1,2; received '1'."),
        ("1,,2", "expected two fits"),
        ("1,-2", "expected two fits"),
        ("²,1", "expected two fits"),
        ("1,1", "Fit 1 is given twice"),
    ],
)
def test_what_names_no_two_fits_is_refused_in_a_line(tmp_path, run, fits, said):
    path = tmp_path / "run.json"
    path.write_bytes(sealed(two_models(seeded_again=True)))
    done = run(path, "--fits", fits)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_fits_of_several_files_are_refused_in_a_line(run):
    done = run(ONE, TWO, "--fits", "1,2")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "fits of one run; received 2 manifests" in done.err


def test_one_run_given_twice_exits_2(run):
    assert run(ONE, ONE).code == 2


def test_with_several_manifests_the_comparison_alone_decides(file, run):
    assert run(file("a.json", OFF), file("b.json", OFF, OTHER_RUN)).code == 0


def test_strict_makes_a_warning_exit_1_and_never_hides_a_2(file, run):
    warned = file("a.json", CORES)
    assert run(warned).code == 0
    assert run(warned, "--strict").code == 1
    assert run(file("b.json"), "--strict").code == 0
    assert run(file("c.json", CORES | {"status": "running"}), "--strict").code == 2


def test_tolerances_make_a_near_run_close(file, run):
    loss = clean()["outcomes"]["fits"][0]["history"]["loss"][0]
    (loss,) = array.array("f", [loss * 1.001])
    near = file("b.json", {"outcomes/fits/0/history/loss/0": loss}, OTHER_RUN)
    base = file("a.json")
    assert run(base, near).code == 1
    close = run(base, near, "--rtol", "0.01")
    assert (close.code, close.out.split()[0]) == (0, "close")
    assert run(base, near, "--rtol=0.0001").code == 1
    assert run(base, near, "--atol", "0.1").code == 0
    assert run(base, near, "--ignore-metric", "loss").code == 0


@pytest.mark.parametrize("value", ["-1", "x", "nan"])
def test_a_tolerance_that_is_none_exits_2(value, refused):
    refused(TWO, ONE, f"--rtol={value}")


def test_evidence_below_what_is_required_exits_2(tmp_path, run):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text('{"loss": [1.5]}')
    files = tmp_path / "a.json", tmp_path / "b.json"
    assert run(*files).code == 2
    assert run(*files, "--require", "history").code == 0


def test_standard_input_is_read(run):
    with ONE.open("rb") as content:
        done = run("-", stdin=content)
    assert done.code == 0
    with ONE.open("rb") as content:
        assert run(TWO, "-", stdin=content).code == 1


# How commands are found


def test_options_may_stand_before_the_command_and_between_files(run):
    expected = run("audit", TWO, ONE, "--format", "json")
    for words in (
        ("--format", "json", "audit", TWO, ONE),
        ("--format=json", TWO, ONE),
        (TWO, "--format", "json", ONE),
        (TWO, ONE, "--format", "json"),
    ):
        assert run(*words) == expected


@pytest.mark.parametrize(
    ("word", "near"), [("explian", "explain"), ("schmea", "schema"), ("reapet", "repeat")]
)
def test_a_misspelt_command_gets_a_suggestion(word, near, refused):
    assert f"Did you mean {near}?" in refused(word)


def test_a_misspelt_rule_gets_a_suggestion(refused):
    assert "Did you mean RA" in refused("explain", "RA20")


def test_a_word_that_is_nothing_like_a_command_is_a_missing_file(refused):
    assert "no such file" in refused("zzz")


def test_a_file_with_the_name_of_a_command_is_read_by_its_path(tmp_path, run):
    (tmp_path / "explain").write_bytes(sealed(clean()))
    assert run("./explain", cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["--nonsense"],
        ["audit"],
        ["--format", "pdf", TWO],
        ["explain", "RA999"],
        ["schema", "nonsense"],
        ["repeat"],
        ["repeat", "missing.py"],
        ["--require", "hope", TWO],
        ["-o"],
        ["audit", "--", "--strict"],
    ],
    ids=lambda words: " ".join(map(str, words))[:30],
)
def test_a_command_that_makes_no_sense_exits_2_with_one_line(words, refused):
    refused(*words)


def test_without_words_there_is_help_or_a_message_and_exit_2_is_never_a_traceback(run):
    done = run()
    assert "Usage" in done.out + done.err
    assert "Traceback" not in done.err


# Help


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=str)
def test_the_help_of_every_command_holds_an_example(command, run, start):
    """Of each one in a process of its own, too."""
    for runs, option in ((start, "--help"), (run, "-h")):
        done = runs(*command, option)
        assert (done.code, done.err) == (0, "")
        assert "Example" in done.out
        example = done.out.partition("Example")[2]
        assert "repro-audit " + (command[0] if command and command[0] != "audit" else "") in example


def test_every_command_is_in_the_help(run):
    out = run("--help").out
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_the_version_is_that_of_the_package(run):
    from importlib.metadata import version

    assert run("--version").out == f"repro-audit {version('repro-audit')}\n"


# Explain and schema


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_explain_prints_a_rule(rule, run):
    done = run("explain", rule.code.lower())
    assert done.code == 0
    assert done.out.startswith(f"{rule.code} {rule.severity}: {rule.title}\n")
    assert rule.remedy in done.out
    assert rule.source in done.out
    assert rule.why.split()[0] in done.out


def test_explain_lists_every_rule(run):
    out = run("explain").out
    assert [line.split()[0] for line in out.splitlines()] == [rule.code for rule in all_rules()]
    assert [item["code"] for item in json.loads(run("explain", "--format", "json").out)] == [
        rule.code for rule in all_rules()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_schema_prints_a_schema(name, run):
    assert json.loads(run("schema", name).out) == schema(name)
    assert name in run("schema").out.splitlines()


# JSON


def test_json_is_valid_against_its_schema(file, run):
    validator = jsonschema.Draft202012Validator(schema("audit-2"), registry=REGISTRY)
    for words in (
        (file("a.json"),),
        (file("b.json", OFF),),
        (TWO, ONE),
        (TWO, ONE, file("c.json", {"status": "failed"}, OTHER_RUN), "--rtol", "1"),
        (ONE, ONE),
    ):
        result = json.loads(run(*words, "--format", "json").out)
        validator.validate(result)
        assert next(iter(result)) == "schema"
    result["verdict"] = "splendid"
    assert not validator.is_valid(result)


def test_equal_input_gives_equal_output(run):
    for form in ("text", "json", "markdown"):
        assert run(TWO, ONE, "--format", form) == run(TWO, ONE, "--format", form)


def test_a_difference_of_nan_is_valid_json(tmp_path, run):
    place = "outcomes/fits/0/history/loss/0"
    (tmp_path / "a.json").write_bytes(sealed(consistent(changed(document(), {place: "NaN"}))))
    other = consistent(changed(rerun(), {place: "-Infinity"}))
    (tmp_path / "b.json").write_bytes(sealed(other))
    done = run(tmp_path / "a.json", tmp_path / "b.json", "--format", "json")
    result = json.loads(done.out, parse_constant=pytest.fail)
    jsonschema.Draft202012Validator(schema("audit-2"), registry=REGISTRY).validate(result)
    assert result["verdict"] == "divergent"


# Claims


def claimed(tmp_path, claims):
    """Write claims and return the words that check them against an example."""
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(claims), encoding="utf-8")
    return EXAMPLES / "threads-2.json", "--claims", path


@pytest.mark.parametrize(("printed", "code"), [("34.70%", 0), ("34.71%", 1), ("0.347", 0)])
def test_claims_are_checked_at_their_printed_precision(tmp_path, run, printed, code):
    done = run(*claimed(tmp_path, {"evaluation accuracy": printed}))
    assert done.code == code
    assert f"{printed}  " in done.out


def test_a_claim_about_a_metric_that_is_not_there_is_inconclusive(tmp_path, run):
    assert run(*claimed(tmp_path, {"f1": "0.9"})).code == 2


def test_a_keras_history_stands_for_claims_within_a_tolerance(tmp_path, run):
    words = claimed(tmp_path, {"accuracy": [0.137], "loss": [2.2765]})
    assert run(*words).code == 1
    assert run(*words, "--rtol", "1e-4").code == 0


def test_claims_come_out_in_every_format(tmp_path, run):
    words = claimed(tmp_path, {"loss": "2.28", "val_loss": "2.16"})
    assert "1 of 2 claims hold" in run(*words).out
    assert "1 of 2 claims hold" in run(*words, "--format", "markdown").out
    claims = json.loads(run(*words, "--format", "json").out)["claims"]
    assert [claim["verdict"] for claim in claims] == ["match", "differ"]


def test_claims_that_are_none_are_one_line(tmp_path, refused):
    assert "expected a number as printed" in refused(*claimed(tmp_path, {"loss": "low"}))
    assert "there is no such file" in refused(EXAMPLES / "threads-2.json", "--claims", "none.json")


# Files of another kind than was meant


def test_a_pdf_where_a_manifest_should_stand_is_called_one(tmp_path, refused):
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    words = "attach", TWO, tmp_path / "paper.pdf", "-o", tmp_path / "out.pdf"
    assert "paper.pdf: is a PDF. Expected a JSON file." in refused(*words)
    assert "is a PDF" in refused(TWO, "--claims", tmp_path / "paper.pdf")


def test_a_script_where_a_manifest_should_stand_is_told_how_to_be_recorded(tmp_path, refused):
    for name, hint in (
        ("train.py", "repro-audit record "),
        ("train.txt", "Expected a manifest, or a log"),
    ):
        (tmp_path / name).write_text("import keras\n", encoding="utf-8")
        assert hint in refused(tmp_path / name)


def test_a_choice_that_is_missing_is_listed_on_one_line(refused):
    assert "Choose from: neurips, icml, acm See: " in refused("checklist", TWO)


# Every text


def test_show_all_prints_every_text_by_group_and_judges_nothing(run):
    done = run(TWO, "--show-all")
    assert (done.code, done.err) == (0, "")
    for text in ("people and machines", "project and code", "packages", "--epochs", "keras"):
        assert text in done.out
    assert "RA205" in run(TWO).out
    assert "RA205" not in done.out


def test_show_all_as_json_lists_each_file(run):
    groups = [
        file["groups"]
        for file in json.loads(run(TWO, ONE, "--show-all", "--format", "json").out)["manifests"]
    ]
    assert len(groups) == 2
    assert all(any(group["texts"] for group in each) for each in groups)


@pytest.mark.parametrize("words", [("--format", "html"), ("--claims", TWO)])
def test_show_all_refuses_what_it_would_not_do(refused, words):
    assert "--show-all judges nothing" in refused(TWO, "--show-all", *words)


def test_where_a_run_is_stopped_is_asked_for_in_epochs_and_steps(refused):
    for place in ("0", "3.", ".5", "3.0", "-1", "three", "1.2.3"):
        assert "an epoch, as 3" in refused("repeat", "--resume", f"--at={place}", __file__)


@pytest.mark.parametrize("option", ["--at=3", "--kill"])
def test_where_a_run_is_stopped_is_nothing_without_resume(option, refused):
    assert "--resume" in refused("repeat", option, __file__)
