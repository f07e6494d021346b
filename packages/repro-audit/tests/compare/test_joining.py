"""One training in another number of calls of fit is compared by its epochs in the whole."""

import copy

import pytest
from manifests import OTHER_DIGEST, document, record, rerun, run_id
from traces import BATCH, KERNEL, block, line, row, start, trace

from repro_audit.compare import compare
from repro_audit.compare.joining import join_fits, with_joined_fits
from repro_audit.compare.traces import compare_traces

COLUMNS = (BATCH, KERNEL)


def once():
    """Return a run whose one fit has four epochs."""
    value = copy.deepcopy(document())
    (fit,) = value["outcomes"]["fits"]
    fit["epochs"] = ["sha256:" + str(epoch + 1) * 64 for epoch in range(4)]
    fit["trace"] = ["sha256:" + str(epoch + 5) * 64 for epoch in range(4)]
    fit["history"] = {name: [0.5, 0.25, 0.125, 0.0625] for name in fit["history"]}
    fit["steps"] = 4 * 7
    return value


def twice(whole):
    """Return a run that called fit twice with half the epochs each."""
    value = rerun(copy.deepcopy(whole))
    (fit,) = value["outcomes"]["fits"]
    halves = [copy.deepcopy(fit) for _ in range(2)]
    for number, half in enumerate(halves):
        part = slice(2 * number, 2 * number + 2)
        half |= {name: fit[name][part] for name in ("epochs", "trace")}
        half["history"] = {name: values[part] for name, values in fit["history"].items()}
        half["steps"] = fit["steps"] // 2
    value["outcomes"]["fits"] = halves
    value["outcomes"]["digests"]["trace"] = OTHER_DIGEST
    for item in value["outcomes"]["evaluations"]:
        item["after_fits"] = 2
    asked = value["conditions"]["training"]["fits"][0]
    value["conditions"]["training"]["fits"] = [copy.deepcopy(asked) for _ in range(2)]
    return value


def test_fit_once_and_fit_twice_with_half_the_epochs_are_the_same_training():
    whole = once()
    for mine, theirs, calls in (
        (whole, twice(whole), "1 call of fit and in 2"),
        (twice(whole), whole, "2 calls of fit and in 1"),
    ):
        result = compare(record(mine), record(theirs))
        assert (result.verdict, result.evidence) == ("identical", "weights")
        assert f"the same training in {calls}" in result.reason
        assert result.set_aside == (f"the same training in {calls}",)


@pytest.mark.parametrize("epoch", range(4))
def test_an_epoch_that_differs_is_named_by_its_number_in_the_whole(epoch):
    whole = once()
    other = twice(whole)
    other["outcomes"]["fits"][epoch // 2]["epochs"][epoch % 2] = OTHER_DIGEST
    result = compare(record(whole), record(other))
    assert result.verdict == "divergent"
    assert result.first_difference.text == f"weights after epoch {epoch + 1}"


def test_runs_that_call_fit_alike_are_left_as_they_are():
    assert join_fits(record(once()), record(rerun(once()))) is None


def test_fits_of_other_models_are_not_joined():
    whole = once()
    other = twice(whole)
    other["outcomes"]["fits"][1]["model"] = 1
    assert join_fits(record(whole), record(other)) is None


def test_a_fit_that_was_resumed_is_a_part_and_is_not_joined():
    whole = once()
    other = twice(whole)
    other["outcomes"]["fits"][1]["first_epoch"] = 3
    assert join_fits(record(whole), record(other)) is None


def test_an_evaluation_between_joined_fits_is_one_that_the_other_run_lacks():
    whole = once()
    other = twice(whole)
    between = copy.deepcopy(other["outcomes"]["evaluations"][0]) | {"after_fits": 1}
    other["outcomes"]["evaluations"].insert(0, between)
    result = compare(record(whole), record(other))
    assert result.verdict == "identical"
    assert len(result.set_aside) == 2


def steps_of(tmp_path, name, places):
    """Return what stands in a trace whose rows are of these fits, epochs and steps."""
    content = [line(start()), line(block(0, COLUMNS))]
    content += [row(0, place, [7, 8]) for place in places]
    return trace(tmp_path / name, b"".join(content)).parts()


def test_the_rows_of_a_trace_are_numbered_by_their_epoch_in_the_whole(tmp_path):
    whole = once()
    places = join_fits(record(whole), record(twice(whole))).places
    assert places == (((0, 0),), ((0, 0), (0, 2)))
    one = [(0, epoch, step) for epoch in range(1, 5) for step in (1, 2)]
    two = [(fit, epoch, step) for fit in (0, 1) for epoch in (1, 2) for step in (1, 2)]
    traces = steps_of(tmp_path, "a", one), steps_of(tmp_path, "b", two)
    result = compare_traces(*map(with_joined_fits, places, traces))
    assert (result.rows, result.step, result.order) == (8, None, ())
    # Without that, half of the steps are of one run only.
    apart = compare_traces(steps_of(tmp_path, "c", one), steps_of(tmp_path, "d", two))
    assert apart.rows == 4


def test_a_metric_of_one_call_alone_is_compared_where_it_is():
    """Values that differ are never set aside with it."""
    whole = once()
    whole["outcomes"]["fits"][0]["history"]["accuracy"] = [0.1, 0.2, 0.3, 0.4]
    for values in ([0.9, 0.9], [0.1, 0.2]):
        other = twice(whole)
        first, second = other["outcomes"]["fits"]
        first["history"]["accuracy"] = values
        del second["history"]["accuracy"]
        result = compare(record(whole), record(other))
        assert result.verdict == "divergent"
        assert result.first_difference.kind == "history"


def evaluated(value, *after):
    """Return a run that evaluates after so many fits."""
    (item,) = document()["outcomes"]["evaluations"]
    value["outcomes"]["evaluations"] = [copy.deepcopy(item) | {"after_fits": n} for n in after]
    return value


def thrice(whole, *epochs):
    """Return a run that calls fit with so many epochs each."""
    value = rerun(copy.deepcopy(whole))
    (fit,) = value["outcomes"]["fits"]
    fits, begin = [], 0
    for count in epochs:
        part = slice(begin, begin + count)
        fits.append(copy.deepcopy(fit) | {name: fit[name][part] for name in ("epochs", "trace")})
        fits[-1]["history"] = {name: values[part] for name, values in fit["history"].items()}
        fits[-1]["steps"] = 7 * count
        begin += count
    value["outcomes"]["fits"] = fits
    return value


def test_an_evaluation_within_joined_fits_is_placed_by_the_epochs_before_it():
    whole = once()
    mine = record(evaluated(thrice(whole, 2, 2), 1))
    another = {"run_id": run_id(1), "information": document()["information"] | {"duration_s": 1.0}}
    alike, other = (record(evaluated(thrice(whole, 1, 1, 2), after) | another) for after in (2, 1))
    assert compare(mine, alike).verdict == "identical"
    assert compare(mine, other).first_difference.kind == "sequence"
    said = compare(record(evaluated(once())), mine).reason
    assert "an evaluation after 2 epochs is in the actual run only" in said


def test_what_is_missing_of_a_fit_is_missing_of_the_one_that_it_is_a_part_of():
    other = twice(once())
    other["missing"] = [
        {"path": f"$.conditions.training.fits[{fit}].batch", "reason": "x"} for fit in (0, 1)
    ]
    joined = join_fits(record(once()), record(other))
    assert [item.path for item in joined.actual.missing] == ["$.conditions.training.fits[0].batch"]


def test_fits_whose_epochs_are_not_known_are_not_joined():
    other = twice(once())
    other["outcomes"]["fits"][1]["epochs"] = []
    assert join_fits(record(once()), record(other)) is None
