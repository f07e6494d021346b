"""Scripts that only evaluate: weights, test data and results are evidence, and are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from forking import Server
from processes import plain_environment

import repro_audit
from repro_audit.audit import Audit, exit_code
from repro_audit.recording.process.launcher import recording_environment
from repro_audit.recording.request import Request
from repro_audit.trace import find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

SCRIPT = Path(__file__).with_name("evaluate.py")
RUNS = {
    "trained": ("train", 1),
    "first": ("evaluate", 0),
    "again": ("evaluate", 0),
    "other data": ("evaluate", 5),
    "trained otherwise": ("train", 2),
    "other weights": ("evaluate", 0),
}
"""Each finds the model that the last one before it that trains has saved."""


@pytest.fixture(scope="module")
def compared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Audit]:
    """Return what compares two of the runs, which are recorded in their order."""
    folder = tmp_path_factory.mktemp("evaluating")
    for name, (mode, seed) in RUNS.items():
        request = Request(manifest=str(folder / f"{name}.json"))
        environment = recording_environment(plain_environment(), request)
        done = server.run(SCRIPT, mode, str(seed), cwd=folder, environment=environment)
        assert done.code == 0, done.errors

    def compare(*names: str) -> Audit:
        paths = [folder / f"{name}.json" for name in names]
        runs = [repro_audit.load(path) for path in paths]
        traces = [find_trace(*each) for each in zip(paths, runs, strict=True)]
        return repro_audit.audit(*runs, traces=traces)

    return compare


def test_two_evaluations_of_the_same_are_identical(compared: Callable[..., Audit]) -> None:
    """By weights and results; of steps there are none, which is no match."""
    result = compared("first", "again")
    fields = {item.field: (item.verdict, item.detail) for item in result.comparisons[0].fields}
    assert (result.verdict, exit_code(result), result.evidence) == ("identical", 0, "weights")
    assert fields["initial weights"] == ("match", "4 tensors")
    assert fields["evaluation"] == ("match", "loss, mae")
    nothing = {"trace", "epoch weights", "steps"}
    assert {fields[field] for field in nothing} == {("missing", "nothing to compare")}


def test_other_test_data_are_named_where_results_differ(compared: Callable[..., Audit]) -> None:
    """The weights are equal, and the first difference is the result."""
    result = compared("first", "other data")
    (comparison,) = result.comparisons
    assert (result.verdict, exit_code(result)) == ("divergent", 1)
    assert comparison.first_difference is not None
    assert comparison.first_difference.kind == "evaluation"
    cause = comparison.causes[0]
    assert (cause.group, "test" in cause.title) == ("data", True)
    assert "$.conditions.data.test.digest" in cause.paths


def test_other_weights_are_named_and_not_the_seeds_drawn_before_they_were_loaded(
    compared: Callable[..., Audit],
) -> None:
    """Those of an untrained model that loading replaces are other ones in every process."""
    result = compared("first", "other weights")
    (comparison,) = result.comparisons
    assert result.verdict == "divergent"
    assert comparison.first_difference is not None
    assert comparison.first_difference.kind == "initial weights"
    file, weights, *others = comparison.causes
    assert "model.keras is another" in file.title
    assert "initial weights" in weights.title
    assert "loaded" in weights.reason
    assert {cause.certainty for cause in others} <= {"possible"}


@pytest.mark.parametrize("names", [("trained", "first"), ("first", "trained")])
def test_a_training_and_an_evaluation_are_refused_in_a_line(
    compared: Callable[..., Audit], names: tuple[str, str]
) -> None:
    """No cause is made up for what was never to be compared."""
    result = compared(*names)
    (comparison,) = result.comparisons
    assert (result.verdict, exit_code(result)) == ("inconclusive", 2)
    assert "only evaluates, and the other one trains" in result.reason
    assert (comparison.first_difference, comparison.causes, comparison.fields) == (None, (), ())
