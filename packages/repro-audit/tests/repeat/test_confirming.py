"""What an experiment says of the first cause of a difference."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from manifests import NAMES, changed, document, record, rerun

from repro_audit.audit import Audit, Factor, Sensitivity, audit
from repro_audit.errors import RunError
from repro_audit.repeat.confirming import Suspicion, confirm, suspicion
from repro_audit.repeat.factors import factor_named

EXPECTED, ACTUAL = (record(document(name)) for name in NAMES)
ANOTHER = "sha256:" + "1" * 64


def suspected(actual=ACTUAL):
    return suspicion(EXPECTED, actual, audit(EXPECTED, actual))


def result(verdict="changes the run", where=None):
    factor = Factor("threads", verdict, "2", "1", "vary-threads", "", where)
    return Audit("identical", "", "trace", (), sensitivity=Sensitivity((factor,), 1, None, ""))


def test_the_first_cause_of_the_examples_is_the_thread_count():
    found = suspected()
    assert (found.factor, found.cause) == ("threads", "thread count: 2 → 1")


def test_a_difference_at_the_same_place_confirms_it():
    found = suspected()
    said = confirm(found, EXPECTED, result(where=found.where))
    assert said.confirmed is True
    assert said.text.endswith("; so do the two given.")


def test_runs_that_end_in_the_bits_of_the_two_given_are_said_to():
    found = suspected()
    text = "this run ends in the bits of the one, and varied in those of the other."
    for run, varied in ((EXPECTED, ACTUAL), (ACTUAL, EXPECTED)):
        assert confirm(found, run, result(where=found.where), varied).text.endswith(text)
    for run, varied in ((EXPECTED, EXPECTED), (EXPECTED, None)):
        assert text not in confirm(found, run, result(where=found.where), varied).text


def of_factor(name, where):
    factor = Factor(name, "changes the run", "1", "2", f"vary-{name}", "", where)
    return Audit("identical", "", "trace", (), sensitivity=Sensitivity((factor,), 1, None, ""))


@pytest.mark.parametrize(
    ("factor", "seeds", "confirmed"),
    [
        ("batch-order", (812, 812), None),
        ("seed", (812, 813), None),
        ("seed", (5, 6), True),
        ("seed", (None, None), True),
        ("python-seed", (None, None), True),
        ("threads", (812, 812), True),
    ],
)
def test_an_order_or_a_seed_is_confirmed_only_by_runs_that_end_as_the_two_given(
    factor, seeds, confirmed
):
    """Another order makes any run differ at its first batch, whatever else does."""
    found = suspected()._replace(factor=factor, seeds=seeds)
    said = confirm(found, EXPECTED, of_factor(factor, found.where), EXPECTED)
    assert said.confirmed is confirmed
    assert ("something else may differ there as well" in said.text) is (confirmed is None)
    assert confirm(found, EXPECTED, of_factor(factor, found.where), ACTUAL).confirmed is True


def test_a_difference_elsewhere_leaves_it_open():
    said = confirm(suspected(), EXPECTED, result(where="step 9 of epoch 9: weight of something"))
    assert said.confirmed is None
    assert "it may be another difference" in said.text


def test_no_effect_refutes_it():
    assert confirm(suspected(), EXPECTED, result("no effect seen")).confirmed is False


def test_what_could_not_be_varied_leaves_it_open():
    assert confirm(suspected(), EXPECTED, result("not varied")).confirmed is None


def test_another_model_says_nothing_of_the_two_given():
    other = changed(rerun(), {"conditions/training/models/0/config_digest": ANOTHER})
    found = suspected()
    said = confirm(found, record(other), result(where=found.where))
    assert said.confirmed is None
    assert "trains another model" in said.text


def test_runs_that_do_not_differ_leave_nothing_to_confirm():
    with pytest.raises(RunError, match=r"nothing to confirm: identical"):
        suspected(record(rerun()))


def with_seed(seed):
    fields = {"conditions/seeds/declared": seed, "outcomes/initial_weights/0/0/digest": ANOTHER}
    return record(changed(rerun(), fields))


def test_of_a_cause_that_no_request_can_change_is_said_what_to_do():
    rate = {
        "conditions/training/models/0/optimizer/learning_rate": 0.5,
        "outcomes/fits/0/epochs/0": ANOTHER,
        "outcomes/digests/final_state": ANOTHER,
    }
    found = suspected(record(changed(rerun(), rate)))
    assert found.factor == ""
    said = confirm(found, None, audit(EXPECTED, ACTUAL))
    assert (said.factor, said.confirmed) == (None, None)
    assert "Change it in the script, as the remedy says" in said.text


@pytest.mark.parametrize(("own", "shift"), [(812, 1), (813, -1), (5, 10_007)])
def test_a_run_with_the_seed_of_one_is_given_that_of_the_other(own, shift):
    found = suspected(with_seed(813))
    assert (found.factor, found.seeds) == ("seed", (812, 813))
    setting = factor_named("seed", found).vary(SimpleNamespace(manifest=with_seed(own)))
    assert setting.request == {"seed_shift": shift, "seeds": {}}


@pytest.mark.parametrize(
    ("factor", "seeds", "before", "after"),
    [
        ("threads", (None, None), {}, {}),
        ("seed", (1, 2), {}, {}),
        ("seed", (1, None), {"python": 0, "numpy": 0, "backend": 0}, "all"),
        ("python-seed", (3, 3), {"python": 0}, {"python": 1}),
        (
            "python-seed",
            (None, None),
            {"python": 0, "numpy": 0, "backend": 0},
            {"python": 1, "numpy": 0, "backend": 0},
        ),
        ("generators", (3, 3), {"generators": 0}, {"generators": 1}),
    ],
)
def test_what_was_left_to_chance_is_seeded_and_only_the_factor_is_varied(
    factor, seeds, before, after
):
    found = Suspicion("", factor, "", (), seeds)
    assert found.seeded == before
    assert found.seeded_otherwise == (dict.fromkeys(before, 1) if after == "all" else after)
