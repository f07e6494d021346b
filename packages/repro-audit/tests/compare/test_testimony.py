"""What the steps tell of a cause, where no recorded condition differs."""

import pytest
from first_differences import COLUMNS, column, traced
from manifests import OTHER_DIGEST, changed, document, record, rerun, value_at

from repro_audit.compare import compare
from repro_audit.compare.causes import diagnose
from repro_audit.compare.comparison import FirstDifference, TensorDifference
from repro_audit.compare.conditions import condition_differences
from repro_audit.compare.testimony import TOLD
from repro_audit.compare.trace_comparison import (
    BatchColumn,
    BatchDifference,
    ColumnOnset,
    Distance,
    OrderDifference,
)


def told(trace=None, kind="step", changes=None, **first):
    """Return what is told of two runs, of which no condition differs."""
    runs = record(document()), record(changed(rerun(), changes or {}))
    place = {} if trace is None or trace.step is None else trace.step._asdict()
    where = {name: place.get(name) for name in ("fit", "epoch", "step")} | first
    first = FirstDifference(kind=kind, **{"text": "", **where})
    causes = diagnose(*runs, condition_differences(*runs), first, trace).causes
    found = [item for item in causes if item.kind in TOLD]
    assert len(found) <= 1
    return found[0] if found else None


# Batches


def fed(*parts, differing=8, compared=8, first=1, order="other"):
    """Return what two runs were fed, and a trace in which that differs first."""
    columns = tuple(
        BatchColumn(role, count, *(types or ("float32 (32, 4)", "float32 (32, 4)")))
        for role, count, *types in parts
    )
    batches = BatchDifference(0, 1, first, compared, differing, order, columns)
    apart = [column("batch", item.role) for item in columns if item.differing]
    return traced(*apart, place=(0, 1, first))._replace(batches=batches)


def test_another_size_of_batches_is_named_with_both_sizes():
    cause = told(fed(("x", 8, "float32 (32, 4)", "float32 (16, 4)"), ("y", 8)))
    assert (cause.kind, cause.title) == ("batch_size", "size of the batches: 32 → 16")
    assert "batch_size=32" in cause.remedy


def test_another_element_type_is_named_with_both_types():
    cause = told(fed(("x", 8, "float32 (32, 4)", "float64 (32, 4)"), ("y", 0)))
    assert (cause.kind, cause.title) == ("batch_dtype", "element type of x: float32 → float64")


def test_the_same_batches_in_another_order_are_no_other_data():
    assert told(fed(("x", 8), ("y", 8), order="reordered")).kind == "batch_order"


def test_inputs_that_differ_in_every_batch_while_targets_do_not_are_prepared_otherwise():
    cause = told(fed(("x", 8), ("y", 0)))
    assert (cause.kind, cause.title) == ("batch_scale", "every batch differs in x alone")
    assert "y equal in all of them" in cause.reason


@pytest.mark.parametrize(
    ("trace", "title", "since"),
    [
        (
            fed(("x", 0), ("y", 1), differing=1, first=3),
            "the data itself differs: 1 of 8 batches of epoch 1 in y alone",
            ", from batch 3 on",
        ),
        (
            fed(("x", 5), ("y", 5), differing=5, first=4),
            "the data itself differs: 5 of 8 batches of epoch 1",
            ", from batch 4 on",
        ),
        (
            fed(("x", 8), ("y", 8)),
            "the data itself differs: 8 of 8 batches of epoch 1",
            "other samples, or the same ones in another order",
        ),
    ],
)
def test_other_data_is_named_with_how_many_batches_differ_and_from_which_on(trace, title, since):
    cause = told(trace)
    assert (cause.kind, cause.title, cause.certainty) == ("batch_content", title, "likely")
    assert since in cause.reason
    assert cause.remedy.startswith('np.savez("train.npz", x, y)')


def lone(step, what="steps", role=None, epoch=1, kind="batch"):
    """Return what traces show of which the actual one alone has a step, or a column."""
    item = OrderDifference(
        only="actual",
        what=what,
        text="the lone one",
        fit=0,
        epoch=epoch,
        step=step,
        steps=int(what == "steps"),
        column=None if role is None else column(kind, role),
    )
    return traced(column("weight"))._replace(order=(item,), step=None)


def test_a_further_batch_of_an_epoch_is_named_where_it_stands():
    cause = told(lone(9), kind="trace", text="the lone one", fit=0, epoch=1, step=9)
    assert (cause.kind, cause.title) == (
        "batch_count",
        "one run is given more batches: the lone one",
    )


def with_samples(mine, theirs):
    """Return what is told of runs whose batches differ, and of which the samples are known."""
    runs = [
        record(changed(value, {"outcomes/fits/0/samples": samples}))
        for value, samples in ((document(), mine), (rerun(), theirs))
    ]
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=1)
    trace = fed(("x", 8), ("y", 8))
    (cause, *_) = diagnose(*runs, condition_differences(*runs), first, trace).causes
    return cause


@pytest.mark.parametrize(
    ("whole", "inputs", "title"),
    [
        ("123456782345678934567890", None, "of the samples: the same 3, in another order"),
        ("234567891234567800000000", "aaaaaaaa" * 3, "1 of 3 samples, target only"),
        ("234567891234567800000000", "bbbbbbbb" * 3, "1 of 3 samples"),
        ("00000000" * 3, "bbbbbbbb" * 3, "8 of 8 batches of epoch 1"),
    ],
)
def test_where_samples_are_known_they_are_counted(whole, inputs, title):
    mine = {"inputs": "aaaaaaaa" * 3, "whole": "234567891234567834567890"}
    theirs = {"inputs": inputs or "aaaaaaaa" * 3, "whole": whole}
    cause = with_samples(mine, theirs)
    assert cause.kind in {"batch_content", "batch_order"}
    assert cause.title.endswith(title)


# Initial weights


def tensors(*labels):
    return tuple(
        TensorDifference(model=0, position=place, layer="Dense", role="kernel", label=label)
        for place, label in enumerate(labels)
    )


def test_initial_weights_of_one_layer_alone_are_set_there():
    cause = told(kind="initial weights", tensors=tensors("net/dense/kernel", "net/dense/bias"))
    assert (cause.kind, cause.title) == (
        "one_layer",
        "weights set in one layer alone: net/dense",
    )
    assert "2 of 13 initial weights" in cause.reason


def test_initial_weights_of_several_layers_come_from_somewhere():
    cause = told(kind="initial weights", tensors=tensors("net/dense/kernel", "net/head/kernel"))
    assert (cause.kind, cause.title) == (
        "initial_weights",
        "initial weights of net/dense, net/head",
    )


# What is computed


def test_a_loss_that_differs_on_equal_batches_is_computed_otherwise():
    cause = told(traced(column("loss"), column("weight")))
    assert cause.kind == "layer_code"
    assert "batch, random state and weights are equal" in cause.reason


def test_metrics_that_differ_alone_are_computed_otherwise():
    cause = told(traced(column("loss", "top"), column("loss", "mae")))
    assert (cause.kind, cause.title) == ("metric", "what is computed for top, mae alone")
    assert "loss and weights of the step are equal" in cause.reason


RATE = column("optimizer", "learning_rate")
MOMENTUM = column("optimizer", "momentum")


def test_a_learning_rate_that_differs_alone_was_set_during_training():
    cause = told(traced(RATE, column("weight"), recorded=COLUMNS[:3]))
    assert (cause.kind, cause.title) == (
        "learning_rate",
        "learning rate, from step 5 of epoch 1 on",
    )


def test_a_learning_rate_beside_other_gradients_tells_nothing():
    assert told(traced(RATE, MOMENTUM, column("weight"))) is None


def onset(column_, step):
    return ColumnOnset(column=column_, fit=0, epoch=1, step=step)


def test_equal_memory_of_gradients_and_other_weights_are_another_step():
    trace = traced(column("weight"))
    later = trace._replace(partings=(onset(column("weight"), 5), onset(MOMENTUM, 6)))
    assert told(later).kind == "update_rule"
    # An optimizer that remembers nothing tells nothing.
    assert told(trace._replace(partings=(onset(column("weight"), 5),))) is None


def weight(label):
    return column("weight")._replace(label=label)


def test_weights_of_one_layer_that_differ_first_point_at_its_code():
    here, there = weight("net/scaled/gain"), weight("net/dense/kernel")
    trace = traced(here)._replace(partings=(onset(here, 5), onset(there, 6)))
    cause = told(trace)
    assert (cause.kind, cause.title) == ("layer_code", "what is computed in net/scaled")
    both = traced(here, there)._replace(partings=(onset(here, 5), onset(there, 5)))
    assert told(both) is None


def test_rounding_points_at_no_code():
    here, there = weight("net/scaled/gain"), weight("net/dense/kernel")
    near, later = (
        Distance(0, 1, step, 100, 9, relative, 1, 9, size)
        for step, relative, size in ((5, 1e-8, None), (8, 1.0, 0.01))
    )
    apart = (onset(here, 5), onset(there, 6))
    trace = traced(here)._replace(partings=apart, distances=(near, later))
    assert told(trace) is None


@pytest.mark.parametrize(
    ("kind", "role", "title"),
    [
        ("batch", "sample_weight", "sample_weight is given in the actual run alone"),
        ("weight", "gain", "there is gain in the actual run alone"),
        ("optimizer", "momentum", "the optimizer has momentum in the actual run alone"),
    ],
)
def test_a_column_of_one_run_alone_is_named(kind, role, title):
    trace = lone(1, "column", role, kind=kind)
    cause = told(trace, kind="trace", text="the lone one", fit=0, epoch=1, step=1)
    assert (cause.kind, cause.title) == ("only_one_run", title)


# What comes after the steps


def test_a_run_that_goes_on_where_the_other_ends_is_told_by_its_epochs():
    fit = value_at(document(), "outcomes/fits/0")
    ends = len(fit["epochs"])
    more = {("outcomes", "fits", 0, "epochs"): [*fit["epochs"], OTHER_DIGEST]}
    cause = told(kind="epoch weights", changes=more, fit=0, epoch=ends + 1)
    assert (cause.kind, cause.title) == (
        "training_ended",
        f"when training ended: {ends} → {ends + 1} epochs",
    )
    assert f"epochs={ends}" in cause.remedy
    assert told(kind="epoch weights", changes=more, fit=0, epoch=ends) is None


def test_an_evaluation_that_differs_alone_points_at_what_is_tested_on():
    cause = told(kind="evaluation")
    assert cause.kind == "evaluation"
    other = {("outcomes", "final_state", 0, 0, "digest"): OTHER_DIGEST}
    assert told(kind="evaluation", changes=other) is None


# Beside conditions


def test_what_the_steps_tell_is_said_of_the_condition_that_explains_it():
    """It is then no cause of its own."""
    rate = {"conditions/training/models/0/optimizer/config/learning_rate": 0.002}
    runs = record(document()), record(changed(rerun(), rate))
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=5)
    trace = traced(RATE, column("weight"), recorded=COLUMNS[:3])
    (cause,) = diagnose(*runs, condition_differences(*runs), first, trace).causes
    assert cause.kind == "optimizer"
    assert "only the learning rate differs" in cause.reason


def test_where_nothing_is_recorded_to_differ_the_steps_speak_and_say_so():
    cause = told(fed(("x", 8), ("y", 0)))
    assert cause.reason.endswith("; no recorded condition that could do so differs")


def test_no_rounding_sets_a_learning_rate():
    threads = {"conditions/determinism/backend/threads/intra_op/in_force": 7}
    runs = record(document()), record(changed(rerun(), threads))
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=5)
    trace = traced(RATE, column("weight"), recorded=COLUMNS[:3])
    causes = diagnose(*runs, condition_differences(*runs), first, trace).causes
    assert [(item.kind, item.certainty) for item in causes] == [
        ("learning_rate", "likely"),
        ("threads", "possible"),
    ]


def test_where_conditions_differ_the_steps_say_nothing_of_none():
    threads = {"conditions/determinism/backend/threads/intra_op/in_force": 7}
    cause = told(traced(RATE, column("weight"), recorded=COLUMNS[:3]), changes=threads)
    assert cause.reason.endswith("by an argument, a schedule or a callback")


def test_what_the_steps_tell_is_no_reason_for_what_only_rounds():
    threads = {"conditions/determinism/backend/threads/intra_op/in_force": 7}
    runs = record(document()), record(changed(rerun(), threads))
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=5)
    here, there = weight("net/scaled/gain"), weight("net/dense/kernel")
    trace = traced(here)._replace(partings=(onset(here, 5), onset(there, 6)))
    causes = diagnose(*runs, condition_differences(*runs), first, trace).causes
    (cause,) = (item for item in causes if item.kind == "threads")
    assert cause.certainty == "likely"
    assert "net/scaled" not in cause.reason


def test_equal_runs_tell_nothing():
    assert compare(record(document()), record(rerun())).causes == ()
