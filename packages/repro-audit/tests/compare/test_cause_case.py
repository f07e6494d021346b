"""What is asked of two runs before any cause is judged."""

import pytest
from manifests import changed, document, record, rerun

from repro_audit.compare import symptom as symptoms
from repro_audit.compare.cause_case import Case, hash_seed_is_random, orders_pipelines
from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.kinds import kind_of
from repro_audit.compare.symptom import Symptom

BASE = record(document())
DATASETS = "conditions/determinism/datasets"
RANDOM = "conditions/seeds/hash_seed/randomized"


def case(*paths, state="changed", symptom=None, expected=BASE, actual=BASE):
    kinds = {}
    for path in paths:
        item = ConditionDifference(f"$.conditions.{path}", 1, 2, state)
        kinds.setdefault(kind_of(item.path), []).append(item)
    return Case(expected, actual, symptom or Symptom(where="batch"), kinds)


def kind(path):
    return kind_of(f"$.conditions.{path}")


def test_what_nothing_says_is_taken_for_nothing():
    assert case().told == ""
    nothing = symptoms.Symptom(where="batch")
    assert nothing[1:6] == ("", None, None, (), frozenset())
    assert not any(nothing[6:])


def test_a_kind_is_there_only_by_a_condition_that_has_an_effect():
    threads = "determinism.backend.threads.intra_op.in_force"
    assert case(threads).has("threads")
    assert not case("determinism.usable_cores").has("threads"), "it was merely asked for"
    assert not case(threads).has("jit")


@pytest.mark.parametrize(
    ("models", "differing", "is_first"),
    [((0,), {0}, True), ((1,), {0}, False), ((1,), {0, 1}, False), ((0, 2), {1}, True)],
)
def test_a_model_explains_what_begins_with_the_first_of_those_that_differ(
    models, differing, is_first
):
    paths = [f"training.models[{number}].config.rate" for number in models]
    found = case(*paths, symptom=Symptom(where="start", models=frozenset(differing)))
    assert found.is_of_first_model(kind(paths[0])) is is_first


@pytest.mark.parametrize(("dataset", "is_of"), [(0, False), (1, True), (2, False), (99, False)])
def test_a_pipeline_is_validated_on_where_a_fit_says_so(dataset, is_of):
    path = f"determinism.datasets[{dataset}].workers"
    assert case(path).is_of_validation(kind(path)) is is_of


def test_what_is_of_one_run_alone_is_so_in_every_condition():
    path, other = "training.fits[1].arguments.shuffle", "training.fits[0].arguments.shuffle"
    assert case(path, other, state="only in actual").is_of_one_run(kind(path))
    mixed = case(path, state="only in actual")
    mixed.kinds[kind(path)].extend(case(other).kinds[kind(other)])
    assert not mixed.is_of_one_run(kind(path))


@pytest.mark.parametrize(
    ("calls", "random", "orders"),
    [(None, [], False), (1, [], False), (2, [], True), (-1, [], True), (None, ["f"], True)],
)
def test_a_pipeline_is_ordered_where_calls_are_parallel_or_random(calls, random, orders):
    source = {"source": "numpy.random", "seeded": None, "stateful": False}
    stage = {
        "op": "map", "num_parallel_calls": calls, "deterministic": None, "buffer_size": None,
        "seed": None, "reshuffle_each_iteration": None, "random": [source] if random else [],
    }  # fmt: skip
    plain = {**stage, "num_parallel_calls": None, "random": []}
    sets = document()["conditions"]["determinism"]["datasets"]
    one, none = (
        record(
            changed(
                value, {("conditions", "determinism", "datasets"): [{**sets[0], "stages": [part]}]}
            )
        )
        for value, part in ((document(), stage), (rerun(), plain))
    )
    assert orders_pipelines(one) is orders
    for pair in ((one, none), (none, one)):
        assert case(expected=pair[0], actual=pair[1]).has_racing_pipeline() is orders


def test_a_hash_seed_is_random_only_where_it_is_so_in_both_runs():
    runs = {drawn: record(changed(document(), {RANDOM: drawn})) for drawn in (False, True)}
    for pair in ((True, True), (True, False), (False, True), (False, False)):
        assert hash_seed_is_random(*(runs[drawn] for drawn in pair)) is all(pair)
