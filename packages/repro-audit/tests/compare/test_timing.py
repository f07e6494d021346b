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
    """Return the kinds of causes and what is ruled out, where runs diverge in a fit."""
    runs = record(two_fits(document())), record(changed(two_fits(rerun()), changes))
    first = FirstDifference(kind="epoch weights", text="", fit=fit, epoch=1)
    causes, excluded = diagnose(*runs, condition_differences(*runs), first, None)
    return {item.kind for item in causes}, {item.kind: item.reason for item in excluded}


@pytest.mark.parametrize("fit", [0, 1])
def test_a_condition_of_an_earlier_fit_may_be_the_cause(fit):
    assert diagnosed(FIRST, fit) == ({"model", "fit"}, {})


def test_a_condition_of_the_fit_in_which_they_diverge_may_be_the_cause():
    assert diagnosed(SECOND, 1) == ({"model", "fit"}, {})


def test_a_condition_of_a_later_fit_is_ruled_out_with_that_reason():
    reason = "it acts only in a fit that begins after the runs diverge"
    assert diagnosed(SECOND, 0) == (set(), {"model": reason, "fit": reason})


def test_of_a_kind_that_acts_before_and_after_what_acts_before_is_named():
    causes, excluded = diagnosed(FIRST | SECOND, 0)
    assert causes == {"model", "fit"} == set(excluded)


def test_where_the_initial_weights_differ_nothing_is_ruled_out_by_time():
    """A model that is trained later may have been built, and have drawn its seeds, before."""
    runs = record(two_fits(document())), record(changed(two_fits(rerun()), SECOND))
    first = FirstDifference(kind="initial weights", text="")
    causes, excluded = diagnose(*runs, condition_differences(*runs), first, None)
    assert {item.kind for item in causes} == {"model", "fit"}
    assert excluded == ()
