"""A manifest of one fit says what a run of that fit alone would have said."""

import json

import pytest
from manifests import changed, document, record, two_models

from repro_audit.manifest import of_fit, unstructure

BEGINNING = {
    "conditions/seeds/python/as_seeded": None,
    "conditions/seeds/numpy/as_seeded": None,
    "conditions/initializers/restored": None,
}


def alone(value, number):
    """Return what a manifest says of one fit, as a JSON value."""
    return unstructure(of_fit(record(value), number))


def again():
    """Return a run of two models, in which the first is trained once more in the end."""
    value = two_models(seeded_again=True)
    value["outcomes"]["fits"].append(dict(value["outcomes"]["fits"][0]))
    value["conditions"]["training"]["fits"].append(dict(value["conditions"]["training"]["fits"][0]))
    return value


# One fit of one


def test_the_only_fit_of_a_run_has_its_conditions_and_outcomes():
    """Only what was seen when recording began, times, and digests of the trace are left out."""
    run = document()
    fit = alone(run, 0)
    assert fit["conditions"] == changed(run, BEGINNING)["conditions"]
    for part in ("evaluations", "initial_weights", "final_state"):
        assert fit["outcomes"][part] == run["outcomes"][part]
    assert fit["outcomes"]["digests"] == {**run["outcomes"]["digests"], "trace": None}
    assert fit["outcomes"]["fits"] == [{**run["outcomes"]["fits"][0], "trace": [None]}]


def test_it_is_a_run_of_its_own_without_times():
    run = document()
    first, second = (of_fit(record(two_models(seeded_again=True)), number) for number in (0, 1))
    assert len({run["run_id"], first.run_id, second.run_id}) == 3
    assert (first.information.started, first.information.duration_s) == (None, None)
    assert first.information.labels == record(run).information.labels


# One fit of two


@pytest.mark.parametrize("number", [0, 1])
def test_of_another_model_and_fit_nothing_is_left(number):
    """Where a script trains equal models, the part of each is what one alone would leave."""
    assert {**alone(two_models(seeded_again=True), number), "run_id": ""} == {
        **alone(document(), 0),
        "run_id": "",
    }


def test_the_second_model_keeps_what_is_its_own():
    run = two_models(seeded_again=False)
    first, second = alone(run, 0), alone(run, 1)
    for part in ("seeds", "initializers"):
        mine, theirs = (
            {item["seed"] for item in fit["conditions"][part]["layers"]} - {None}
            for fit in (first, second)
        )
        assert len(mine) == len(theirs) > 0
        assert mine.isdisjoint(theirs)
    assert first["outcomes"]["digests"] != second["outcomes"]["digests"]
    assert second["outcomes"]["fits"][0]["epochs"] == run["outcomes"]["fits"][1]["epochs"]


def test_what_both_share_is_in_both():
    first, second = (alone(two_models(seeded_again=False), number) for number in (0, 1))
    for part in ("packages", "environment", "code", "data"):
        assert (
            first["conditions"][part]
            == second["conditions"][part]
            == document()["conditions"][part]
        )


def test_what_is_missing_of_a_model_goes_with_it():
    """At the place where the model then stands; what is missing of another one is left out."""
    missing = [
        {"path": "$.conditions.training.models[1].loss", "reason": "the second's"},
        {"path": "$.outcomes.initial_weights[0]", "reason": "the first's"},
        {"path": "$.conditions.environment.cpu", "reason": "the run's"},
    ]
    run = {**two_models(seeded_again=True), "missing": missing}
    assert [(item["path"], item["reason"]) for item in alone(run, 1)["missing"]] == [
        ("$.conditions.training.models[0].loss", "the second's"),
        ("$.conditions.environment.cpu", "the run's"),
    ]
    assert [item["reason"] for item in alone(run, 0)["missing"]] == ["the first's", "the run's"]


# Several fits of one model


def test_a_model_that_is_trained_again_later_has_no_known_end():
    """What it ends with, it has from the later fit."""
    fit = of_fit(record(again()), 0)
    assert fit.outcomes.final_state == (None,)
    assert fit.outcomes.digests.final_state is None
    assert fit.evidence == "history"
    assert fit.outcomes.initial_weights[0] is not None
    assert "trained again" in next(
        item.reason for item in fit.missing if item.path == "$.outcomes.final_state[0]"
    )


def test_a_model_that_was_trained_before_has_no_known_beginning():
    fit = of_fit(record(again()), 2)
    assert fit.outcomes.initial_weights == (None,)
    assert fit.outcomes.final_state[0] is not None
    assert of_fit(record(again()), 1).outcomes.initial_weights[0] is not None


def test_an_evaluation_belongs_to_the_fit_before_it():
    """Those of the model between its fit before and its next one; of another model none do."""
    run = again()
    once, *_ = run["outcomes"]["evaluations"]
    run["outcomes"]["evaluations"] = [
        {**once, "model": model, "after_fits": after, "results": {"loss": float(number)}}
        for number, (model, after) in enumerate([(0, 0), (0, 1), (1, 1), (1, 2), (0, 2), (0, 3)])
    ]
    found = [
        [
            (item.results["loss"], item.after_fits)
            for item in of_fit(record(run), number).outcomes.evaluations
        ]
        for number in range(3)
    ]
    assert found == [
        [(0.0, 0), (1.0, 1), (4.0, 1)],
        [(2.0, 0), (3.0, 1)],
        [(1.0, 0), (4.0, 0), (5.0, 1)],
    ]


# Data


def given(roles):
    """Return a run of two fits, given arrays, with so many data sets of each role."""
    run = two_models(seeded_again=True)
    known = document()["conditions"]["data"]
    template = next(iter(known.values()))
    run["conditions"]["data"] = {
        role: {**template, "of_call": True, "digest": "sha256:" + str(number) * 64}
        for number, role in enumerate(roles)
    }
    for item in run["conditions"]["determinism"]["datasets"]:
        item["kind"] = "arrays"
    return run


def digits(run, number):
    """Return the data of a fit: for each role, what its digest is made of."""
    data = of_fit(record(run), number).conditions.data
    return {role: item.digest.removeprefix("sha256:")[0] for role, item in data.items()}


def test_of_as_many_data_sets_as_fits_each_has_its_own():
    """Under the name that the only one would have."""
    run = given(["train", "train_2", "validation", "mine"])
    assert digits(run, 0) == {"train": "0", "validation": "2", "mine": "3"}
    assert digits(run, 1) == {"train": "1", "validation": "2", "mine": "3"}


def test_what_a_model_was_evaluated_on_goes_with_it():
    run = given(["test", "test_2"])
    assert (digits(run, 0), digits(run, 1)) == ({"test": "0"}, {"test": "1"})
    run = given(["test"])
    assert (digits(run, 0), digits(run, 1)) == ({"test": "0"}, {"test": "0"})


def test_which_of_fewer_data_sets_a_fit_was_given_is_said_not_to_be_known():
    run = given(["train", "train_2"])
    run["conditions"]["training"]["fits"].append(run["conditions"]["training"]["fits"][0])
    run["outcomes"]["fits"].append({**run["outcomes"]["fits"][0], "model": 0})
    first, *_ = run["conditions"]["determinism"]["datasets"]
    run["conditions"]["determinism"]["datasets"].append({**first, "fit": 2, "argument": "x"})
    assert digits(run, 0) == {}
    assert "$.conditions.data" in [item.path for item in of_fit(record(run), 0).missing]
    assert digits(given(["train"]), 0) == {"train": "0"}


def test_a_fit_that_was_given_no_arrays_has_none():
    """Those of the other fit are not its own."""
    run = given(["train"])
    for item in run["conditions"]["determinism"]["datasets"]:
        item["kind"] = "generator" if item["fit"] == 1 else "arrays"
    assert (digits(run, 0), digits(run, 1)) == ({"train": "0"}, {})


def test_data_that_the_script_named_itself_is_the_runs():
    run = given(["train", "train_2"])
    for item in run["conditions"]["data"].values():
        item["of_call"] = False
    assert digits(run, 0) == digits(run, 1) == {"train": "0", "train_2": "1"}


# A stranger's


@pytest.mark.parametrize(
    "changes",
    [
        {"conditions/training": None},
        {"conditions/determinism": None},
        {"conditions/seeds": None, "conditions/initializers": None, "conditions/data": None},
        {"outcomes/fits/1/model": 9},
        {"outcomes/fits/1/model": None},
        {"outcomes/initial_weights": [], "outcomes/final_state": [], "information/labels": []},
        {"trace": None},
    ],
    ids=json.dumps,
)
def test_what_a_manifest_lacks_its_parts_lack(changes):
    """Whatever a valid one holds, a part of it can be made."""
    run = changed(two_models(seeded_again=False), changes)
    for number in (0, 1):
        assert len(of_fit(record(run), number).outcomes.fits) == 1
