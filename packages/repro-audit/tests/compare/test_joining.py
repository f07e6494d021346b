"""One training in another number of calls of fit is compared by its epochs in the whole."""

import copy

import pytest
from manifests import OTHER_DIGEST, document, record, rerun
from traces import BATCH, KERNEL, block, line, row, start, trace

from repro_audit.compare import compare
from repro_audit.compare.joining import join_fits
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
    mine, theirs, _ = join_fits(record(whole), record(twice(whole)))
    assert (mine.places, theirs.places) == (((0, 0),), ((0, 0), (0, 2)))
    one = [(0, epoch, step) for epoch in range(1, 5) for step in (1, 2)]
    two = [(fit, epoch, step) for fit in (0, 1) for epoch in (1, 2) for step in (1, 2)]
    sides = mine.parts(steps_of(tmp_path, "a", one)), theirs.parts(steps_of(tmp_path, "b", two))
    result = compare_traces(*sides)
    assert (result.rows, result.step, result.order) == (8, None, ())
    # Without that, half of the steps are of one run only.
    apart = compare_traces(steps_of(tmp_path, "c", one), steps_of(tmp_path, "d", two))
    assert apart.rows == 4
