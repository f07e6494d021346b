"""Where neither run holds anything, nothing matches: it is missing, and no verdict rests on it."""

from __future__ import annotations

import pytest
from manifests import changed, document, record, rerun

from repro_audit.compare import compare

FIT = ("outcomes", "fits", 0)


def both(changes, **options):
    """Compare two runs that have the same changes."""
    sides = (record(changed(value, changes)) for value in (document(), rerun()))
    return compare(*sides, **options)


def said(comparison, field):
    """Return the verdict on one outcome, and its detail."""
    return next((item.verdict, item.detail) for item in comparison.fields if item.field == field)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("trace", {"outcomes/trace/rows": 0}),
        ("initial weights", {"outcomes/initial_weights": [[]]}),
        ("final state", {"outcomes/final_state": [[]]}),
        ("epoch weights", {"outcomes/fits": [], "conditions/training/fits": []}),
        ("steps", {"outcomes/fits": [], "conditions/training/fits": []}),
        ("steps", {(*FIT, "steps"): 0}),
        ("history", {(*FIT, "history"): {}}),
        ("history", {(*FIT, "history"): {"loss": []}}),
        ("evaluation", {"outcomes/evaluations/0/results": {}}),
    ],
)
def test_what_both_have_nothing_of_is_missing(field, changes):
    assert said(both(changes), field) == ("missing", "nothing to compare")
    assert said(both({}), field)[0] == "match"


def test_agreement_on_nothing_is_no_agreement():
    """Two histories whose metrics are all ignored have the same fits, and no value."""
    alone = {
        "outcomes/digests/final_state": None,
        "outcomes/final_state": [],
        "outcomes/initial_weights": [],
        "outcomes/evaluations": [],
        "trace": None,
    }
    names = list(document()["outcomes"]["fits"][0]["history"])
    result = both(alone, require="history")
    assert (result.verdict, result.evidence) == ("identical", "history")
    result = both(alone | {(*FIT, "epochs"): []}, require="history", ignore_metrics=names)
    assert result.verdict == "inconclusive"
    assert "nothing to compare" in result.reason


def test_what_only_one_run_holds_is_missing_in_the_other():
    """Not the same as nothing in both."""
    other = record(changed(rerun(), {(*FIT, "steps"): None}))
    assert said(compare(record(document()), other), "steps") == ("missing", "in the actual run")


def test_what_neither_run_has_recorded_is_missing_in_both():
    """As in two histories: there was something to compare."""
    result = both({(*FIT, "epochs"): [], (*FIT, "steps"): None}, require="history")
    assert said(result, "epoch weights") == said(result, "steps") == ("missing", "in both runs")
