"""Answers rest on fields of the manifest, and nothing is claimed that was not recorded."""

from __future__ import annotations

import math
import re

import pytest
from ensembles import drawn_ensemble
from manifests import changed, document, record, sealed

from repro_audit.audit.checklist import FORMS, STATUSES, Checklist, answer
from repro_audit.manifest import parse
from repro_audit.report.checklist import render_json, render_markdown, render_text

NONE = "not recorded"
CHECKLISTS = tuple(FORMS)
PARTS = ("data", "seeds", "training", "determinism", "packages", "environment", "code")
HISTORY = b'{"loss": [1.5, 0.25], "accuracy": [0.5, 0.75]}'


def real():
    """Return a real manifest in which nothing is missing."""
    return changed(document(), {"missing": []})


def items(value, name):
    """Return the items of a checklist that a JSON value answers, by their number."""
    return {item.number: item for item in answer(record(value), name).items}


def at(value, path):
    """Return what stands at a JSONPath of keys and indices; it must exist."""
    for key, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        value = value[key] if key else value[int(index)]
    return value


def scalars(value):
    """Yield every key and scalar of a JSON value as a text."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    else:
        yield str(value)


def emptied(value):
    """Return a manifest of a complete run that records nothing else."""
    information = {
        "started": None, "updated": None, "duration_s": None, "epoch_durations_s": [],
        "peak_memory_bytes": None, "labels": [], "failure": None,
    }  # fmt: skip
    digests = {"initial_weights": None, "epochs": [], "history": None, "final_state": None}
    outcomes = {
        "digests": {**digests, "trace": None}, "fits": [], "evaluations": [],
        "initial_weights": [], "final_state": [], "trace": None,
    }  # fmt: skip
    return {
        **value,
        "missing": [],
        "conditions": dict.fromkeys(value["conditions"]),
        "outcomes": outcomes,
        "information": information,
    }


# The checklists


@pytest.mark.parametrize(("name", "count"), [("neurips", 16), ("icml", 21), ("acm", 9)])
def test_a_checklist_has_all_its_items_each_with_a_number_of_its_own(name, count):
    numbers = [item.number for item in FORMS[name].items]
    assert len(numbers) == len(set(numbers)) == count
    if name == "neurips":
        assert numbers == [str(number) for number in range(1, count + 1)]


def test_the_reproducibility_checklist_has_five_groups():
    groups = [item.number.split(".")[0] for item in FORMS["icml"].items]
    assert [groups.count(group) for group in "12345"] == [3, 2, 5, 5, 6]


@pytest.mark.parametrize("name", CHECKLISTS)
def test_a_source_is_an_official_page(name):
    assert re.match(r"https://(neurips\.cc|www\.cs\.mcgill\.ca|www\.acm\.org)/", FORMS[name].source)


# Paths


@pytest.mark.parametrize("name", CHECKLISTS)
def test_every_path_leads_to_a_field_of_the_manifest(name):
    for value in (document(), changed(document(), {"status": "failed", "conditions/code": None})):
        for item in items(value, name).values():
            for path in item.paths:
                at(value, path)


def test_a_path_that_leads_nowhere_is_seen():
    with pytest.raises((KeyError, IndexError, TypeError)):
        at(document(), "$.conditions.seeds.declared_in")


@pytest.mark.parametrize("name", CHECKLISTS)
def test_what_is_answered_has_a_text_and_paths_and_what_is_not_has_no_text(name):
    for item in items(real(), name).values():
        answered = item.status != NONE
        assert (bool(item.text), bool(item.paths)) == (answered, answered)
        assert item.status in STATUSES
        assert item.status != "answered" or not item.left


# Removal


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", CHECKLISTS)
def test_what_rests_on_a_part_goes_with_it_and_nothing_else_does(name, part):
    before = items(real(), name)
    after = items(changed(real(), {f"conditions/{part}": None}), name)
    gone = f"$.conditions.{part}"
    for number, item in before.items():
        rest = tuple(path for path in item.paths if not path.startswith(gone))
        assert after[number].paths == rest
        assert (after[number].status == NONE) == (not rest)
        if rest != item.paths:
            assert "not recorded" in after[number].left
        else:
            assert after[number] == item


@pytest.mark.parametrize("part", PARTS)
def test_every_part_answers_something_somewhere(part):
    paths = [
        path for name in CHECKLISTS for item in items(real(), name).values() for path in item.paths
    ]
    assert any(path.startswith(f"$.conditions.{part}") for path in paths)


@pytest.mark.parametrize(
    ("field", "empty"),
    [
        ("outcomes/evaluations", []),
        ("outcomes/initial_weights", []),
        ("outcomes/initial_weights/0", None),
        ("outcomes/digests/trace", None),
        ("information/duration_s", None),
        ("information/peak_memory_bytes", None),
        ("conditions/environment/accelerators", None),
        ("conditions/environment/memory_bytes", None),
        ("conditions/environment/cpu/model", None),
        ("conditions/environment/backend", None),
        ("conditions/code/git", None),
        ("conditions/code/entry_point", None),
        ("conditions/code/files", {}),
        ("conditions/packages/requirements", []),
        ("conditions/packages/distributions", {}),
        ("conditions/training/models/0/optimizer", None),
        ("conditions/training/models/0/loss", None),
        ("conditions/training/models/0/config_digest", None),
        ("conditions/seeds/layers", []),
    ],
)
def test_no_answer_rests_on_a_field_that_holds_nothing(field, empty):
    value = changed(real(), {field: empty})
    path = "$" + "".join(f"[{key}]" if key.isdigit() else f".{key}" for key in field.split("/"))

    def resting(value):
        return [
            (name, number)
            for name in CHECKLISTS
            for number, item in items(value, name).items()
            if any(
                other == path or other.startswith((f"{path}.", f"{path}[")) for other in item.paths
            )
        ]

    assert resting(real())
    assert resting(value) == []


@pytest.mark.parametrize("name", CHECKLISTS)
def test_a_manifest_that_records_nothing_answers_nothing(name):
    left = {"1.4"} if name == "acm" else set()
    for number, item in items(emptied(real()), name).items():
        assert (item.status == NONE) == (number not in left)
    for item in items({**emptied(real()), "status": "running"}, name).values():
        assert (item.status, item.text) == (NONE, "")


# Incomplete runs


@pytest.mark.parametrize("status", ["running", "failed"])
@pytest.mark.parametrize("name", CHECKLISTS)
def test_a_run_that_is_not_complete_answers_nothing_about_outcomes(name, status):
    before, after = items(real(), name), items(changed(real(), {"status": status}), name)
    for number, item in after.items():
        assert not [path for path in item.paths if path.startswith(("$.outcomes", "$.information"))]
        if before[number].paths != item.paths:
            assert f"the run is not complete: it is {status}" in item.left
            assert "$.status" in item.paths


def test_a_control_run_answers_nothing_about_outcomes():
    flip = {"step": 1, "model": 0, "position": 0, "element": 0, "bit": 12}
    item = items(changed(real(), {"positive_control": flip}), "icml")["5.5"]
    assert (item.status, item.paths) == (NONE, ("$.positive_control",))
    assert "positive control" in item.left


def test_what_a_failed_run_was_controlled_with_is_still_recorded():
    assert "812" in items(changed(real(), {"status": "failed"}), "neurips")["4"].text


# A Keras history


@pytest.mark.parametrize("name", CHECKLISTS)
def test_a_history_answers_only_with_its_last_values(name):
    for item in answer(parse(HISTORY, "history.json"), name).items:
        if item.status != NONE:
            assert item.text == "Last values of the history: loss 0.25, accuracy 0.75."
            assert item.paths == ("$",)
        else:
            assert item.paths == ()


def test_a_manifest_that_calls_itself_a_history_is_none():
    value = {**real(), "recorder": "history.json"}
    assert "$.outcomes.fits[0].history" in items(value, "acm")["1.2"].paths


# What is said


def derived(value, paths):
    """Return the numbers that follow from a manifest without standing in it."""
    fits = value["outcomes"]["fits"]
    layers = value["conditions"]["seeds"]["layers"]
    weights = value["outcomes"]["initial_weights"][0]
    numbers = {
        "$.conditions.seeds.layers": [
            sum(item["given"] for item in layers),
            sum(not item["given"] for item in layers),
        ],
        "$.conditions.training.models[0].config": [
            0,
            len(value["conditions"]["training"]["models"][0]["config"]["config"]["layers"]),
        ],
        "$.conditions.training.models[0].class_name": [0],
        "$.conditions.training.fits[0].arguments": [0],
        "$.conditions.determinism.datasets[1]": [0],
        "$.conditions.packages.distributions": [
            len(value["conditions"]["packages"]["distributions"])
        ],
        "$.conditions.code.files": [len(value["conditions"]["code"]["files"])],
        "$.conditions.environment.memory_bytes": [
            round(value["conditions"]["environment"]["memory_bytes"] / 2**30, 1)
        ],
        "$.information.peak_memory_bytes": [
            round(value["information"]["peak_memory_bytes"] / 2**30, 1)
        ],
        "$.outcomes.initial_weights[0]": [
            0,
            sum(math.prod(item["shape"]) for item in weights if item["role"] in {"kernel", "bias"}),
        ],
        "$.outcomes.fits": [
            len(fits),
            sum(len(fit["epochs"]) for fit in fits),
            sum(fit["steps"] for fit in fits),
        ],
        "$.outcomes.fits[0].history": [0],
        "$.outcomes.evaluations": [len(value["outcomes"]["evaluations"])],
        "$.outcomes.evaluations[0].results": [0],
        "$.outcomes.digests.epochs": [len(value["outcomes"]["digests"]["epochs"])],
    }
    return {str(number) for path in paths for number in numbers.get(path, ())}


def unfounded(value, item):
    """Return the words of an answer with a digit that no field it names holds."""
    known = [text for path in item.paths for text in scalars(at(value, path))]
    tokens = {token for text in known for token in (text, *re.split(r"[^\w.+-]+", text))}
    tokens |= derived(value, item.paths)
    words = [word.strip("()[],.:;…'").rpartition("=")[2] for word in item.text.split()]
    words = [word.replace(",", "") for word in words if re.search(r"\d", word)]
    # A digest is shortened.
    return [
        word
        for word in words
        if word not in tokens and not (len(word) > 12 and any(word in text for text in known))
    ]


@pytest.mark.parametrize("name", CHECKLISTS)
def test_every_number_of_an_answer_stands_in_its_fields_or_counts_them(name):
    for run in ("threads-2", "threads-1"):
        value = document(run)
        for item in items(value, name).values():
            assert unfounded(value, item) == []


def test_a_number_that_stands_nowhere_is_seen():
    item = items(real(), "neurips")["8"]
    assert unfounded(real(), item._replace(text=item.text.replace("3.273", "3.274"))) == ["3.274"]
    assert unfounded(real(), item._replace(paths=item.paths[:1]))


def test_a_commit_is_said_to_be_clean_or_dirty():
    for dirty, word in ((True, "dirty"), (False, "clean")):
        git = {"commit": "a" * 40, "dirty": dirty, "diff_digest": None}
        text = items(changed(real(), {"conditions/code/git": git}), "neurips")["5"].text
        assert ("dirty" in text, "clean" in text) == (word == "dirty", word == "clean")


def test_no_accelerator_differs_from_accelerators_that_nobody_recorded():
    place = "conditions/environment/accelerators"
    none_seen = items(changed(real(), {place: []}), "icml")["5.6"]
    assert (none_seen.status, none_seen.left) == ("answered", "")
    assert "No driver reported an accelerator." in none_seen.text
    unknown = items(changed(real(), {place: None}), "icml")["5.6"]
    assert (unknown.status, unknown.left) == ("in part", "not recorded: accelerators")
    assert "ccelerator" not in unknown.text


def test_no_seed_differs_from_a_seed_that_could_not_be_read():
    place = "conditions/seeds/declared"
    assert "No seed was declared." in items(changed(real(), {place: None}), "neurips")["4"].text
    missing = [{"path": "$.conditions.seeds.declared", "reason": "Keras did not say"}]
    value = changed(real(), {place: None, "missing": missing})
    assert "declared" not in items(value, "neurips")["4"].text


def test_why_something_is_missing_is_said_as_the_manifest_says_it():
    missing = [
        {"path": "$.conditions.datasets", "reason": "another field"},
        {"path": "$.conditions.data", "reason": "run.data was not called"},
    ]
    item = items(changed(real(), {"conditions/data": None, "missing": missing}), "icml")["3.1"]
    assert (item.status, item.paths) == (NONE, ("$.missing[1].reason",))
    assert item.left == "not recorded: data sets (run.data was not called)"


def test_one_run_gives_no_error_bars():
    for name, number in (("neurips", "7"), ("icml", "5.4")):
        item = items(real(), name)[number]
        assert (item.status, item.text, item.paths) == (NONE, "", ())
        assert "one run" in item.left


def test_no_item_says_that_a_badge_is_earned():
    checklist = answer(record(real()), "acm")
    assert {item.status for item in checklist.items} == {"in part", NONE}
    for number in ("1.6", "2.1", "3.1", "3.2"):
        assert items(real(), "acm")[number].status == NONE
    for item in checklist.items:
        assert not re.search(
            r"badge|award|earn|deserv|reproduced|replicated", item.text + item.left
        )
        assert item.left


def test_a_second_model_and_many_fits_are_told_apart():
    value = real()
    training = value["conditions"]["training"]
    training["models"] = [{**training["models"][0], "loss": loss} for loss in ("a", "b")]
    training["fits"] *= 5
    text = items(value, "neurips")["6"].text
    assert "Loss of model 0: a." in text
    assert "Loss of model 1: b." in text
    assert "Callbacks of fit 2: none. The manifest describes 2 fits more." in text


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("conditions/training/models/0/config", [1]),
        ("conditions/training/models/0/config", {"config": {"layers": {"a": 1}}}),
        ("conditions/training/models/0/config", {"config": []}),
        ("conditions/training/models/0/optimizer", {"class_name": {"x": 1}, "config": [1]}),
        ("conditions/training/models/0/optimizer", "adam"),
        ("conditions/training/models/0/metrics", [[[[["accuracy"]]]], None, 1.5, True]),
        ("conditions/training/models/0/loss", {"out": "mse"}),
        ("conditions/seeds/declared", "0x" + "f" * 1000),
        ("conditions/environment/memory_bytes", 10**300),
        ("outcomes/initial_weights/0/0/shape", [2**53] * 40),
        ("outcomes/fits/0/history/loss", ["NaN"]),
        ("outcomes/fits/0/history/loss", [None]),
        ("outcomes/fits/0/history/loss", []),
        ("outcomes/fits/0/steps", None),
        ("information/duration_s", "Infinity"),
        ("conditions/determinism/backend/op_determinism", "unknown"),
    ],
)
def test_a_strange_value_is_answered_without_an_error(place, value):
    for name in CHECKLISTS:
        checklist = answer(record(changed(real(), {place: value})), name)
        for render in (render_text, render_markdown, render_json):
            assert render(checklist)
        assert all(len(item.text) < 2500 for item in checklist.items)


def test_a_time_that_is_no_number_is_not_told():
    assert items(changed(real(), {"information/duration_s": "NaN"}), "icml")["5.5"].status == NONE


def test_a_checklist_that_does_not_exist_is_a_key_error():
    with pytest.raises(KeyError):
        answer(record(real()), "nature")
    assert isinstance(answer(record(real()), "acm"), Checklist)


@pytest.mark.parametrize("name", FORMS)
def test_no_reason_is_given_that_is_about_something_else(name):
    missing = [
        {"path": "$.conditions.determinism.backend.isa.in_force", "reason": "only its log tells"}
    ]
    value = changed(document(), {"missing": missing, "conditions/determinism/datasets": []})
    assert "only its log tells" not in str(answer(record(value), name).items)
    missing[0]["path"] = "$.conditions.determinism"
    value = changed(value, {"missing": missing, "conditions/determinism": None})
    assert "$.missing[0].reason" in str(answer(record(value), name).items) or name == "acm"


@pytest.mark.parametrize(("name", "number"), [("neurips", "7"), ("icml", "5.4")])
def test_other_seeds_answer_what_is_asked_of_error_bars(name, number):
    """One run cannot; nor can runs that rounding alone has moved."""
    content = sealed(document())
    run = record(document())
    ensemble, rounding = drawn_ensemble(content, seeds=0.01), drawn_ensemble(content, rounding=0.01)
    found = {item.number: item for item in answer(run, name, ensemble).items}[number]
    assert found.status == "in part"
    assert found.text.startswith("Mean ± standard deviation over 10 seeds: accuracy 0.13")
    for without in (None, rounding):
        item = {item.number: item for item in answer(run, name, without).items}[number]
        assert item.status == "not recorded"


def test_numbers_of_a_stranger_that_are_too_large_answer_nothing():
    ensemble = drawn_ensemble(sealed(document()), seeds=0.01)
    huge = tuple(
        item._replace(series=dict.fromkeys(item.series, (1.7e308,))) for item in ensemble.members
    )
    found = answer(record(document()), "neurips", ensemble._replace(members=huge)).items
    assert {item.number: item for item in found}["7"].status == "not recorded"
