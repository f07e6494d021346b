"""`repro-audit checklist` on the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import jsonschema
import pytest
from manifests import EXAMPLES, changed, document, sealed
from papers import drawn

from repro_audit_schemas import REGISTRY, schema

TWO = EXAMPLES / "threads-2.json"
NAMES = ("neurips", "icml", "acm")
FORMATS = ("text", "json", "markdown")


@pytest.mark.parametrize("name", NAMES)
def test_a_checklist_is_printed_and_exits_0(name, run):
    done = run("checklist", "--for", name, TWO)
    assert (done.code, done.err) == (0, "")
    assert "in part" in done.out
    assert re.fullmatch(
        r"\d+ items: \d+ answered, \d+ in part, \d+ not recorded\.", done.out.splitlines()[-1]
    )


@pytest.mark.parametrize("form", FORMATS)
def test_equal_input_gives_equal_output(form, run):
    words = ("checklist", "--for", "icml", TWO, "--format", form)
    assert run(*words) == run(*words)
    assert run(*words).out != run(*words[:3], EXAMPLES / "threads-1.json", *words[4:]).out


def test_options_may_stand_before_the_command(run):
    expected = run("checklist", "--for", "acm", TWO)
    assert run("--for", "acm", "checklist", TWO) == expected
    assert run("--for=acm", "checklist", TWO) == expected


def test_standard_input_is_read(run):
    with TWO.open("rb") as content:
        done = run("checklist", "--for", "acm", "-", stdin=content)
    assert done == run("checklist", "--for", "acm", TWO)


def test_json_is_valid_against_its_schema(run):
    done = run("checklist", "--for", "neurips", TWO, "--format", "json")
    result = json.loads(done.out, parse_constant=pytest.fail)
    validator = jsonschema.Draft202012Validator(schema("checklist-1"), registry=REGISTRY)
    validator.validate(result)
    result["items"][0]["status"] = "yes"
    assert not validator.is_valid(result)


def test_a_checklist_is_written_to_a_file(tmp_path, run):
    expected = run("checklist", "--for", "acm", TWO, "--format", "markdown").out
    path = tmp_path / "checklist.md"
    done = run("checklist", "--for", "acm", TWO, "--format", "markdown", "-o", path)
    assert (done.code, done.out) == (0, "")
    assert path.read_text() == expected


def test_a_history_answers_little_and_exits_0(tmp_path, run):
    (tmp_path / "history.json").write_text('{"loss": [1.5]}')
    done = run("checklist", "--for", "neurips", tmp_path / "history.json")
    assert done.code == 0
    assert done.out.endswith("16 items: 0 answered, 0 in part, 16 not recorded.\n")


def test_an_incomplete_run_exits_0_and_answers_nothing_about_outcomes(tmp_path, run):
    (tmp_path / "a.json").write_bytes(sealed(changed(document(), {"status": "running"})))
    done = run("checklist", "--for", "neurips", tmp_path / "a.json")
    assert done.code == 0
    assert "the run is not complete: it is running" in " ".join(done.out.split())
    assert "$.outcomes" not in done.out
    assert "$.outcomes" in run("checklist", "--for", "neurips", TWO).out


# Refusals


def test_an_unknown_checklist_lists_the_names(refused):
    message = refused("checklist", "--for", "nature", TWO)
    assert all(f"'{name}'" in message for name in NAMES)


@pytest.mark.parametrize(
    "words",
    [
        ("checklist", TWO),
        ("checklist", "--for", "acm"),
        ("checklist", "--for", "acm", TWO, TWO),
        ("checklist", "--for", "acm", "missing.json"),
        ("checklist", "--for", "acm", TWO, "--format", "latex"),
        ("checklist", "--for", "acm", TWO, "-o", "missing/folder/x.md"),
    ],
    ids=["no --for", "no file", "two files", "missing file", "unknown format", "no folder"],
)
def test_a_command_that_makes_no_sense_exits_2_with_one_line(words, refused):
    refused(*words)


def test_a_file_that_is_no_manifest_exits_2(tmp_path, refused):
    (tmp_path / "a.json").write_text("[1]")
    assert "expected an object of curves" in refused(
        "checklist", "--for", "acm", tmp_path / "a.json"
    )


# What is loaded


def test_answering_a_checklist_loads_no_framework():
    code = (
        "import sys\n"
        "from repro_audit.cli.entry import run\n"
        f"run(['checklist', '--for', 'neurips', {str(TWO)!r}])\n"
        "sys.stderr.write(' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stderr.split())
    assert "repro_audit" in modules
    assert not modules & {"keras", "numpy", "tensorflow"}


def test_a_paper_with_one_manifest_answers_as_the_manifest_does(tmp_path, run, refused):
    paper = drawn(tmp_path / "paper.pdf", 1)
    one, two = tmp_path / "one.pdf", tmp_path / "two.pdf"
    assert run("attach", paper, TWO, "-o", one).code == 0
    assert run("checklist", "--for", "acm", one) == run("checklist", "--for", "acm", TWO)
    assert run("attach", paper, TWO, EXAMPLES / "threads-1.json", "-o", two).code == 0
    assert "holds 2 manifests" in refused("checklist", "--for", "acm", two)
