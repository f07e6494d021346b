"""What a run lost that was interrupted and resumed, by where it parts from the whole one."""

import pytest
from first_differences import column, traced
from manifests import OTHER_DIGEST, changed, document, record, rerun

from repro_audit.compare.cause_case import Case
from repro_audit.compare.cause_judging import Judgement
from repro_audit.compare.causes import _of_resumed, diagnose
from repro_audit.compare.comparison import ConditionDifference, FirstDifference
from repro_audit.compare.conditions import condition_differences
from repro_audit.compare.history import with_earlier_epochs
from repro_audit.compare.kinds import kind_named
from repro_audit.compare.resuming import LOST
from repro_audit.compare.symptom import Symptom
from repro_audit.manifest.records import Evaluation

RESUMED = {"outcomes/fits/0/first_epoch": 2}
AT_RESUME = (0, 2, 1)
BATCH, RANDOM, LOSS, KERNEL = (column(kind) for kind in ("batch", "random", "loss", "weight"))
OTHER_RANDOM = column("random", layer="GaussianNoise")
ITERATION = column("optimizer", "iteration")
MOMENTUM = column("optimizer", "momentum of 0")
RATE = column("optimizer", "learning_rate")
OTHER_END = {"outcomes/digests/final_state": OTHER_DIGEST}
EQUAL = traced(BATCH)._replace(step=None)
CALLBACKS = "conditions/training/fits/0/callbacks"
THREADS = {"conditions/determinism/backend/threads/intra_op/in_force": 7}


def causes_of(trace_=None, changes=None, *, kind="step", swapped=False):
    """Return the causes of a run that was resumed in its second epoch."""
    runs = [record(document()), record(changed(rerun(), RESUMED | (changes or {})))]
    expected, actual = reversed(runs) if swapped else runs
    first = FirstDifference(kind=kind, text="", fit=0, epoch=2, step=1)
    differences = condition_differences(expected, actual)
    return diagnose(expected, actual, differences, first, trace_).causes


def lost(*words, **options):
    """Return kinds and certainties of those causes."""
    return [(item.kind, item.certainty) for item in causes_of(*words, **options)]


def at_resume(*columns, again=()):
    return traced(*columns, place=AT_RESUME, again=again)


@pytest.mark.parametrize(
    ("columns", "again", "kinds"),
    [
        ((BATCH, LOSS, KERNEL, MOMENTUM), (BATCH,), [("lost_data", "certain")]),
        ((BATCH, LOSS, KERNEL, MOMENTUM), (), [("lost_data", "likely")]),
        ((RANDOM, LOSS, KERNEL, MOMENTUM), (RANDOM,), [("lost_generators", "certain")]),
        ((RANDOM, LOSS, KERNEL, MOMENTUM), (), [("lost_seeds", "likely")]),
        ((KERNEL, ITERATION, MOMENTUM), (ITERATION,), [("lost_optimizer", "certain")]),
        ((KERNEL, ITERATION, MOMENTUM), (), [("lost_optimizer", "likely")]),
        ((KERNEL, MOMENTUM), (), [("lost_optimizer", "likely")]),
        ((KERNEL, RATE), (), [("lost_learning_rate", "likely")]),
        ((LOSS, KERNEL, MOMENTUM), (), [("lost_weights", "likely")]),
        (
            (LOSS, KERNEL, ITERATION),
            (ITERATION,),
            [("lost_optimizer", "certain"), ("lost_weights", "likely")],
        ),
        ((BATCH, LOSS, KERNEL, ITERATION), (KERNEL, ITERATION), [("lost_weights", "certain")]),
        (
            (BATCH, RANDOM, LOSS, KERNEL, ITERATION),
            (BATCH, RANDOM, ITERATION),
            [
                ("lost_data", "certain"),
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
    assert lost(EQUAL, stopping | OTHER_END, kind="evaluation")[0] == ("lost_callback", "likely")
    other = {CALLBACKS: ["CSVLogger"]}
    assert lost(EQUAL, other | OTHER_END, kind="final state")[0] == ("resume", "likely")


def test_no_callback_is_named_where_only_an_evaluation_differs_or_no_steps_are_known():
    stopping = {CALLBACKS: ["EarlyStopping"]}
    assert lost(EQUAL, stopping, kind="evaluation")[0] == ("resume", "likely")
    assert lost(None, stopping | OTHER_END, kind="final state")[0] == ("resume", "likely")


# What is said of it.


@pytest.mark.parametrize(
    ("columns", "again", "title", "reason"),
    [
        ((BATCH,), (BATCH,), "the data began again", "is the first one of the whole"),
        ((BATCH,), (), "the data was lost", "not what the whole run was given there"),
        (
            (RANDOM, OTHER_RANDOM),
            (RANDOM, OTHER_RANDOM),
            "the generators of layers began again",
            "the state of 2 generators behind the interruption is that of the first step",
        ),
        (
            (RANDOM,),
            (),
            "the seeds of layers were lost: loading the model drew new ones",
            "the state of 1 generator is neither that of the whole run there nor",
        ),
        ((ITERATION,), (ITERATION,), "the state of the optimizer was lost", "begin at 1 again"),
        ((ITERATION,), (), "the state of the optimizer was lost", "what it remembers is not"),
        (
            (RATE, KERNEL),
            (),
            "the learning rate was not restored",
            "only the learning rate differs",
        ),
        (
            (LOSS,),
            (),
            "the weights that were restored are not those that the whole run had there",
            "batch and generators are as in the whole run, and the loss is not",
        ),
    ],
)
def test_a_loss_is_named_with_what_shows_it_and_what_restores_it(columns, again, title, reason):
    (cause,) = causes_of(at_resume(*columns, again=again))
    assert cause.title == title
    assert reason in cause.reason
    assert cause.remedy == LOST[cause.kind][1]
    second = "conditions.seeds.layers" if cause.kind == "lost_seeds" else "outcomes.digests.trace"
    assert cause.paths == ("$.outcomes.fits[0].first_epoch", f"$.{second}")


def test_only_those_columns_begin_again_that_all_do():
    other = column("batch", "y")
    assert lost(at_resume(BATCH, other, again=(BATCH,))) == [("lost_data", "likely")]


def test_what_began_again_and_what_was_lost_is_counted_apart():
    columns = RANDOM, OTHER_RANDOM, column("random", layer="LSTM")
    generators, seeds = causes_of(at_resume(*columns, again=(RANDOM,)))
    assert generators.reason.startswith("the state of 1 generator behind")
    assert seeds.reason.startswith("the state of 2 generators is neither")


def test_what_follows_from_another_batch_is_not_said_of_the_optimizer():
    assert lost(at_resume(BATCH, MOMENTUM)) == [("lost_data", "likely")]
    assert lost(at_resume(RANDOM, MOMENTUM)) == [("lost_seeds", "likely")]


def test_the_last_resort_names_the_epoch():
    (cause,) = causes_of(kind="epoch weights")
    assert cause.title == "one run was resumed, at epoch 2"
    assert cause.paths == ("$.outcomes.fits[0].first_epoch",)


@pytest.mark.parametrize(
    ("name", "trace_", "kind"),
    [
        ("ReduceLROnPlateau", traced(KERNEL, RATE, place=(0, 3, 1)), "step"),
        ("LearningRateScheduler", traced(KERNEL, RATE, place=(0, 3, 1)), "step"),
        ("EarlyStopping", EQUAL, "final state"),
        ("ModelCheckpoint", EQUAL, "final state"),
        ("EarlyStopping", EQUAL, "steps"),
    ],
)
def test_a_callback_that_decides_is_named_by_its_class(name, trace_, kind):
    end = {} if kind == "steps" else OTHER_END
    cause = causes_of(trace_, {CALLBACKS: [name]} | end, kind=kind)[0]
    assert (cause.kind, cause.title) == ("lost_callback", f"the state of {name} was lost")


def test_weights_that_were_not_restored_are_those_behind_the_first_step_of_the_whole_run():
    (cause,) = causes_of(at_resume(LOSS, KERNEL, again=(KERNEL,)))
    assert (cause.title, cause.certainty) == ("the weights were not restored", "certain")
    assert "behind its first step" in cause.reason


# What is compared


def test_histories_and_evaluations_are_compared_from_the_interruption_on():
    whole, resumed = fits((4, 1)), fits((2, 3), first=3)
    both = [
        run._replace(
            outcomes=run.outcomes._replace(
                fits=(run.outcomes.fits[0]._replace(history=history),), evaluations=evaluations
            )
        )
        for run, history, evaluations in (
            (whole, {"loss": (4.0, 3.0, 2.0, 1.0), "val_loss": (8.0, 7.0)}, (BEFORE, BEHIND)),
            (resumed, {"loss": (2.5, 1.0), "val_loss": (7.0,)}, (BEHIND,)),
        )
    ]
    mine, theirs = (run.outcomes for run in with_earlier_epochs(*both))
    assert mine.fits[0].history == both[0].outcomes.fits[0].history
    assert theirs.fits[0].history == {"loss": (4.0, 3.0, 2.5, 1.0), "val_loss": (8.0, 7.0)}
    assert mine.evaluations == theirs.evaluations == (BEHIND,)


# A later fit


def fits(*epochs, first=1, callbacks=("BackupAndRestore",)):
    """Return a run of several fits, each of so many epochs from one on; `first` is of the first."""
    value = document()
    (outcome,), (given,) = value["outcomes"]["fits"], value["conditions"]["training"]["fits"]
    value["outcomes"]["fits"] = [
        outcome
        | {"epochs": [OTHER_DIGEST] * count, "first_epoch": first if number == 0 else begins}
        for number, (count, begins) in enumerate(epochs)
    ]
    given = given | {"callbacks": list(callbacks)}
    value["conditions"]["training"]["fits"] = [given] * len(epochs)
    return record(value)


def cut_short(whole, resumed, *, fit, kind="trace"):
    first = FirstDifference(kind=kind, text="", fit=fit, epoch=1, step=1)
    causes = diagnose(whole, resumed, (), first, None).causes
    return [(item.kind, item.certainty, item.title, item.reason, item.paths) for item in causes]


BEFORE, BEHIND = (Evaluation(0, fits, {"loss": 1.0}, {}) for fits in (0, 1))
WHOLE = fits((4, 1), (2, 1), (3, 1))


@pytest.mark.parametrize(
    ("later", "fit", "what", "count"),
    [
        (((0, None), (3, 1)), 1, "fit 2 trained no epoch", "0 epochs against 2"),
        (((1, 2), (3, 1)), 1, "fit 2 began at epoch 2", "1 epoch against 2"),
        (((2, 1), (1, 3)), 2, "fit 3 began at epoch 3", "1 epoch against 3"),
    ],
)
def test_a_later_fit_that_begins_where_the_backup_ended_is_named(later, fit, what, count):
    ((kind, certainty, title, reason, paths),) = cut_short(
        WHOLE, fits((2, 3), *later, first=3), fit=fit
    )
    assert (kind, certainty, title) == ("lost_fit", "certain", what)
    assert reason.startswith("BackupAndRestore leaves the epoch that it restored in the model")
    assert reason.endswith(count)
    assert paths == (f"$.outcomes.fits[{fit}].epochs",)


def test_the_resumed_run_may_be_the_one_that_is_given_first():
    resumed = fits((2, 3), (0, None), (3, 1), first=3)
    ((_, _, title, *_),) = cut_short(resumed, WHOLE, fit=1)
    assert title == "fit 2 trained no epoch"


def test_without_such_a_backup_it_is_not_certain():
    resumed = fits((2, 3), (0, None), (3, 1), first=3, callbacks=())
    ((kind, certainty, *_),) = cut_short(WHOLE, resumed, fit=1)
    assert (kind, certainty) == ("lost_fit", "likely")


@pytest.mark.parametrize(
    ("later", "fit"),
    [
        (((2, 1), (3, 1)), 1),
        (((2, 2), (3, 1)), 1),
        (((3, 1), (3, 1)), 1),
        (((0, None), (3, 1)), 2),
        (((2, 1), (3, 1)), 0),
    ],
)
def test_a_fit_that_is_as_long_as_it_was_or_not_the_first_to_differ_lost_nothing(later, fit):
    ((kind, *_),) = cut_short(WHOLE, fits((2, 3), *later, first=3), fit=fit)
    assert kind == "resume"


def test_a_fit_that_begins_where_it_did_was_ended_by_something_else():
    ((kind, *_),) = cut_short(WHOLE, fits((2, 3), (1, 1), (3, 1), first=3), fit=1)
    assert kind == "resume"


def test_a_fit_whose_steps_differ_or_of_another_model_lost_nothing_to_the_backup():
    resumed = fits((2, 3), (0, None), (3, 1), first=3)
    assert cut_short(WHOLE, resumed, fit=1, kind="step")[0][0] == "resume"
    one, two, three = resumed.outcomes.fits
    outcomes = resumed.outcomes._replace(fits=(one, two._replace(model=1), three))
    assert cut_short(WHOLE, resumed._replace(outcomes=outcomes), fit=1)[0][0] == "resume"


def test_fewer_fits_are_no_shorter_ones():
    ((kind, *_),) = cut_short(WHOLE, fits((2, 3), first=3), fit=1)
    assert kind == "resume"


def test_weights_that_differ_within_the_training_are_no_callbacks_end():
    whole, resumed = (
        fits((count, 1), first=first, callbacks=["EarlyStopping"])
        for count, first in ((4, 1), (2, 3))
    )
    first = FirstDifference(kind="epoch weights", text="", fit=0, epoch=3)
    assert [item.kind for item in diagnose(whole, resumed, (), first, None).causes] == ["resume"]


# What differs wherever a run was resumed


def judged(name, *, resumed_at=2, certainty="likely", states=("only in the actual run",)):
    """Return what becomes of a judgement on a kind, of which conditions are in such states."""
    kind = kind_named(name)
    items = [ConditionDifference("$.conditions.x", None, None, state) for state in states]
    case = Case(WHOLE, WHOLE, Symptom(where="random", resumed_at=resumed_at), {kind: items})
    return _of_resumed(case, kind, Judgement(certainty, "as it was"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("drawn_seeds", "draws others before it restores"),
        ("generator_state", "draws others before it restores"),
        ("read_files", "was resumed, from files that it read"),
    ],
)
def test_what_an_interruption_brings_with_it_is_only_possible(name, reason):
    found = judged(name)
    assert found.certainty == "possible"
    assert reason in found.reason
    assert judged(name, resumed_at=None).reason == "as it was"
    assert judged(name, certainty=None).reason == "as it was"


def test_a_file_that_both_read_and_what_has_nothing_to_do_with_it_stay_as_they_are():
    assert judged("read_files", states=("only in the actual run", "changed")).certainty == "likely"
    assert judged("threads").reason == "as it was"


def test_a_run_that_was_not_resumed_lost_nothing():
    runs = record(document()), record(rerun())
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=1)
    trace_ = traced(BATCH, place=(0, 1, 1), again=(BATCH,))
    causes = diagnose(*runs, condition_differences(*runs), first, trace_).causes
    assert not [item for item in causes if item.kind.startswith("lost")]
