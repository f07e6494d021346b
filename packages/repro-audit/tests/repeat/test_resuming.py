"""Where a run is stopped, and what a run comes to that was; `tests/resume` does it with Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from manifests import OTHER_DIGEST, changed, document, record, rerun

from repro_audit.compare import compare
from repro_audit.compare.comparison import FieldVerdict, FirstDifference
from repro_audit.repeat import Plan, Stop
from repro_audit.repeat.executors import Ended
from repro_audit.repeat.plan import Setting
from repro_audit.repeat.resuming import (
    _files_of_callbacks,
    _judged,
    _not_stopped,
    _Place,
    _place,
    _verdict,
    resume,
)
from repro_audit.repeat.running import Done

FIT = "outcomes/fits/0"
WHOLE = record(document())
SAME = compare(WHOLE, record(rerun()))
DIGESTS = tuple(f"sha256:{number:064x}" for number in range(9))


def plan(stop: Stop) -> Plan:
    return Plan(target=["train.py"], module=False, directory=Path("out"), resume=stop)


def trained(epochs: int, *, first: int = 1) -> Any:
    """Return the manifest of a run of so many epochs."""
    changes = {f"{FIT}/epochs": list(DIGESTS[:epochs]), f"{FIT}/first_epoch": first}
    return record(changed(document(), changes))


def done(manifest: Any, *, code: int = 0, problem: str | None = None) -> Done:
    return Done(
        setting=Setting(name="stopped"),
        folder=Path(),
        ended=Ended(exit_code=code, duration_s=1.0, timed_out=False),
        manifest=manifest,
        problem=problem,
        used=None,
        load_s=0.0,
    )


@pytest.mark.parametrize(
    ("stop", "epochs", "place"),
    [
        (Stop(), 4, _Place(2, None, killed=False)),
        (Stop(), 5, _Place(2, None, killed=False)),
        (Stop(), 2, _Place(1, None, killed=False)),
        (Stop(3, killed=True), 4, _Place(3, None, killed=True)),
        (Stop(3, 17), 4, _Place(2, 17, killed=False)),
        (Stop(1, 2), 1, _Place(0, 2, killed=False)),
    ],
)
def test_a_run_is_stopped_after_half_of_its_epochs_or_where_that_is_asked_for(stop, epochs, place):
    assert _place(plan(stop), trained(epochs)) == place


@pytest.mark.parametrize(
    ("stop", "whole", "why"),
    [
        (Stop(), trained(1), "nothing is left to train after epoch 1"),
        (Stop(4), trained(4), "nothing is left to train after epoch 4"),
        (Stop(5, 1), trained(4), "the first fit has 4 epochs"),
        (Stop(), trained(4, first=3), "began with epoch 3"),
        (Stop(), record(changed(document(), {"outcomes/fits": []})), "no epoch"),
    ],
)
def test_a_run_that_cannot_be_stopped_there_is_not_made(stop, whole, why):
    found = resume(plan(stop), None, done(whole))
    assert found.verdict == "inconclusive"
    assert why in found.text


@pytest.mark.parametrize(
    ("stopped", "killed", "why"),
    [
        (done(trained(2)), False, ""),
        (done(trained(2), code=-9, problem="stopped was killed"), True, ""),
        (done(trained(2)), True, "2 epochs"),
        (done(trained(4)), False, "4 epochs"),
        (done(None, code=1, problem="stopped failed"), False, "stopped failed"),
        (done(trained(2), code=1, problem="stopped failed"), False, "stopped failed"),
        (
            done(record(changed(document(), {f"{FIT}/epochs": [DIGESTS[0], OTHER_DIGEST]}))),
            False,
            "not the run that the others are",
        ),
        (
            done(record(changed(document(), {f"{FIT}/epochs": [DIGESTS[0], None]}))),
            False,
            "not the run that the others are",
        ),
    ],
)
def test_a_stopped_run_must_be_the_first_part_of_the_others(stopped, killed, why):
    said = _not_stopped(stopped, trained(4), _Place(2, None, killed=killed))
    assert (why in said) if why else said == ""


@pytest.mark.parametrize(
    ("code", "verdict", "said"), [(1, "not exact", "does not go on"), (0, "inconclusive", "--kill")]
)
def test_a_command_that_fails_is_not_exact_and_one_that_has_nothing_to_do_is_not_decided(
    code, verdict, said
):
    found = _judged(
        plan(Stop()),
        _Place(2, None, killed=False),
        done(WHOLE),
        done(None, code=code, problem="resumed: why"),
        done(None),
    )
    assert (found.verdict, said in found.text, "resumed: why" in found.text) == (
        verdict,
        True,
        True,
    )


FIRST = FirstDifference(kind="step", text="step 1 of epoch 3: batch x", fit=0, epoch=3, step=1)
LACKING = (FieldVerdict(field="history", verdict="missing", detail=""),)


@pytest.mark.parametrize(
    ("found", "begins", "verdict", "said"),
    [
        (SAME._replace(verdict="inconclusive"), 3, "exact", "ends in the same bits"),
        (SAME._replace(set_aside=("an evaluation",)), 3, "exact", "bits; an evaluation"),
        (SAME, 1, "no resume", "trains from the start"),
        (SAME, None, "inconclusive", "not known"),
        (SAME._replace(verdict="inconclusive", reason="of little"), 1, "inconclusive", "of little"),
        (SAME._replace(fields=LACKING, reason="less"), 3, "inconclusive", "less"),
        (SAME._replace(first_difference=FIRST), 3, "not exact", "first difference at step 1"),
        (
            SAME._replace(verdict="divergent", first_difference=FIRST),
            1,
            "inconclusive",
            "in the same state",
        ),
    ],
)
def test_a_resumed_run_is_exact_only_where_nothing_differs_and_nothing_is_missing(
    found, begins, verdict, said
):
    answer = _verdict(found, begins, "")
    assert answer[0] == verdict
    assert said in answer[1]


def test_a_run_that_counts_from_1_is_told_by_the_state_that_it_ends_in():
    other = FieldVerdict(field="final state", verdict="differ", detail="")
    found = SAME._replace(verdict="divergent", first_difference=FIRST, fields=(other,))
    verdict, said = _verdict(found, 1, "")
    assert (verdict, "is initial_epoch given?" in said) == ("not exact", True)


def test_the_file_that_keeps_the_best_epoch_is_not_vouched_for():
    def given(**settings: Any) -> Any:
        place = "conditions/training/fits/0"
        changes = {
            f"{place}/callbacks": ["ModelCheckpoint"],
            f"{place}/callback_settings": [settings],
        }
        return record(changed(document(), changes))

    assert "is not compared" in _files_of_callbacks(given(save_best_only=True))
    assert _files_of_callbacks(given(save_best_only=False)) == ""
    assert _files_of_callbacks(WHOLE) == ""


def test_a_resumed_run_is_not_exact_where_part_of_its_training_was_not_seen():
    found = _verdict(SAME._replace(verdict="inconclusive"), 3, "2 updates were not recorded")
    assert found == (
        "inconclusive",
        "nothing that was recorded differs, but 2 updates were not recorded",
    )
