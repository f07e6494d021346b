"""What a first difference looks like, before any cause is judged."""

import pytest
from first_differences import COLUMNS, column, traced
from manifests import OTHER_DIGEST, changed, document, record, rerun, value_at

from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.symptom import Symptom, read_symptom
from repro_audit.compare.trace_comparison import BatchDifference, Distance, OrderDifference

RESUMED = {"outcomes/fits/0/first_epoch": 2}


def symptom(kind, trace=None, changes=None):
    first = FirstDifference(kind=kind, text="")
    actual = record(changed(rerun(), changes or {}))
    return read_symptom(record(document()), actual, first, trace)


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("initial weights", "start"),
        ("epoch weights", "epoch"),
        ("trace", "epoch"),
        ("step", "epoch"),
        ("history", "result"),
        ("evaluation", "result"),
        ("final state", "result"),
        ("steps", "length"),
    ],
)
def test_without_a_trace_the_place_is_as_exact_as_what_differs(kind, where):
    assert symptom(kind) == Symptom(where=where, start_equal=True, every_batch=True)


@pytest.mark.parametrize("kind", ["trace", "epoch weights"])
def test_a_trace_names_the_column_only_where_a_step_is_the_first_difference(kind):
    assert symptom(kind, traced(column("loss"))).where == "epoch"
    assert symptom("step", traced(column("loss"))).where == "loss"
    assert symptom("step", traced(column("loss"))._replace(step=None)).where == "epoch"


def test_a_column_after_steps_that_were_not_traced_lies_between():
    """A batch or a generator's state shows what it was, whatever came before."""
    late = {"place": (0, 1, 17), "stride": 16}
    for kind in ("loss", "weight", "optimizer"):
        assert symptom("step", traced(column(kind), **late)).where == "between"
    for kind in ("batch", "random"):
        assert symptom("step", traced(column(kind), **late)).where == kind


def test_the_roles_are_those_of_the_first_kind_of_column():
    trace = traced(column("batch", "x/0"), column("batch", "y"), column("weight"))
    assert symptom("step", trace).roles == ("x/0", "y")


def test_what_weighs_samples_acts_on_the_loss_and_is_no_batch():
    weights = column("batch", "sample_weight")
    assert symptom("step", traced(weights, column("loss"))).where == "loss"
    assert symptom("step", traced(column("batch", "y"), weights)).where == "batch"


def test_batches_are_known_to_be_equal_only_where_every_step_was_traced():
    assert symptom("step", traced(column("weight"))).batches_equal
    assert not symptom("step", traced(column("weight"), recorded=("weight", "loss"))).batches_equal
    assert not symptom("step", traced(column("random"), place=(0, 1, 17), stride=16)).batches_equal
    assert not symptom("epoch weights").batches_equal


@pytest.mark.parametrize(
    ("kind", "roles", "only"),
    [
        ("batch", ["y"], True),
        ("batch", ["y/labels", "sample_weight"], True),
        ("batch", ["x/image", "y/labels"], False),
        ("batch", ["x"], False),
        ("batch", ["sample_weight"], False),
        ("weight", ["y"], False),
    ],
)
def test_labels_alone_differ_where_a_target_does_and_no_input(kind, roles, only):
    assert symptom("step", traced(*(column(kind, role) for role in roles))).labels_only == only


def test_where_one_run_was_resumed_every_later_difference_says_so():
    for kind in ("epoch weights", "history"):
        assert symptom(kind, changes=RESUMED).resumed_at == 2
    assert symptom("step", traced(column("loss")), RESUMED).resumed_at == 2
    late = traced(column("loss"), place=(0, 1, 17), stride=16)
    assert symptom("step", late, RESUMED).resumed_at == 2


# How far apart the weights are, as a part of one training step.


def probe(step, relative, size, *, differing=1, place=(0, 1)):
    return Distance(*place, step, 100, differing, relative, 1, 9, size)


def ratio(*probes):
    """Return the ratio where the runs diverge at step 5 of the first epoch."""
    trace = traced(column("weight"))._replace(distances=probes)
    return symptom("step", trace).ratio


def test_the_first_distance_is_measured_by_the_next_step_whose_size_is_known():
    assert ratio(probe(5, 0.125, None), probe(6, 0.2, None), probe(8, 0.5, 0.25)) == 0.5
    assert ratio(probe(5, 0.125, 0.5), probe(8, 0.5, 0.25)) == 0.25


def test_probes_that_agree_are_passed_over():
    equal = probe(4, 0.0, 0.25, differing=0)
    assert ratio(equal, probe(5, 0.125, 0.5)) == 0.25
    assert ratio(equal) is None
    assert ratio() is None


def test_without_a_distance_or_a_step_to_measure_it_by_the_ratio_is_unknown():
    assert ratio(probe(5, None, 0.5), probe(8, 0.5, 0.25)) is None
    assert ratio(probe(5, 0.125, None), probe(8, 0.5, None)) is None
    assert ratio(probe(5, 0.125, 0.0)) is None


@pytest.mark.parametrize(
    ("step", "place", "known"),
    [(10, (0, 1), True), (11, (0, 1), False), (6, (0, 2), False), (6, (1, 1), False)],
)
def test_a_probe_long_after_the_first_difference_measures_nothing(step, place, known):
    """By then any difference has grown: what rounded otherwise looks like another seed."""
    assert (ratio(probe(step, 0.125, 0.5, place=place)) is not None) == known


@pytest.mark.parametrize(
    ("distance", "size"),
    [
        (0.0009, "rounding"),
        (0.001, None),
        (0.0011, None),
        (0.029, None),
        (0.03, None),
        (0.031, "large"),
    ],
)
def test_a_thousandth_of_a_step_is_rounding_and_three_hundredths_are_not(distance, size):
    trace = traced(column("weight"))._replace(distances=(probe(5, distance, 1.0),))
    assert symptom("step", trace).size == size


@pytest.mark.parametrize(
    ("expected", "actual", "apart", "size"),
    [
        (2.0, 2.5, 0.25, "large"),
        (2.0, 2.125, 0.0625, "large"),
        (2.0, 2.0625, 0.03125, "rounding"),
        (100.0, 105.0, 0.05, "rounding"),
        (1e-4, 2e-4, None, "rounding"),
        (1e-4, 2.0, None, "rounding"),
        (2.0, 1e-4, None, "rounding"),
        (0.001, 0.002, 1.0, "large"),
        (0.005, 0.01, 1.0, "large"),
        (float("inf"), float("inf"), None, "rounding"),
        (float("-inf"), float("inf"), None, "rounding"),
        (-2.0, -2.5, 0.25, "large"),
        (2.0, 2.0, 0.0, "rounding"),
        (0.0, 1.0, None, "rounding"),
        (2.0, None, None, "rounding"),
        (float("nan"), 2.0, None, "rounding"),
        (2.0, float("inf"), None, "rounding"),
    ],
)
def test_a_loss_that_is_far_apart_is_no_rounding_however_near_the_weights_are(
    expected, actual, apart, size
):
    """The first step of Adam is as large whatever the gradients are."""
    columns = column("loss", "top", 1.0, 9.0), column("loss", "loss", expected, actual)
    trace = traced(*columns, column("weight"))._replace(distances=(probe(5, 1e-6, 1.0),))
    found = symptom("step", trace)
    assert found.size == size
    assert found.loss_apart == (None if apart is None else pytest.approx(apart, abs=1e-9))


def test_metrics_differ_alone_where_neither_the_loss_nor_a_weight_does():
    top = column("loss", "top")
    assert symptom("step", traced(top, column("loss", "mae"))).metrics_only
    for other in (column("loss"), column("loss", "head_loss"), column("weight"), column("batch")):
        assert not symptom("step", traced(top, other)).metrics_only


# What one run alone has.


def lone(step, role=None, kind="batch", text="lone"):
    return OrderDifference(
        only="actual",
        what="steps" if role is None else "column",
        text=text,
        fit=0,
        epoch=1,
        step=step,
        steps=int(role is None),
        column=None if role is None else column(kind, role),
    )


def of_lone(item):
    trace = traced(column("weight"))._replace(order=(lone(3, text="another"), item), step=None)
    first = FirstDifference(kind="trace", text=item.text, fit=0, epoch=1, step=item.step)
    return read_symptom(record(document()), record(rerun()), first, trace)


@pytest.mark.parametrize(
    ("item", "where", "batches_equal"),
    [
        (lone(1), "length", False),
        (lone(2), "batch", False),
        (lone(9), "batch", False),
        (lone(1, "sample_weight"), "loss", True),
        (lone(1, "x/mask"), "batch", True),
        (lone(1, "momentum", "optimizer"), "update", True),
    ],
)
def test_what_one_run_alone_has_is_at_the_stage_at_which_it_acts(item, where, batches_equal):
    found = of_lone(item)
    assert (found.where, found.batches_equal, found.lone) == (where, batches_equal, item)
    assert found.place == f"step {item.step} of epoch 1"


@pytest.mark.parametrize(
    ("item", "recorded", "is_named"),
    [
        (lone(5, "momentum", "optimizer"), COLUMNS, True),
        (lone(4, "sample_weight"), COLUMNS, True),
        (lone(6, "momentum", "optimizer"), COLUMNS, False),
        (lone(5, "accuracy", "loss"), COLUMNS, False),
        (lone(5, "x"), COLUMNS[1:], False),
        (lone(5), COLUMNS, False),
    ],
)
def test_a_column_of_one_run_alone_is_named_with_the_step_that_it_may_explain(
    item, recorded, is_named
):
    """A metric explains none, and batches that one run does not tell of are only not recorded."""
    trace = traced(column("weight"), recorded=recorded)._replace(order=(item,))
    assert (symptom("step", trace).lone == item) == is_named


def test_batches_are_unknown_where_a_trace_lacks_them():
    assert symptom("step", traced(column("weight"), recorded=COLUMNS[1:])).batches_unknown
    assert not symptom("step", traced(column("weight"))).batches_unknown
    assert not symptom("step", traced(column("batch"), column("weight"))).batches_unknown


def test_whether_every_batch_differs_is_told_where_it_is_known():
    for differing, every in ((8, True), (7, False)):
        fed = BatchDifference(0, 1, 1, 8, differing, "other", ())
        assert symptom("step", traced(column("batch"))._replace(batches=fed)).every_batch == every


# Where the weights after every epoch are not known, or one run goes on.


def test_a_history_that_differs_is_all_that_is_known_where_epochs_have_no_digest():
    for unknown in ([], [None]):
        changes = {"outcomes/fits/0/epochs": unknown}
        assert symptom("history", changes=changes).where == "epoch"
    assert symptom("sequence").where == "length"


@pytest.mark.parametrize("kind", ["trace", "epoch weights"])
def test_an_epoch_that_one_run_alone_has_is_behind_the_end_of_the_other(kind):
    epochs = value_at(document(), "outcomes/fits/0/epochs")
    longer = record(changed(rerun(), {("outcomes", "fits", 0, "epochs"): [*epochs, OTHER_DIGEST]}))
    for epoch, where in ((len(epochs), "epoch"), (len(epochs) + 1, "length")):
        first = FirstDifference(kind=kind, text="", fit=0, epoch=epoch)
        assert read_symptom(record(document()), longer, first, None).where == where
    fit = FirstDifference(kind=kind, text="", fit=1, epoch=1)
    assert read_symptom(record(document()), record(rerun()), fit, None).where == "length"


def test_initial_weights_that_are_not_known_are_not_known_to_be_equal():
    for unknown in ([], [None]):
        weights = {"outcomes/initial_weights": unknown}
        runs = record(changed(document(), weights)), record(changed(rerun(), weights))
        first = FirstDifference(kind="epoch weights", text="", fit=0, epoch=1)
        assert not read_symptom(*runs, first, None).start_equal


# What goes on where the other run ends.


@pytest.mark.parametrize(
    ("first_epoch", "epochs", "epoch", "where"),
    [
        (None, 1, 2, "length"),
        (None, 2, 2, "epoch"),
        (None, 2, 3, "length"),
        (3, 2, 4, "epoch"),
        (3, 2, 5, "length"),
        (None, 0, 2, "epoch"),
    ],
)
def test_a_run_is_longer_from_the_epoch_on_that_the_other_has_not(
    first_epoch, epochs, epoch, where
):
    """However many epochs the longer one has, and whatever its first epoch is."""
    runs = [
        record(
            changed(
                value,
                {
                    "outcomes/fits/0/first_epoch": first_epoch,
                    ("outcomes", "fits", 0, "epochs"): [OTHER_DIGEST] * count,
                },
            )
        )
        for value, count in ((document(), epochs), (rerun(), 9))
    ]
    first = FirstDifference(kind="epoch weights", text="", fit=0, epoch=epoch)
    for pair in (runs, runs[::-1]):
        assert read_symptom(*pair, first, None).where == where


def test_of_a_loop_batches_are_never_known_to_be_equal():
    """What its steps take beside what they are given nobody has seen."""
    loop = {("conditions", "training", "fits", 0, "arguments"): {}}
    runs = record(changed(document(), loop)), record(changed(rerun(), loop))
    first = FirstDifference(kind="step", text="")
    found = read_symptom(*runs, first, traced(column("weight")))
    assert (found.batches_equal, found.batches_unknown) == (False, False)
    assert symptom("step", traced(column("weight"))).batches_equal
    of_another_fit = traced(column("weight"), place=(1, 1, 5), stride=1)
    assert read_symptom(*runs, first, of_another_fit).batches_equal, "of which nothing is recorded"
