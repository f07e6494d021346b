"""Without a trace nothing calls Python from a step, and what is told of the fit is the same."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.keras]

FIRST_BATCH = [["x", "float32", 4, 3], ["y", "float32", 4, 2]]


@pytest.fixture(scope="module")
def untraced(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return said(start("untraced.py", cwd=tmp_path_factory.mktemp("untraced")))


@pytest.mark.parametrize("steps", [1, 4], ids="steps_per_execution={}".format)
@pytest.mark.parametrize("data", ["arrays", "pipeline"])
def test_no_step_calls_python_without_a_trace(untraced: Any, data: str, steps: int) -> None:
    """With one there is a call, so that none would be found missing."""
    (_, with_trace, _), (_, without, _) = (
        untraced[f"{data}, {steps}, {t}"] for t in ("step", None)
    )
    assert (with_trace > 0, without) == (True, 0)


@pytest.mark.parametrize("steps", [1, 4], ids="steps_per_execution={}".format)
@pytest.mark.parametrize("data", ["arrays", "pipeline"])
def test_the_first_batch_is_known_with_a_trace_and_without(
    untraced: Any, data: str, steps: int
) -> None:
    """The last one, of two samples, is another; four steps in one execution end with it."""
    for trace in ("step", None):
        assert untraced[f"{data}, {steps}, {trace}"][0] == FIRST_BATCH


@pytest.mark.parametrize("steps", [1, 4], ids="steps_per_execution={}".format)
def test_a_trace_changes_no_weight(untraced: Any, steps: int) -> None:
    """Nor does what is noted in its place; the four models of one script are seeded alike."""
    ends = [end for name, end in untraced.items() if f", {steps}, " in name]
    assert len(ends) == 4
    assert len({tuple(weights) for _, _, weights in ends}) == 1


def test_each_fit_has_a_first_batch_of_its_own(untraced: Any) -> None:
    """The second one has three samples, and the step of the first."""
    assert untraced["two fits"] == [[4, 3], [3, 3]]


def test_a_step_that_was_compiled_without_a_trace_cannot_be_traced_later(untraced: Any) -> None:
    """Which is said; compiled anew it can."""
    reason, rows = untraced["traced later"]
    assert reason == "the model's step was compiled in a fit that was recorded without a trace"
    assert rows == 0
    assert untraced["compiled anew"] == 3


def test_a_graph_that_is_used_again_tells_of_its_own_batch(untraced: Any) -> None:
    """The second fit has weights of samples, for which the step was traced once more."""
    assert untraced["used again"] == [["x", "y"], ["x", "y", "sample_weight"], ["x", "y"]]


def test_a_fit_that_cannot_be_seen_is_not_told_the_batch_of_an_earlier_one(untraced: Any) -> None:
    """Its step was compiled by a call of `train_on_batch`."""
    assert untraced["unseen"] == [[4, 3], None]


def test_a_step_that_was_made_with_a_trace_goes_on_telling(untraced: Any) -> None:
    """In a fit without a trace of other batches, and in one with a trace after that."""
    assert untraced["made with a trace"] == [[2, 3], 3]


def test_a_fit_within_a_fit_has_its_own_first_batch_and_so_has_the_outer(untraced: Any) -> None:
    """The outer one is the first to begin, and the second to train."""
    assert untraced["within"] == [[4, 3], [3, 3]]
