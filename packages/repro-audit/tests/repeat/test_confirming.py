"""What an experiment says of the first cause of a difference."""

from __future__ import annotations

import pytest
from manifests import NAMES, changed, document, record, rerun

from repro_audit.audit import Audit, Factor, Sensitivity, audit
from repro_audit.errors import RunError
from repro_audit.repeat.confirming import confirm, suspicion

EXPECTED, ACTUAL = (record(document(name)) for name in NAMES)


def suspected():
    return suspicion(EXPECTED, audit(EXPECTED, ACTUAL))


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


def test_a_difference_elsewhere_leaves_it_open():
    said = confirm(suspected(), EXPECTED, result(where="step 9 of epoch 9: weight of something"))
    assert said.confirmed is None
    assert "it may be another difference" in said.text


def test_no_effect_refutes_it():
    assert confirm(suspected(), EXPECTED, result("no effect seen")).confirmed is False


def test_what_could_not_be_varied_leaves_it_open():
    assert confirm(suspected(), EXPECTED, result("not varied")).confirmed is None


def test_another_model_says_nothing_of_the_two_given():
    other = changed(rerun(), {"conditions/training/models/0/config_digest": "sha256:" + "1" * 64})
    found = suspected()
    said = confirm(found, record(other), result(where=found.where))
    assert said.confirmed is None
    assert "trains another model" in said.text


def test_runs_that_do_not_differ_leave_nothing_to_confirm():
    with pytest.raises(RunError, match=r"nothing to confirm: identical"):
        suspicion(EXPECTED, audit(EXPECTED, record(rerun())))


def test_a_cause_that_no_factor_varies_is_said_to_be_none():
    other = changed(
        rerun(),
        {
            "conditions/seeds/declared": 813,
            "outcomes/initial_weights/0/0/digest": "sha256:" + "1" * 64,
        },
    )
    with pytest.raises(RunError, match="cannot be varied by --confirm"):
        suspicion(EXPECTED, audit(EXPECTED, record(other)))
