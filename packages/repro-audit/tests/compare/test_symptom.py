"""What a first difference looks like, before any cause is judged."""

import pytest
from first_differences import column, traced
from manifests import changed, document, record, rerun

from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.symptom import Symptom, read_symptom
from repro_audit.compare.trace_comparison import Distance

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
