"""How the sensitivity, a spread and a confirmation are shown."""

from __future__ import annotations

import json

import jsonschema
import pytest
from manifests import changed, document, parted, record, rerun
from pages import PAGES

from repro_audit.audit import (
    Confirmation,
    Control,
    Factor,
    RecordingCheck,
    RunSummary,
    Sensitivity,
    SharedFile,
    Spread,
    SpreadMetric,
    audit,
)
from repro_audit.report.html import render_html
from repro_audit.report.json import render_json
from repro_audit.report.latex import render_latex
from repro_audit.report.markdown import render_markdown
from repro_audit.report.text import render_text
from repro_audit_schemas import REGISTRY, schema

HOSTILE = "a\x1b[31m|b`\u202e::c\n"
STATES = ("Intel AVX-512 with Intel DL Boost and bfloat16 support", "Intel AVX2")
CHANGES = Factor(
    "isa", "changes the run", *STATES, "vary-isa", "", "step 1 of epoch 1: weight x", 1e-8, 2e-6
)
HIDDEN = Factor("jit", "not varied", "off", None, None, HOSTILE, hidden_by=("op determinism",))
MANIFESTS = (record(document()), record(rerun()))


def shown(**extra):
    return audit(*MANIFESTS)._replace(**extra)


EVERYTHING = shown(
    recording_check=RecordingCheck("no", "the same state"),
    sensitivity=Sensitivity((CHANGES, HIDDEN), runs=3, complete=True, text=""),
    spread=Spread(
        (812, None, 2**60),
        (
            SpreadMetric("loss", (1.0, 2.0), 1.5, 0.5, 1.0, 2.0),
            SpreadMetric(HOSTILE, (1.0, float("nan")), float("nan"), None, 1.0, 1.0),
        ),
        "",
    ),
    confirmation=Confirmation("thread count", "threads", None, HOSTILE),
    shared_files=(SharedFile(HOSTILE, "run-1", ("run-2",)),),
)


def test_json_is_valid_by_its_schema():
    validator = jsonschema.Draft202012Validator(schema("audit-2"), registry=REGISTRY)
    value = json.loads(render_json(EVERYTHING))
    validator.validate(value)
    value["sensitivity"]["factors"][0]["verdict"] = "perhaps"
    assert not validator.is_valid(value), "the negative"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_of_a_page_is_wider_than_it_should_be(width):
    text = render_text(shown(sensitivity=EVERYTHING.sensitivity), MANIFESTS, width=width)
    lines = text.split("Sensitivity: ")[1].splitlines()[1:]
    assert all(len(line) <= width for line in lines)
    together = " → ".join(STATES)
    beside = f"changes the run  {together}"
    assert (beside in text) == (width == 200)
    assert together in " ".join(text.split())


@pytest.mark.parametrize("render", [render_text, render_markdown])
def test_what_a_stranger_wrote_is_shown_and_steers_nothing(render):
    page = render(EVERYTHING, MANIFESTS)
    assert "\\x1b" in page
    for character in "\x1b\u202e":
        assert character not in page


@pytest.mark.parametrize("render", [render_text, render_markdown])
def test_every_experiment_is_on_the_page(render):
    page = render(EVERYTHING, MANIFESTS)
    for word in ("ensitivity", "changes the run", "not varied", "op determinism", "pread", "812"):
        assert word in page
    assert "1.0000, nan" in page
    bare = render(shown(), MANIFESTS)
    assert "ensitivity" not in bare
    assert "pread" not in bare


@pytest.mark.parametrize("render", [render_text, render_markdown, render_html, render_latex])
def test_a_cause_that_no_experiment_varies_is_not_offered_to_one(render):
    value = parted(document(), "epoch 1")
    threads = changed(value, {"conditions/determinism/backend/threads/intra_op/in_force": 1})
    rate = changed(value, {"conditions/training/models/0/optimizer/learning_rate": 7.0})
    shown = {}
    for name, other in (("threads", threads), ("rate", rate)):
        manifests = record(document()), record(other)
        result = audit(*manifests, names=["a.json", "b.json"])
        assert result.comparisons[0].causes, name
        shown[name] = render(result, manifests)
    assert "--confirm" not in shown["rate"]
    assert ("--confirm a.json b.json" in shown["threads"]) == (render is not render_latex)


@pytest.mark.parametrize(
    ("verdict", "before", "after", "word"),
    [
        ("divergent", "differ", "differ", "not needed"),
        ("inconclusive", "differ", "differ", "not caught"),
        ("divergent", "match", "match", "not caught"),
    ],
)
def test_a_control_of_runs_that_differ_before_its_flip_is_not_needed(verdict, before, after, word):
    control = Control(caught=False, before=before, after=after, text="it tells why")
    result = shown(verdict=verdict, control=control)
    for render in (render_text, render_markdown, render_html, render_latex):
        assert word in render(result, MANIFESTS)
    assert ("it vouches for agreement" in render_text(result, MANIFESTS)) is (word == "not needed")


def test_the_runs_of_a_repeat_are_confirmed_in_another_folder_than_theirs():
    """That repeat's own would be refused: it holds what is to be confirmed."""
    run = RunSummary("run-1", 0, "complete", 63)
    for runs, place in (((), ""), ((run,), "-d repeat/confirmed ")):
        result, manifests = PAGES["divergent"]()
        page = render_markdown(result._replace(runs=runs), manifests)
        assert f"repro-audit repeat {place}--confirm " in page


def test_the_command_that_confirms_names_what_was_repeated():
    result, manifests = PAGES["divergent"]()
    for repeated, named in (("", "SCRIPT ARGS"), ("train.py --epochs 3", "train.py --epochs 3")):
        command = f"/run-1/manifest.json build/run-2/manifest.json {named}\n"
        assert command in render_markdown(result._replace(repeated=repeated), manifests)


def test_what_differed_and_changed_nothing_is_said_once_a_kind_in_words():
    other = {
        "conditions/seeds/hash_seed/probe": "another",
        "conditions/seeds/hash_seed/requested": "7",
        "conditions/determinism/backend/threads/intra_op/in_force": 1,
        "conditions/environment/memory_bytes": 7,
    }
    words = "hash seed: 0 → 7; thread count: 2 → 1; memory of the machine"
    for change, said in (({}, ""), (other, words)):
        manifests = record(document()), record(changed(rerun(), change))
        result = audit(*manifests)
        assert result.verdict == "identical"
        text = render_text(result, manifests, width=120)
        assert ("Differed and changed nothing: " in text) is bool(change)
        assert said in text


@pytest.mark.parametrize("confirmed", [True, False, None])
def test_what_an_experiment_comes_to_is_what_is_told_first(confirmed):
    """Of runs that agree; others were no ground for one."""
    found = Confirmation("thread count", "threads", confirmed, "it tells why")
    word = {True: "confirmed", False: "not confirmed", None: "not decided"}[confirmed]
    for verdict in ("identical", "divergent"):
        text = render_text(shown(verdict=verdict, confirmation=found), MANIFESTS)
        first = f"{word}  thread count; without it the runs are identical"
        assert text.startswith(first if verdict == "identical" else "divergent")


def test_of_several_causes_each_may_have_acted():
    other = {
        "conditions/determinism/backend/threads/intra_op/in_force": 1,
        "conditions/training/models/0/optimizer/config/learning_rate": 0.003000000026077032,
    }
    manifests = record(document()), record(changed(parted(document(), "epoch 1"), other))
    text = render_text(audit(*manifests), manifests)
    assert "\nWhy, likely: optimizer: learning_rate 0.001 → 0.003" in text
    assert "\nAlso, possible: thread count: 2 → 1" in text


def test_files_that_a_run_leaves_are_a_warning_until_a_run_without_them_agrees():
    left = SharedFile("best.keras", "run-1", ())
    apart = RunSummary("apart", 0, "complete", 63)
    for verdict, runs, files, word in (
        ("identical", (apart,), (left,), "info"),
        ("identical", (), (left,), "warning"),
        ("divergent", (apart,), (left,), "warning"),
        ("identical", (apart,), (left._replace(read_by=("run-2",)),), "warning"),
    ):
        result = shown(verdict=verdict, runs=runs, shared_files=files)
        assert f"\n{word}  files shared between runs" in render_text(result, MANIFESTS)
