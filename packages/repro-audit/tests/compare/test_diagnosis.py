"""What a trace lets the diagnosis say, and what it must not say without one."""

import re
from typing import NamedTuple

import pytest
from first_differences import COLUMNS, column, traced
from manifests import OTHER_DIGEST, changed, document, parted, record, rerun, value_at

from repro_audit.compare import compare
from repro_audit.compare.causes import diagnose
from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.conditions import condition_differences
from repro_audit.compare.steps import compare_steps
from repro_audit.compare.testimony import TOLD
from repro_audit.compare.trace_comparison import BatchDifference, Distance, OrderDifference

SEEDS = "conditions/seeds"
DATA = {
    "conditions/data/train/digest": OTHER_DIGEST,
    "conditions/data/train/unordered_digest": OTHER_DIGEST,
    "conditions/data/train/arrays/0/digest": OTHER_DIGEST,
}
LEARNING_RATE = {"conditions/training/models/0/optimizer/config/learning_rate": 0.002}
THREADS = {"conditions/determinism/backend/threads/intra_op/in_force": 7}
NOT_TRAINED_ON = {"conditions/data": {}}
SHUFFLE = {"conditions/training/fits/0/arguments/shuffle": True}


class Found(NamedTuple):
    """What a diagnosis names, by kind; what the steps tell by themselves is left out."""

    causes: dict
    later: dict
    excluded: dict


def diagnosed(changes, trace=None, kind="step"):
    """Return the causes by their kinds, and the excluded ones, where conditions differ so."""
    expected, actual = record(document()), record(changed(rerun(), changes))
    step = None if trace is None else trace.step
    first = FirstDifference(
        kind=kind,
        text="",
        fit=0 if step is None else step.fit,
        epoch=1 if step is None else step.epoch,
        step=None if step is None else step.step,
    )
    differences = condition_differences(expected, actual)
    causes, later, excluded = diagnose(expected, actual, differences, first, trace)
    return Found(
        {item.kind: item for item in causes if item.kind not in TOLD},
        {item.kind: item.reason for item in later},
        {item.kind: item.reason for item in excluded},
    )


# What is ruled out, and by what.


def test_equal_batches_rule_the_data_out():
    causes, *_, excluded = diagnosed(DATA | THREADS, traced(column("weight")))
    assert "the batches are equal" in excluded["data"]
    assert causes["threads"].certainty == "likely"


def test_batches_that_nobody_recorded_rule_nothing_out():
    """A hand-written loop may keep its batches to itself."""
    trace = traced(column("weight"), recorded=COLUMNS[1:])
    causes, *_, excluded = diagnosed(DATA, trace)
    assert excluded == {}
    assert causes["data"].certainty == "likely"


@pytest.mark.parametrize("stride", [0, 16])
def test_steps_that_nobody_recorded_rule_nothing_out(stride):
    """One of them may have had another batch, and led to what differs at the next traced one."""
    trace = traced(column("loss"), place=(0, 1, 17), stride=stride)
    causes, *_, excluded = diagnosed(DATA | LEARNING_RATE, trace)
    assert excluded == {}
    assert {item.certainty for item in causes.values()} == {"likely"}


def test_the_very_first_step_is_the_first_at_any_stride():
    *_, excluded = diagnosed(DATA, traced(column("weight"), place=(0, 1, 1), stride=16))
    assert "data" in excluded


def test_behind_a_loss_that_differs_first_the_optimizer_acts_later_if_every_step_was_seen():
    _, later, _ = diagnosed(LEARNING_RATE, traced(column("loss")))
    assert later["optimizer"].startswith("it acts on the update of the weights, from step 5 of")
    causes, *_ = diagnosed(LEARNING_RATE, traced(column("loss"), place=(0, 1, 17), stride=16))
    assert causes["optimizer"].certainty == "likely"


def test_batches_that_differ_later_act_from_there_on():
    fed = BatchDifference(0, 2, 3, 8, 1, "other", ())
    _, later, excluded = diagnosed(DATA, traced(column("weight"))._replace(batches=fed))
    assert later == {"data": "the batches differ from step 3 of epoch 2 on"}
    assert excluded == {}


# What is certain.


def test_other_data_is_certain_where_the_batches_differ_and_nothing_else_reaches_them():
    causes, *_ = diagnosed(DATA, traced(column("batch")))
    assert causes["data"].certainty == "certain"


def test_other_data_is_not_certain_where_they_are_shuffled_otherwise_too():
    causes, *_ = diagnosed(DATA | SHUFFLE, traced(column("batch")))
    assert causes["data"].certainty == "likely"


@pytest.mark.parametrize("kind", ["history", "evaluation", "final state"])
def test_other_training_data_is_ruled_out_where_every_epoch_ends_in_the_same_weights(kind):
    causes, *_, excluded = diagnosed(DATA, kind=kind)
    assert causes == {}
    assert excluded == {"data": "every step that both runs have is equal"}


def test_other_test_data_may_be_why_an_evaluation_differs():
    digests = "digest", "unordered_digest"
    other = {f"conditions/data/test/{name}": OTHER_DIGEST for name in digests}
    for changes in (other, DATA | other):
        causes, *_ = diagnosed(changes, kind="evaluation")
        assert {kind: item.certainty for kind, item in causes.items()} == {"test_data": "likely"}


def other_layer_seeds(*, given):
    value = document()
    changes = {}
    for part in ("initializers", "seeds"):
        for index, item in enumerate(value["conditions"][part]["layers"]):
            if item["seed"] is not None:
                changes["conditions", part, "layers", index, "seed"] = item["seed"] + 1
                changes["conditions", part, "layers", index, "given"] = given
    return changes


def test_seeds_that_the_user_gave_are_not_blamed_on_a_generator():
    """The remedy is the seeds themselves; seeding anything else does not help."""
    mine = changed(
        document(), {place: True for place in other_layer_seeds(given=True) if place[-1] == "given"}
    )
    theirs = changed(rerun(mine), other_layer_seeds(given=True))
    expected, actual = record(mine), record(theirs)
    first = FirstDifference(kind="initial weights", text="")
    differences = condition_differences(expected, actual)
    (cause, *_), *_ = diagnose(expected, actual, differences, first, None)
    assert (cause.kind, cause.certainty) == ("given_seeds", "certain")
    assert re.fullmatch(r"keras\.layers\.Dropout\(\.\.\., seed=\d+\)  # .*", cause.remedy)
    later = first._replace(kind="step")
    (cause, *_), *_ = diagnose(expected, actual, differences, later, traced(column("random")))
    assert (cause.kind, cause.certainty) == ("given_seeds", "likely")


def test_seeds_that_follow_from_no_seed_are_blamed_on_python_s_random():
    drawn = other_layer_seeds(given=False)
    causes, *_ = diagnosed(drawn, kind="initial weights")
    assert {kind: item.certainty for kind, item in causes.items()} == {"python_seed": "certain"}
    unseeded = {f"{SEEDS}/{name}": None for name in ("declared", "declared_by", "backend/seed")}
    expected, actual = (record(changed(value, unseeded)) for value in (document(), rerun()))
    actual = record(changed(rerun(), unseeded | drawn))
    first = FirstDifference(kind="initial weights", text="")
    differences = condition_differences(expected, actual)
    assert diagnose(expected, actual, differences, first, None).causes[0].kind == "python_seed"


def test_a_seed_that_a_layer_drew_is_not_given_because_others_are():
    given = other_layer_seeds(given=True)
    one = ("conditions", "seeds", "layers", 0, "given")
    mine = changed(document(), {place: True for place in given if place[-1] == "given"})
    mine = changed(mine, {one: False})
    theirs = changed(rerun(mine), given | {one: False})
    first = FirstDifference(kind="initial weights", text="")
    runs = record(mine), record(theirs)
    (cause, *_), *_ = diagnose(*runs, condition_differences(*runs), first, None)
    assert cause.kind != "given_seeds"


ROLE = "conditions/data/train"
ORDER = {f"{ROLE}/digest": OTHER_DIGEST, f"{ROLE}/arrays/0/digest": OTHER_DIGEST}

MORE = {"conditions/data/more": document()["conditions"]["data"]["test"]}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (ORDER, "sample_order"),
        (DATA, "data"),
        (ORDER | {f"{ROLE}/unordered_digest": None}, "data"),
        (ORDER | {"conditions/data/test/unordered_digest": OTHER_DIGEST}, "data"),
        (ORDER | MORE, "sample_order"),
        (DATA | MORE, "data"),
    ],
)
def test_equal_samples_in_another_order_are_told_from_other_samples(changes, kind):
    for trace in (None, traced(column("batch"))):
        causes, *_ = diagnosed(changes, trace, kind="epoch weights" if trace is None else "step")
        assert list(causes) == [kind]
        assert ("order" in causes[kind].title) == (kind == "sample_order")


def test_another_order_explains_what_other_data_explains():
    """A batch, the weights after an epoch; never a generator, nor anything where batches agree."""
    for column_, certainty in (("batch", "certain"), ("random", None), ("weight", None)):
        causes, *_, excluded = diagnosed(ORDER, traced(column(column_)))
        assert ("sample_order" in excluded) == (certainty is None)
        assert [item.certainty for item in causes.values()] == ([certainty] if certainty else [])
    causes, *_ = diagnosed(ORDER, kind="epoch weights")
    assert causes["sample_order"].certainty == "certain"
    assert "sample_order" in diagnosed(ORDER, kind="initial weights").later
    causes, *_ = diagnosed(ORDER | THREADS, kind="epoch weights")
    assert causes["threads"].certainty == "possible"
    *_, excluded = diagnosed(ORDER, kind="history")
    assert excluded == {"sample_order": "every step that both runs have is equal"}
    hashed = {SEEDS + "/hash_seed/probe": "0x1"}
    causes, *_ = diagnosed(ORDER | hashed, traced(column("batch", "x")))
    assert causes["hash_seed"].certainty == "possible"


def test_an_order_that_neither_run_can_compare_is_other_data():
    unknown = {f"{ROLE}/unordered_digest": None}
    mine = record(changed(document(), unknown))
    theirs = record(changed(rerun(), ORDER | unknown))
    first = FirstDifference(kind="epoch weights", text="")
    (cause,), *_ = diagnose(mine, theirs, condition_differences(mine, theirs), first, None)
    assert cause.kind == "data"


def test_equal_seeds_are_no_cause_though_the_backend_stands_elsewhere():
    """An extra draw is: another digest of the backend's generator does not hide it."""
    changes = {(SEEDS + "/backend/digest"): OTHER_DIGEST} | other_layer_seeds(given=False)
    causes, *_ = diagnosed(changes, kind="initial weights")
    assert "drawn_seeds" in causes or "python_seed" in causes
    assert all(item.certainty != "certain" for name, item in causes.items() if name == "seed")


def test_sample_weights_are_no_labels():
    """A set that numbers labels changes targets; PYTHONHASHSEED explains nothing else."""
    hashed = {SEEDS + "/hash_seed/probe": "other"}
    causes, *_ = diagnosed(hashed, traced(column("batch", "y")))
    assert "numbers them" in causes["hash_seed"].reason
    causes, *_ = diagnosed(hashed, traced(column("batch", "sample_weight")))
    assert "numbers them" not in causes["hash_seed"].reason


def test_other_labels_may_follow_from_the_hash_seed_where_the_inputs_are_equal():
    """As where ``set(names)`` numbers the classes: the data is then no cause of its own."""
    hashed = {SEEDS + "/hash_seed/probe": "0x1"}
    labels, inputs = traced(column("batch", "y")), traced(column("batch", "x"))
    causes, *_ = diagnosed(DATA | hashed, labels)
    assert list(causes) == ["hash_seed", "data"]
    assert causes["data"].certainty == "likely"
    assert "may follow from the hash seed" in causes["data"].reason
    requested = {SEEDS + "/hash_seed/requested": "7"}
    causes, *_ = diagnosed(DATA | SHUFFLE | requested, labels)
    assert list(causes) == ["hash_seed", "data", "fit"]
    for changes, trace in (
        (DATA, labels),
        (DATA | hashed, inputs),
        (DATA | {SEEDS + "/hash_seed/probe": None}, labels),
        (DATA | {SEEDS: None}, labels),
    ):
        causes, *_ = diagnosed(changes, trace)
        assert "may follow" not in causes["data"].reason
        assert causes["data"].certainty == "certain"


# What is compared at all.


def test_steps_that_one_run_could_not_see_are_missing_and_no_difference():
    value = document()
    unseen = {("outcomes", "fits", 0, "trace"): [None] * len(value["outcomes"]["fits"][0]["trace"])}
    for one, other in ((value, changed(rerun(), unseen)), (changed(rerun(), unseen), value)):
        result = compare(record(one), record(other))
        assert result.verdict == "identical"
        assert result.evidence == "weights"
        (field,) = [item for item in result.fields if item.field == "trace"]
        assert field.verdict == "missing"
        assert "could not be seen" in field.detail


def test_other_strides_are_not_compared_and_no_difference():
    other = changed(rerun(), {("trace", "strides"): [2], "outcomes/digests/trace": OTHER_DIGEST})
    result = compare(record(document()), record(other))
    (field,) = [item for item in result.fields if item.field == "trace"]
    assert (field.verdict, field.detail) == ("not_compared", "one step in 1 against one in 2")
    assert result.verdict == "identical"


def lone_steps(epoch):
    """Return what traces show of which one has a step that the other lacks."""
    lone = OrderDifference(
        only="expected", what="steps", text="one step", fit=0, epoch=epoch, step=1, steps=1
    )
    return traced(column("batch"))._replace(order=(lone,), step=None)


@pytest.mark.parametrize(
    ("changes", "epoch", "verdict"),
    [
        ({}, 1, "differ"),
        ({"status": "running"}, 1, "match"),
        ({"outcomes/fits/0/first_epoch": 3}, 2, "match"),
        ({"outcomes/fits/0/first_epoch": 3}, 3, "differ"),
    ],
)
def test_a_step_that_one_run_lacks_is_a_difference_unless_it_must_lack_it(changes, epoch, verdict):
    """As one does that was killed, or resumed behind it."""
    other = changed(rerun(), {"outcomes/digests/trace": OTHER_DIGEST, **changes})
    ((field, first),) = compare_steps(record(document()), record(other), lone_steps(epoch), ())
    assert field.verdict == verdict
    assert (first is None) == (verdict == "match")


def test_where_only_one_step_in_some_was_traced_the_first_is_not_claimed():
    trace = traced(column("weight"), place=(0, 1, 17), stride=16)
    other = changed(rerun(parted(document(), "epoch 1")), {"outcomes/digests/trace": OTHER_DIGEST})
    ((field, _),) = compare_steps(record(document()), record(other), trace, ())
    assert field.detail == "by step 17 of epoch 1, of which one step in 16 is traced"
    ((field, _),) = compare_steps(record(document()), record(other), traced(column("weight")), ())
    assert field.detail == "from step 5 of epoch 1 on"


# How far apart the weights are, as a part of one training step.


def apart(ratio):
    """Return what traces show of weights that are first apart by so much of one step."""
    near, later = (
        Distance(0, 1, step, 100, 9, relative, 1, 9, size)
        for step, relative, size in ((5, ratio * 0.01, None), (8, 1.0, 0.01))
    )
    return traced(column("weight"))._replace(distances=(near, later))


@pytest.mark.parametrize(
    ("ratio", "certainty", "said"),
    [
        (2e-6, "likely", "first apart by 2e-06 of one training step, as other rounding is"),
        (9e-4, "likely", "first apart by 0.0009 of one training step, as other rounding is"),
        (1.1e-3, "likely", "sums are split"),
        (0.029, "likely", "sums are split"),
        (0.031, "possible", "first apart by 0.03 of one training step: rounding is smaller"),
        (0.5, "possible", "first apart by 0.5 of one training step: rounding is smaller"),
    ],
)
def test_what_only_rounds_is_likely_where_the_distance_is_one_of_rounding(ratio, certainty, said):
    """Measured on a CNN: rounding begins at 2e-6 of a step, another random stream at 0.1."""
    causes, *_ = diagnosed(THREADS, apart(ratio))
    assert causes["threads"].certainty == certainty
    assert said in causes["threads"].reason


@pytest.mark.parametrize(("ratio", "certainty"), [(9e-4, "possible"), (1.1e-3, "likely")])
@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (LEARNING_RATE, "optimizer"),
        ({"conditions/training/models/0/class_name": "Other"}, "model"),
    ],
)
def test_another_training_is_not_likely_where_the_distance_is_one_of_rounding(
    changes, kind, ratio, certainty
):
    causes, *_ = diagnosed(changes, apart(ratio))
    assert causes[kind].certainty == certainty


def test_xla_comes_before_what_only_rounds():
    """It rounds otherwise, and draws other random numbers: it explains any distance."""
    jit = {"conditions/determinism/execution/0/jit": True}
    for ratio in (2e-6, 0.5):
        causes, *_ = diagnosed(jit | THREADS, apart(ratio))
        assert next(iter(causes)) == "jit"
        assert causes["jit"].certainty == "likely"


# What was not recorded.


@pytest.mark.parametrize(
    ("lacking", "who"),
    [
        ("both", "neither run recorded them"),
        ("expected", "the expected run did not record them"),
        ("actual", "the actual run did not record them"),
    ],
)
def test_data_that_were_not_recorded_come_before_what_merely_differs(lacking, who):
    mine = changed(document(), NOT_TRAINED_ON if lacking != "actual" else {})
    theirs = changed(rerun(), {"conditions/code/argv": ["other"]})
    theirs = changed(theirs, NOT_TRAINED_ON if lacking != "expected" else {})
    runs = record(mine), record(theirs)
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=1)
    differences = condition_differences(*runs)
    causes, *_ = diagnose(*runs, differences, first, traced(column("batch")))
    assert [item.kind for item in causes] == ["unrecorded_data", "arguments"]
    assert (causes[0].certainty, causes[0].paths) == ("possible", ("$.conditions.data",))
    assert causes[0].reason.endswith(who)
    assert not any("no other recorded condition" in item.reason for item in causes)
    causes, *_ = diagnose(*runs, differences, first, traced(column("weight")))
    assert [item.kind for item in causes] == ["arguments"]


def test_data_that_were_recorded_are_no_such_cause():
    causes, *_ = diagnosed({"conditions/code/argv": ["other"]}, traced(column("batch")))
    assert list(causes) == ["arguments"]


@pytest.mark.parametrize("role", ["test", "validation"])
def test_data_to_test_on_alone_are_not_what_was_trained_on(role):
    test = {role: value_at(document(), "conditions/data/test")}
    runs = record(changed(document(), {"conditions/data": test})), record(rerun())
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=1)
    causes, *_ = diagnose(*runs, condition_differences(*runs), first, traced(column("batch")))
    assert [item.kind for item in causes] == ["unrecorded_data"]


@pytest.mark.parametrize("where", ["loss", "weight"])
def test_batches_that_a_trace_lacks_come_before_what_merely_differs(where):
    """As those of a loop that keeps them to itself: what differs may follow from them."""
    runs = record(document()), record(changed(rerun(), {"conditions/code/argv": ["other"]}))
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=5)
    differences = condition_differences(*runs)
    lacking = traced(column(where), recorded=COLUMNS[1:])
    causes = diagnose(*runs, differences, first, lacking).causes
    assert (causes[0].title, causes[0].certainty) == ("batches: not recorded", "likely")
    causes = diagnose(*runs, differences, first, traced(column(where))).causes
    assert "unrecorded_data" not in [item.kind for item in causes]


CODE = {("conditions", "code", "files", "mnist_cnn/__main__.py"): OTHER_DIGEST}


@pytest.mark.parametrize(
    ("name", "changes", "trace", "kind"),
    [
        ("data", DATA, traced(column("batch")), "step"),
        (
            "sample_order",
            {
                "conditions/data/train/digest": OTHER_DIGEST,
                "conditions/data/train/arrays/0/digest": OTHER_DIGEST,
            },
            traced(column("batch")),
            "step",
        ),
        ("test_data", {"conditions/data/test/digest": OTHER_DIGEST}, None, "evaluation"),
    ],
)
def test_of_what_code_decides_the_files_are_named_that_differ(name, changes, trace, kind):
    causes, *_ = diagnosed(changes | CODE, trace, kind)
    assert "of the code mnist_cnn/__main__.py differs" in causes[name].reason
    causes, *_ = diagnosed(changes, trace, kind)
    assert "of the code" not in causes[name].reason


def test_files_of_code_are_named_for_no_cause_that_is_only_possible():
    causes, *_ = diagnosed(
        {"conditions/training/fits/0/callbacks": ["EarlyStopping"]} | CODE, traced(column("weight"))
    )
    assert causes["callbacks"].certainty == "possible"
    assert "of the code" not in causes["callbacks"].reason


@pytest.mark.parametrize("kind", ["loss", "weight"])
def test_batches_that_were_not_recorded_are_only_possible_beside_what_decides_the_stage(kind):
    trace = traced(column(kind), recorded=COLUMNS[1:])
    loss = {"conditions/training/models/0/loss": "mse"}
    given = other_layer_seeds(given=True)
    for changes, certainty in (({}, "likely"), (loss, "possible"), (given, "possible")):
        causes, *_ = diagnosed(changes, trace)
        assert causes["unrecorded_data"].certainty == certainty


def test_batches_that_were_not_recorded_are_named_behind_steps_that_were_not_traced():
    trace = traced(column("weight"), place=(0, 1, 17), stride=16, recorded=COLUMNS[1:])
    causes, *_ = diagnosed({}, trace)
    assert list(causes) == ["unrecorded_data"]


def test_what_acts_behind_other_initial_weights_is_at_no_step():
    _, later, _ = diagnosed(LEARNING_RATE, kind="initial weights")
    assert later["optimizer"] == (
        "it acts on the update of the weights, after the first difference; "
        "it would make the runs differ by itself"
    )


def test_data_that_the_same_program_made_otherwise_may_come_from_what_has_no_seed():
    causes, *_ = diagnosed(DATA, traced(column("batch")))
    said = "it may draw before a seed is set, or from a generator that has none"
    assert said in causes["data"].reason
