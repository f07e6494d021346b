"""What acts only after the runs have diverged is no cause of it."""

import copy

import pytest
from manifests import changed, document, record, rerun, value_at

from repro_audit.compare.causes import diagnose
from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.conditions import condition_differences

FITS = "outcomes/fits"
MODELS = "conditions/training/models"
ARGUMENTS = "conditions/training/fits"
SECOND = {f"{MODELS}/1/class_name": "Other", f"{ARGUMENTS}/1/arguments/shuffle": "other"}
FIRST = {f"{MODELS}/0/class_name": "Other", f"{ARGUMENTS}/0/arguments/shuffle": "other"}


def two_fits(base):
    """Return a run that trains a second model after the first."""
    (fit,), (model,) = value_at(base, FITS), value_at(base, MODELS)
    (arguments,) = value_at(base, ARGUMENTS)
    return changed(
        base,
        {
            FITS: [fit, {**fit, "model": 1}],
            MODELS: [model, copy.deepcopy(model)],
            ARGUMENTS: [arguments, copy.deepcopy(arguments) | {"model": 1}],
        },
    )


def diagnosed(changes, fit):
    """Return the kinds of causes and what acts only later, where runs diverge in a fit."""
    runs = record(two_fits(document())), record(changed(two_fits(rerun()), changes))
    first = FirstDifference(kind="epoch weights", text="", fit=fit, epoch=1)
    causes, later, excluded = diagnose(*runs, condition_differences(*runs), first, None)
    assert excluded == ()
    return {item.kind for item in causes}, {item.kind: item.reason for item in later}


@pytest.mark.parametrize("fit", [0, 1])
def test_a_condition_of_an_earlier_fit_may_be_the_cause(fit):
    assert diagnosed(FIRST, fit) == ({"model", "fit"}, {})


def test_a_condition_of_the_fit_in_which_they_diverge_may_be_the_cause():
    assert diagnosed(SECOND, 1) == ({"model", "fit"}, {})


def test_a_condition_of_a_later_fit_acts_later_with_that_reason():
    reason = "it acts only in a fit that begins after the runs diverge"
    assert diagnosed(SECOND, 0) == (set(), {"model": reason, "fit": reason})


def test_of_a_kind_that_acts_before_and_after_what_acts_before_is_named():
    causes, later = diagnosed(FIRST | SECOND, 0)
    assert causes == {"model", "fit"} == set(later)


def test_of_a_model_that_is_fitted_twice_each_fit_has_its_own_time():
    again = {f"{FITS}/1/model": 0}
    mine = changed(two_fits(document()), again)
    other = again | {f"{ARGUMENTS}/1/arguments/shuffle": "other"}
    runs = record(mine), record(changed(two_fits(rerun()), other))
    for fit, expected in ((0, []), (1, ["fit"])):
        first = FirstDifference(kind="epoch weights", text="", fit=fit, epoch=1)
        causes, *_ = diagnose(*runs, condition_differences(*runs), first, None)
        assert [item.kind for item in causes] == expected


def test_a_pipeline_has_the_time_of_its_fit():
    pipeline = {
        "fit": 1, "argument": "x", "kind": "Dataset", "op_determinism": False,
        "deterministic": True, "workers": None, "use_multiprocessing": None,
        "random": [], "stages": [],
    }  # fmt: skip
    datasets = "conditions/determinism/datasets"
    mine = changed(two_fits(document()), {datasets: [pipeline]})
    other = changed(two_fits(rerun()), {datasets: [pipeline | {"deterministic": False}]})
    runs = record(mine), record(other)
    for fit, expected in ((0, []), (1, ["pipeline_order"])):
        first = FirstDifference(kind="epoch weights", text="", fit=fit, epoch=1)
        causes, *_ = diagnose(*runs, condition_differences(*runs), first, None)
        assert [item.kind for item in causes] == expected


@pytest.mark.parametrize("turned", [False, True])
def test_what_only_one_run_has_begins_when_it_does_there(turned):
    execution = "conditions/determinism/execution"
    (one,) = value_at(document(), execution)
    more = changed(two_fits(rerun()), {execution: [one, {**one, "model": 1}]})
    mine, theirs = record(document()), record(more)
    runs = (theirs, mine) if turned else (mine, theirs)
    for fit, expected in ((0, set()), (1, {"training_ended", "model", "fit", "execution"})):
        first = FirstDifference(kind="epoch weights", text="", fit=fit, epoch=1)
        causes, *_ = diagnose(*runs, condition_differences(*runs), first, None)
        assert {item.kind for item in causes} == expected


@pytest.mark.parametrize("turned", [False, True])
def test_what_begins_earlier_in_one_run_may_be_the_cause_from_then_on(turned):
    earlier = {f"{FITS}/0/model": 1, f"{FITS}/1/model": 0, f"{MODELS}/1/class_name": "Other"}
    mine, theirs = record(two_fits(document())), record(changed(two_fits(rerun()), earlier))
    runs = (theirs, mine) if turned else (mine, theirs)
    first = FirstDifference(kind="epoch weights", text="", fit=0, epoch=1)
    causes, *_ = diagnose(*runs, condition_differences(*runs), first, None)
    assert [item.kind for item in causes] == ["model"]


def test_where_the_initial_weights_differ_no_model_is_set_aside_by_time():
    """A model that is trained later may have been built, and have drawn its seeds, before."""
    runs = record(two_fits(document())), record(changed(two_fits(rerun()), SECOND))
    first = FirstDifference(kind="initial weights", text="")
    causes, later, excluded = diagnose(*runs, condition_differences(*runs), first, None)
    assert {item.kind for item in causes} == {"model"}
    assert ([item.kind for item in later], excluded) == (["fit"], ())  # no weight follows from it
