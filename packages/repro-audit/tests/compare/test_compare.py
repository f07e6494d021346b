import copy
import math

import pytest
from manifests import (
    EXAMPLES,
    NAMES,
    OTHER_DIGEST,
    changed,
    consistent,
    document,
    leaves,
    parted,
    record,
    rerun,
    run_id,
    two_models,
    value_at,
)

import repro_audit
from repro_audit.audit import Audit, exit_code
from repro_audit.compare import FirstDifference, compare, group, pair
from repro_audit.compare.groups import unrecorded_of_fits
from repro_audit.compare.outcomes import compare_outcomes
from repro_audit.compare.trace_comparison import Distance, OrderDifference, TraceComparison
from repro_audit.manifest import parse
from repro_audit.manifest.records import UNRECORDED
from repro_audit.trace import find_trace

BASE = record(document())
DIGEST = "sha256:" + "1" * 64
EPOCHS = len(document()["outcomes"]["fits"][0]["epochs"])


def against_itself(changes, **options):
    """Compare the real run with a rerun of it that differs in some fields."""
    return compare(BASE, record(changed(rerun(), changes)), **options)


def another(value):
    """Return another value of the same form."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return math.nextafter(value, math.inf)
        case str():
            return value[:-1] + ("0" if value[-1] != "0" else "1")
        case None:
            return 0
        case []:
            return [1]
    raise AssertionError(value)


# Verdicts


def test_one_run_given_twice_is_inconclusive():
    result = compare(BASE, BASE)
    assert result.verdict == "inconclusive"
    assert "given twice" in result.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_rerun_with_the_same_outcomes_is_identical(name):
    result = compare(record(document(name)), record(rerun(document(name))))
    assert (result.verdict, result.first_difference, result.causes) == ("identical", None, ())
    assert {field.verdict for field in result.fields} == {"match"}


def test_the_two_examples_part_and_the_thread_count_is_why():
    one, two = (repro_audit.load(EXAMPLES / f"{name}.json") for name in ("threads-1", "threads-2"))
    result = compare(one, two)
    assert result.verdict == "divergent"
    assert result.first_difference.kind == "trace"
    assert result.causes[0].title == "thread count: 1 → 2"
    assert result.causes[0].certainty == "likely"


def test_their_traces_name_the_step_the_tensors_and_the_distance():
    paths = [EXAMPLES / f"{name}.json" for name in ("threads-2", "threads-1")]
    manifests = [repro_audit.load(path) for path in paths]
    traces = tuple(find_trace(*pair) for pair in zip(paths, manifests, strict=True))
    result = compare(*manifests, traces=traces)
    assert (result.first_difference.kind, result.first_difference.step) == ("step", 1)
    assert result.trace.step.columns[0].name == "sequential/conv2d/kernel"
    assert result.trace.step.equal == ("batch", "random", "loss")
    assert "identical throughout" in result.reason
    assert result.trace.distances[0].median_ulps == 1
    assert result.causes[0].kind == "threads"
    assert "as other rounding is" in result.causes[0].reason


def test_information_is_never_compared():
    value = rerun(information={**document()["information"], "duration_s": 1.0, "labels": []})
    assert compare(BASE, record(value)).verdict == "identical"


def test_conditions_that_differ_and_change_nothing_are_told_and_are_no_causes():
    result = against_itself({"conditions/seeds/hash_seed/probe": "0x7"})
    assert result.verdict == "identical"
    assert [item.path for item in result.differences] == ["$.conditions.seeds.hash_seed.probe"]
    assert result.causes == ()


KINDS = {
    "initial_weights": "initial weights",
    "final_state": "final state",
    "evaluations": "evaluation",
    "epochs": "epoch weights",
    "trace": "trace",
    "steps": "steps",
    "history": "history",
}
# A metric's dtype only says how to count ULPs; the batches that hold the samples are traced.
NO_OUTCOMES = {"dtypes", "samples"}
OUTCOMES = [
    path
    for path in leaves(document()["outcomes"])
    if path[0] != "digests" and NO_OUTCOMES.isdisjoint(path)
]


@pytest.mark.parametrize("path", OUTCOMES, ids=["/".join(map(str, path)) for path in OUTCOMES])
def test_every_change_of_one_outcome_is_divergent_and_first_there(path):
    path = ("outcomes", *path)
    result = against_itself({path: another(value_at(document(), path))})
    assert result.verdict == "divergent"
    kind = next((KINDS[part] for part in path if part in KINDS), None)
    if kind is not None and path[-1] not in {"model", "after_fits"}:
        assert result.first_difference.kind == kind
    if kind == "epoch weights":
        assert (result.first_difference.fit, result.first_difference.epoch) == (0, path[-1] + 1)
    if kind in {"initial weights", "final state"}:
        (tensor,) = result.first_difference.tensors
        assert (tensor.model, tensor.position) == (path[2], path[3])
    if kind == "history" and "history" in path:
        (metric,) = result.metrics
        assert (metric.metric, metric.first_epoch) == (path[4], path[5] + 1)


def ending(end=None, *, epochs=(), trace=None):
    """Return the real run with a second epoch, and other digests in some places."""
    outcomes = document()["outcomes"]
    digests = outcomes["fits"][0]["epochs"] * 2
    changes = {("outcomes", "fits", 0, "epochs"): digests}
    changes |= {("outcomes", "fits", 0, "epochs", at - 1): OTHER_DIGEST for at in epochs}
    changes |= {} if end is None else {("outcomes", "final_state", 0, end, "digest"): OTHER_DIGEST}
    changes |= {} if trace is None else {("outcomes", "digests", "trace"): trace}
    return record(changed(rerun(), changes))


@pytest.mark.parametrize(
    ("epochs", "trace", "named"),
    [
        ((2,), None, [3]),
        # An earlier epoch ended with another state, too: training went on from there.
        ((1, 2), None, []),
        # The steps differ or were not recorded: the end is but what they came to.
        ((2,), OTHER_DIGEST, []),
    ],
)
def test_what_changes_behind_the_last_step_names_the_tensors_of_the_final_state(
    epochs, trace, named
):
    """As a callback may do at the end of training, of which no row tells."""
    _, first = compare_outcomes(ending(), ending(3, epochs=epochs, trace=trace), ())
    assert [item.position for item in first.tensors] == named


@pytest.mark.parametrize(
    ("differing", "named"), [((0, 0, 1), [3]), ((0, 1, 1), []), ((0, 1, 0), [])]
)
def test_of_samples_of_the_weights_the_last_alone_speak_of_the_final_state(differing, named):
    probes = [
        Distance(0, 2, step, 9, count, None, None, None, None)
        for step, count in enumerate(differing, start=1)
    ]
    trace = TraceComparison(3, 4, (), None, (), tuple(probes), None)
    _, first = compare_outcomes(ending(), ending(3, epochs=(2,), trace=OTHER_DIGEST), (), trace)
    assert first.text == f"samples of the weights after step {differing.index(1) + 1} of epoch 2"
    assert [item.position for item in first.tensors] == named


@pytest.mark.parametrize("digest", ["initial_weights", "epochs", "history", "final_state"])
def test_a_digest_alone_that_differs_is_not_identical(digest):
    new = [OTHER_DIGEST] * EPOCHS if digest == "epochs" else OTHER_DIGEST
    assert against_itself({("outcomes", "digests", digest): new}).verdict != "identical"


def lacking(value, kind):
    """Return a manifest with one item fewer of a kind."""
    result = copy.deepcopy(value)
    outcomes = result["outcomes"]
    items = {
        "fit": outcomes["fits"],
        "evaluation": outcomes["evaluations"],
        "metric": outcomes["fits"][0]["history"],
        "result": outcomes["evaluations"][0]["results"],
        "tensor": outcomes["initial_weights"][0],
        "model": outcomes["initial_weights"],
        "epoch": outcomes["fits"][0]["epochs"],
        "value": outcomes["fits"][0]["history"]["loss"],
    }[kind]
    if isinstance(items, dict):
        items.pop("loss")
    else:
        items.pop()
    return result


def two_of_everything():
    """Return a run of which one fewer is not none."""
    full = document()
    for name in ("fits", "evaluations", "initial_weights", "final_state"):
        full["outcomes"][name] *= 2
    for fit in full["outcomes"]["fits"]:
        fit["epochs"] = fit["epochs"] * 2
    return full


@pytest.mark.parametrize("kind", ["fit", "tensor", "model", "epoch", "value"])
def test_a_run_with_one_thing_more_or_less_is_divergent(kind):
    full = two_of_everything()
    less = rerun(lacking(full, kind))
    for mine, theirs in ((full, less), (less, full)):
        assert compare(record(mine), record(theirs)).verdict == "divergent"
        # Tolerances are for values that both runs have.
        if kind not in {"tensor", "model", "epoch"}:
            assert compare(record(mine), record(theirs), rtol=1e9).verdict == "divergent"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("evaluation", "an evaluation after 1 fit is in the {} run only"),
        ("metric", "loss is in the {} run only"),
        ("result", "evaluation loss is in the {} run only"),
    ],
)
def test_what_one_run_alone_reports_is_set_aside_and_said(kind, said):
    """It changes no weight."""
    full = two_of_everything()
    less = rerun(lacking(full, kind))
    for mine, theirs, who in ((full, less, "expected"), (less, full, "actual")):
        result = compare(record(mine), record(theirs))
        assert (result.verdict, result.set_aside) == ("identical", (said.format(who),))
        assert said.format(who) in result.reason
        whole = Audit(
            verdict=result.verdict,
            reason=result.reason,
            evidence=result.evidence,
            manifests=(),
            comparisons=(result,),
        )
        assert (exit_code(whole), exit_code(whole, strict=True)) == (0, 1)


def test_a_metric_that_one_run_alone_trains_with_is_compared_where_both_evaluate_it():
    more = {("outcomes", "evaluations", 0, "results", "extra"): 0.5}
    mine = changed(document(), more | {("outcomes", "fits", 0, "history", "extra"): [0.5] * EPOCHS})
    theirs = changed(rerun(), more)
    result = compare(record(mine), record(theirs))
    assert (result.verdict, len(result.set_aside)) == ("identical", 1)
    other = changed(theirs, {("outcomes", "evaluations", 0, "results", "extra"): 0.9})
    result = compare(record(mine), record(other))
    assert result.verdict == "divergent"
    assert [item.metric for item in result.metrics] == ["extra"]


def test_runs_that_report_otherwise_are_of_one_group():
    """As the comparison says of them."""
    less = changed(rerun(), {"outcomes/evaluations": []})
    result = repro_audit.audit(BASE, record(less), record({**rerun(), "run_id": run_id(1)}))
    assert [item.verdict for item in result.comparisons] == ["identical", "identical"]
    assert result.groups == ((0, 1, 2),)


def test_a_fit_that_one_run_alone_has_says_nothing_of_metrics():
    more = copy.deepcopy(document())
    again = copy.deepcopy(more["outcomes"]["fits"][0]) | {"model": 1}
    more["outcomes"]["fits"].append(again)
    lone = OrderDifference("actual", "steps", "x", 1, 1, 1, 1)
    trace = TraceComparison(1, 1, (lone,), None, (), (), None)
    first = FirstDifference(kind="trace", text="x", fit=1, epoch=1, step=1)
    runs = BASE, record(rerun(more))
    assert pair._while_metrics_agree(*runs, first, trace, ()) == ""


def test_of_what_one_run_alone_reports_the_rest_is_compared():
    full = two_of_everything()
    less = rerun(lacking(full, "metric"))
    less["outcomes"]["final_state"][0] = []
    assert compare(record(full), record(less)).verdict == "divergent"


def test_a_metric_of_one_fit_that_another_fit_of_the_run_has_is_a_difference():
    full = copy.deepcopy(two_of_everything())
    full["outcomes"]["fits"] = copy.deepcopy(full["outcomes"]["fits"])
    full["outcomes"]["fits"] = [copy.deepcopy(item) for item in full["outcomes"]["fits"]]
    less = rerun(lacking(full, "metric"))
    assert compare(record(full), record(less)).verdict == "divergent"


@pytest.mark.parametrize("mine", [True, False])
def test_a_run_that_was_not_evaluated_is_the_same_training_as_one_that_was(mine):
    without = record(changed(rerun(), {"outcomes/evaluations": []}))
    result = compare(without, BASE) if mine else compare(BASE, without)
    assert result.verdict == "identical"
    assert "an evaluation after 1 fit is in the" in result.reason


def test_initial_weights_that_one_run_lacks_are_missing_and_no_match():
    result = against_itself({"outcomes/initial_weights": []})
    verdicts = {field.field: field.verdict for field in result.fields}
    assert verdicts["initial weights"] == "missing"
    assert verdicts["final state"] == "match"


def test_a_final_state_that_one_run_lacks_is_no_evidence_of_weights():
    for nothing in ([], [None]):
        assert against_itself({"outcomes/final_state": nothing}).verdict == "inconclusive"


def test_the_order_of_first_differences_is_that_of_a_run():
    changes = {
        "final state": {"outcomes/final_state/0/0/digest": OTHER_DIGEST},
        "evaluation": {"outcomes/evaluations/0/results/loss": 9.0},
        "history": {"outcomes/fits/0/history/loss/0": 9.0},
        "epoch weights": {"outcomes/fits/0/epochs/0": OTHER_DIGEST},
        "initial weights": {"outcomes/initial_weights/0/0/digest": OTHER_DIGEST},
    }
    together = {}
    for kind, change in changes.items():
        together |= change
        assert against_itself(together).first_difference.kind == kind


def test_the_first_epoch_that_differs_is_the_first_difference():
    epochs = [f"sha256:{number:064}" for number in range(3)]
    longer = {"outcomes/fits/0/epochs": epochs}
    other = {"outcomes/fits/0/epochs": [epochs[0], OTHER_DIGEST[:-1] + "9", OTHER_DIGEST]}
    result = compare(record(changed(document(), longer)), record(changed(rerun(), other)))
    assert (result.first_difference.kind, result.first_difference.epoch) == ("epoch weights", 2)


@pytest.mark.parametrize("since", ["initial weights", "epoch 1"])
def test_swapping_the_runs_keeps_the_verdict_and_the_place(since):
    other = record(parted(document(), since))
    there, back = compare(BASE, other), compare(other, BASE)
    assert there.verdict == back.verdict == "divergent"
    assert there.first_difference.kind == back.first_difference.kind
    assert [cause.certainty for cause in there.causes] == [item.certainty for item in back.causes]


# Tolerances and metrics

LOSS = document()["outcomes"]["fits"][0]["history"]["loss"][0]
NEAR = {"outcomes/fits/0/history/loss/0": LOSS * 1.001}


def test_a_value_within_the_tolerance_is_close_and_without_one_divergent():
    assert against_itself(NEAR).verdict == "divergent"
    assert against_itself(NEAR, rtol=0.01).verdict == "close"
    assert against_itself(NEAR, atol=0.01).verdict == "close"
    assert against_itself(NEAR, rtol=0.0001).verdict == "divergent"
    assert against_itself(NEAR, atol=0.0001).verdict == "divergent"
    assert against_itself(NEAR, rtol=0, atol=0).verdict == "divergent"


def test_a_tolerance_makes_equal_bits_no_less_identical():
    assert against_itself({}, rtol=0.1).verdict == "identical"


def test_rtol_scales_the_expected_value():
    small = record(changed(document(), {"outcomes/fits/0/history/loss/0": 1.0}))
    large = record(changed(rerun(), {"outcomes/fits/0/history/loss/0": 2.0}))
    assert compare(small, large, rtol=0.6).verdict == "divergent"
    assert compare(large, small, rtol=0.6).verdict == "close"


def test_an_ignored_metric_is_not_compared_and_others_are():
    full = changed(document(), {"outcomes/fits/0/history/seconds": [1.0] * EPOCHS})
    other = changed(rerun(full), {"outcomes/fits/0/history/seconds": [1.5] * EPOCHS})
    assert compare(record(full), record(other)).verdict == "divergent"
    result = compare(record(full), record(other), ignore_metrics=["seconds"])
    assert result.verdict == "identical"
    assert result.ignored_metrics == ("seconds",)
    assert compare(record(full), record(other), ignore_metrics=["loss"]).verdict == "divergent"
    assert len(group([record(full), record(other)], ["seconds"])) == 1


@pytest.mark.parametrize(
    ("expected", "actual", "verdict"),
    [
        ("NaN", "NaN", "identical"),
        ("NaN", 1.0, "divergent"),
        ("Infinity", "Infinity", "identical"),
        ("Infinity", "-Infinity", "divergent"),
        ("-0.0", 0.0, "divergent"),
        ("-0.0", "-0.0", "identical"),
        (None, None, "identical"),
        (None, "NaN", "divergent"),
    ],
)
def test_values_are_compared_by_their_bits(expected, actual, verdict):
    place_ = "outcomes/fits/0/history/loss/0"
    first = record(changed(document(), {place_: expected}))
    second = record(changed(rerun(), {place_: actual}))
    assert compare(first, second).verdict == verdict
    assert compare(second, first).verdict == verdict
    assert len(group([first, second])) == (1 if verdict == "identical" else 2)


def test_the_distance_of_a_metric_is_counted_in_its_own_dtype():
    step = 2.0 ** (math.floor(math.log2(LOSS)) - 23)
    (metric,) = against_itself({"outcomes/fits/0/history/loss/0": LOSS + step}).metrics
    assert (metric.dtype, metric.ulps, metric.equal, metric.epochs) == (
        "float32",
        1,
        EPOCHS - 1,
        EPOCHS,
    )


# Evidence

NO_EPOCHS = {"outcomes/fits/0/epochs": [None] * EPOCHS}


def test_without_weights_equal_histories_are_inconclusive_unless_they_are_enough():
    result = against_itself(NO_EPOCHS)
    assert (result.evidence, result.verdict) == ("history", "inconclusive")
    assert against_itself(NO_EPOCHS, require="history").verdict == "identical"


def test_without_weights_a_history_that_differs_is_divergent():
    assert against_itself(NO_EPOCHS | NEAR).verdict == "divergent"


def test_without_weights_close_histories_are_inconclusive():
    assert against_itself(NO_EPOCHS | NEAR, rtol=0.1).verdict == "inconclusive"


def test_weights_are_not_a_trace():
    lacking = {"outcomes/digests/trace": None, "outcomes/fits/0/trace/0": None}
    assert against_itself(lacking, require="trace").verdict == "inconclusive"
    assert against_itself({}, require="trace").verdict == "identical"


@pytest.mark.parametrize("setting", ["epoch", 10])
def test_runs_traced_in_different_ways_are_compared_by_their_weights(setting):
    other = {"trace/setting": setting, "outcomes/digests/trace": OTHER_DIGEST}
    result = against_itself({**other, "outcomes/fits/0/trace/0": OTHER_DIGEST})
    assert (result.verdict, result.evidence) == ("identical", "weights")
    (field,) = [field for field in result.fields if field.field == "trace"]
    assert field.verdict == "not_compared"
    assert against_itself(other, require="trace").verdict == "inconclusive"


def test_without_the_traces_the_epoch_is_named_and_how_to_name_the_step():
    other = {"outcomes/digests/trace": OTHER_DIGEST, "outcomes/fits/0/trace/0": OTHER_DIGEST}
    result = against_itself(other)
    assert (result.first_difference.kind, result.first_difference.epoch) == ("trace", 1)
    (field,) = [field for field in result.fields if field.field == "trace"]
    assert "the two .trace files tell which step" in field.detail


def test_ignored_metrics_leave_traces_that_are_not_here_undecided():
    other = {"outcomes/digests/trace": OTHER_DIGEST, "outcomes/fits/0/trace/0": OTHER_DIGEST}
    result = against_itself(other, ignore_metrics=["loss"])
    assert {field.verdict for field in result.fields if field.field == "trace"} == {"not_compared"}


def test_a_resumed_run_is_compared_from_its_first_epoch_on():
    value = document()
    fit = value["outcomes"]["fits"][0]
    twice = {**fit, "epochs": [OTHER_DIGEST, *fit["epochs"]], "trace": [None, *fit["trace"]]}
    resumed = {**fit, "first_epoch": 2}
    for fits, other, verdict in (
        (twice, resumed, "inconclusive"),
        (twice, {**resumed, "epochs": [OTHER_DIGEST]}, "divergent"),
    ):
        expected = record(changed(value, {"outcomes/fits/0": fits}))
        actual = record(changed(rerun(), {"outcomes/fits/0": other}))
        result = compare(expected, actual)
        assert result.verdict == verdict
    assert result.first_difference.epoch == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"positive_control": {"step": 1, "model": 0, "position": 0, "element": 0, "bit": 12}},
        {"status": "running"},
        {"status": "failed"},
        {"outcomes/fits": []},
    ],
)
def test_a_run_that_is_no_evidence_is_never_compared(changes):
    other = record(changed(rerun(), changes))
    for first, second in ((BASE, other), (other, BASE)):
        result = compare(first, second)
        assert result.verdict == "inconclusive"
        assert (result.fields, result.causes, result.first_difference) == ((), (), None)


def ranked(number, group=OTHER_DIGEST, **changes):
    rank = {"number": number, "size": 2, "group": group}
    return record({**(rerun() if number else document()), "rank": rank, **changes})


@pytest.mark.parametrize(
    ("group", "whose"), [(OTHER_DIGEST, "of one run"), (DIGEST, "of two runs")]
)
def test_two_ranks_are_no_repetition_of_each_other(group, whose):
    result = compare(ranked(0), ranked(1, group))
    assert result.verdict == "inconclusive"
    assert f"they are ranks 0 and 1 {whose}" in result.reason


def test_the_same_rank_of_two_runs_is_compared():
    assert compare(ranked(0), ranked(0, DIGEST, run_id=run_id(0))).verdict == "inconclusive"
    again = record({**rerun(), "rank": {"number": 0, "size": 2, "group": DIGEST}})
    assert compare(ranked(0), again).verdict == "identical"


def test_a_field_that_a_manifest_holds_counts_whatever_it_says_is_missing():
    said = {"path": "$.outcomes.fits[*].ended", "reason": UNRECORDED}
    for ended, left_out in ((None, {"ended"}), (False, set()), (True, set())):
        manifest = record(changed(document(), {"outcomes/fits/0/ended": ended, "missing": [said]}))
        assert unrecorded_of_fits([manifest]) == left_out


def test_a_copy_under_another_id_is_one_run_given_twice():
    copy = record({**document(), "run_id": run_id(3)})
    result = compare(BASE, copy)
    assert result.verdict == "inconclusive"
    assert "one run is given twice" in result.reason


@pytest.mark.parametrize("field", ["duration_s", "peak_memory_bytes", "epoch_durations_s"])
def test_two_runs_that_took_otherwise_are_no_copies(field):
    value = {**document(), "run_id": run_id(3)}
    taken = value["information"][field]
    other = [item + 0.001 for item in taken] if isinstance(taken, list) else taken + 1
    assert compare(BASE, record(changed(value, {f"information/{field}": other}))).verdict == (
        "identical"
    )


def test_two_runs_whose_times_are_not_known_are_no_copies():
    value = {**document(), "run_id": run_id(3)}
    unknown = {"information/epoch_durations_s": [], "information/duration_s": None}
    one, other = (record(changed(item, unknown)) for item in (document(), value))
    assert compare(one, other).verdict == "identical"


def test_two_histories_are_compared_on_the_evidence_of_a_history():
    one = parse(b'{"loss": [2.0, 1.0]}', "a")
    same = parse(b'{"loss": [2.0, 1.0]}', "b")
    other = parse(b'{"loss": [2.0, 1.5]}', "c")
    assert compare(one, same).verdict == "inconclusive"
    assert compare(one, same, require="history").verdict == "identical"
    assert compare(one, other).verdict == "divergent"
    assert compare(one, other).first_difference.epoch == 2


def test_a_history_is_compared_with_the_history_of_a_manifest():
    import json

    history = document()["outcomes"]["fits"][0]["history"]
    exported = parse(json.dumps(history).encode(), "history.json")
    assert compare(BASE, exported, require="history").verdict == "identical"
    history["loss"][-1] += 1
    exported = parse(json.dumps(history).encode(), "history.json")
    assert compare(BASE, exported, require="history").verdict == "divergent"


# Several


def test_three_runs_fall_into_groups_of_equal_outcomes():
    other = record(parted(document(), "epoch 1"))
    third = record({**rerun(), "run_id": run_id(1)})
    assert group([BASE, other, third]) == ((0, 2), (1,))
    result = repro_audit.audit(BASE, other, third)
    assert result.groups == ((0, 2), (1,))
    assert [item.verdict for item in result.comparisons] == ["divergent", "identical"]
    assert result.verdict == "divergent"


SOME = [
    path
    for path in leaves(document()["outcomes"])
    if (path[0] == "fits" and "samples" not in path) or path[-1] == "dtype"
]


@pytest.mark.parametrize("path", SOME[:20], ids=lambda path: "/".join(map(str, path)))
def test_groups_and_verdict_never_contradict_each_other(path):
    path = ("outcomes", *path)
    other = record(changed(rerun(), {path: another(value_at(document(), path))}))
    result = repro_audit.audit(BASE, other)
    assert (len(result.groups) == 1) == (result.verdict == "identical")


def test_one_run_given_twice_among_three_is_inconclusive():
    other = record(rerun())
    assert repro_audit.audit(BASE, other, other).verdict == "inconclusive"
    assert (
        repro_audit.audit(BASE, other, record({**rerun(), "run_id": run_id(1)})).verdict
        == "identical"
    )


# Several fits


@pytest.mark.parametrize("fit", [0, 1])
def test_where_runs_have_several_fits_an_epoch_is_named_with_its_own(fit):
    """The first one as any other."""
    runs = two_models(seeded_again=True), rerun(two_models(seeded_again=True))
    other = changed(runs[1], {("outcomes", "fits", fit, "epochs", 0): OTHER_DIGEST})
    result = compare(record(runs[0]), record(consistent(other)))
    assert result.first_difference.text == f"weights after epoch 1 of fit {fit + 1}"
    result = against_itself({"outcomes/fits/0/epochs/0": OTHER_DIGEST})
    assert result.first_difference.text == "weights after epoch 1"


def test_where_runs_have_several_evaluations_one_is_named_by_its_number():
    runs = two_models(seeded_again=True), rerun(two_models(seeded_again=True))
    other = changed(runs[1], {"outcomes/evaluations/1/results/loss": 0.5})
    result = compare(record(runs[0]), record(consistent(other)))
    assert result.first_difference.text == "evaluation 2: loss"
    result = against_itself({"outcomes/evaluations/0/results/loss": 0.5})
    assert result.first_difference.text == "evaluation: loss"


def test_ulps_are_counted_in_the_dtype_that_one_of_the_runs_has_recorded():
    """A history tells none; of a value that is none of that dtype, the values tell."""
    path = "outcomes/fits/0/history/loss/0"
    loss = {path: 2.5}
    unknown = {"outcomes/fits/0/dtypes/loss": None}
    half = {"outcomes/fits/0/dtypes/loss": "float16"}
    expected = record(changed(document(), {path: 2.501953125} | unknown))
    (found,) = compare(expected, record(changed(rerun(), loss | half))).metrics
    assert (found.dtype, found.ulps) == ("float16", 1)
    (found,) = compare(expected, record(changed(rerun(), loss | unknown))).metrics
    assert (found.dtype, found.ulps) == ("float32", 2**13)
