"""What a run lost that was interrupted and resumed, by where it parts from the whole one."""

import pytest
from first_differences import column, traced
from manifests import changed, document, record, rerun

from repro_audit.compare.causes import diagnose
from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.conditions import condition_differences

RESUMED = {"outcomes/fits/0/first_epoch": 2}
AT_RESUME = (0, 2, 1)
BATCH, RANDOM, LOSS, KERNEL = (column(kind) for kind in ("batch", "random", "loss", "weight"))
OTHER_RANDOM = column("random", layer="GaussianNoise")
ITERATION = column("optimizer", "iteration")
MOMENTUM = column("optimizer", "momentum of 0")
RATE = column("optimizer", "learning_rate")
CALLBACKS = "conditions/training/fits/0/callbacks"
THREADS = {"conditions/determinism/backend/threads/intra_op/in_force": 7}


def lost(trace_=None, changes=None, *, kind="step", swapped=False):
    """Return the causes of a run that was resumed in its second epoch: kinds and certainties."""
    runs = [record(document()), record(changed(rerun(), RESUMED | (changes or {})))]
    expected, actual = reversed(runs) if swapped else runs
    first = FirstDifference(kind=kind, text="", fit=0, epoch=2, step=1)
    differences = condition_differences(expected, actual)
    causes = diagnose(expected, actual, differences, first, trace_).causes
    return [(item.kind, item.certainty) for item in causes if not item.kind.startswith("given")]


def at_resume(*columns, again=()):
    return traced(*columns, place=AT_RESUME, again=again)


@pytest.mark.parametrize(
    ("columns", "again", "kinds"),
    [
        ((BATCH, LOSS, KERNEL, MOMENTUM), (BATCH,), [("lost_order", "certain")]),
        ((BATCH, LOSS, KERNEL, MOMENTUM), (), [("lost_order", "likely")]),
        ((RANDOM, LOSS, KERNEL, MOMENTUM), (RANDOM,), [("lost_generators", "certain")]),
        ((RANDOM, LOSS, KERNEL, MOMENTUM), (), [("lost_seeds", "likely")]),
        ((KERNEL, ITERATION, MOMENTUM), (ITERATION,), [("lost_optimizer", "certain")]),
        ((KERNEL, ITERATION, MOMENTUM), (), [("lost_optimizer", "likely")]),
        ((KERNEL, MOMENTUM), (), [("lost_optimizer", "likely")]),
        ((KERNEL, RATE), (), [("lost_learning_rate", "likely")]),
        ((LOSS, KERNEL, MOMENTUM), (), [("lost_weights", "likely")]),
        (
            (BATCH, RANDOM, LOSS, KERNEL, ITERATION),
            (BATCH, RANDOM, ITERATION),
            [
                ("lost_order", "certain"),
                ("lost_generators", "certain"),
                ("lost_optimizer", "certain"),
            ],
        ),
        (
            (RANDOM, OTHER_RANDOM, LOSS),
            (RANDOM,),
            [("lost_generators", "certain"), ("lost_seeds", "likely")],
        ),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_first_step_behind_the_interruption_tells_what_was_lost(columns, again, kinds, swapped):
    assert lost(at_resume(*columns, again=again), swapped=swapped) == kinds


def test_a_difference_in_a_later_step_is_not_said_of_the_checkpoint():
    later = traced(BATCH, LOSS, place=(0, 2, 2))
    assert lost(later) == [("resume", "likely")]
    assert lost(traced(RANDOM, place=AT_RESUME, stride=0)) == [("resume", "likely")]


def test_without_traces_it_is_only_known_that_one_run_was_resumed():
    assert lost(kind="epoch weights") == [("resume", "likely")]


def test_what_rounds_comes_behind_what_was_lost():
    found = lost(at_resume(KERNEL, ITERATION, again=(ITERATION,)), THREADS)
    assert [kind for kind, _ in found] == ["lost_optimizer", "threads"]


def test_the_callback_is_named_whose_state_a_later_epoch_lacks():
    plateau = {CALLBACKS: ["ReduceLROnPlateau", "BackupAndRestore"]}
    assert lost(traced(KERNEL, RATE, place=(0, 3, 1)), plateau)[0] == ("lost_callback", "likely")
    stopping = {CALLBACKS: ["EarlyStopping"]}
    assert lost(None, stopping, kind="final state")[0] == ("lost_callback", "likely")
    assert lost(None, {CALLBACKS: ["CSVLogger"]}, kind="final state")[0] == ("resume", "likely")


def test_a_run_that_was_not_resumed_lost_nothing():
    runs = record(document()), record(rerun())
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=1)
    trace_ = traced(BATCH, place=(0, 1, 1), again=(BATCH,))
    causes = diagnose(*runs, condition_differences(*runs), first, trace_).causes
    assert not [item for item in causes if item.kind.startswith("lost")]
