"""Two models that one script trains are compared, and the cause that is named is the right one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from forking import Server
from processes import plain_environment

import repro_audit
from repro_audit.audit import Audit
from repro_audit.manifest import Manifest
from repro_audit.recording.process.launcher import recording_environment
from repro_audit.recording.request import Request
from repro_audit.report.text import render_text
from repro_audit.trace import Trace, find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(1)]

Recorded = tuple[Manifest, Trace | None]

SCRIPT = Path(__file__).with_name("two_models.py")


@pytest.fixture(scope="module")
def recorded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Recorded]:
    """Return what records the script with arguments, once each."""
    known: dict[tuple[str, ...], Recorded] = {}

    def record(*arguments: str) -> Recorded:
        if arguments not in known:
            path = tmp_path_factory.mktemp("run") / "run.json"
            request = Request(manifest=str(path))
            environment = recording_environment(plain_environment(), request)
            done = server.run(SCRIPT, *arguments, cwd=path.parent, environment=environment)
            assert done.code == 0, done.errors
            run = repro_audit.load(path)
            known[arguments] = run, find_trace(path, run)
        return known[arguments]

    return record


@pytest.fixture(scope="module")
def compared(recorded: Callable[..., Recorded]) -> Callable[..., Audit]:
    """Return what compares the two fits of the script with arguments."""

    def compare(*arguments: str) -> Audit:
        run, trace = recorded(*arguments)
        return repro_audit.audit(run, traces=[trace], fits=(1, 2))

    return compare


def test_a_second_model_differs_since_it_draws_on_from_the_seed(
    compared: Callable[..., Audit],
) -> None:
    """It must: what each layer draws comes later in the stream of one generator."""
    result = compared()
    (comparison,) = result.comparisons
    assert (result.verdict, result.evidence) == ("divergent", "trace")
    assert comparison.first_difference is not None
    assert comparison.first_difference.kind == "initial weights"
    (cause,) = comparison.causes
    assert (cause.kind, cause.certainty) == ("drawn_seeds", "certain")
    assert "4 layers made there" in cause.reason
    assert cause.remedy.split("  #")[0] == "keras.utils.set_random_seed(7)"
    assert comparison.trace is not None
    assert comparison.trace.rows == 8


def test_with_that_line_before_each_model_they_are_identical(
    compared: Callable[..., Audit],
) -> None:
    """To the last bit of every step: the second leaves the trace that the first has left."""
    result = compared("again")
    (comparison,) = result.comparisons
    assert (result.verdict, result.evidence) == ("identical", "trace")
    assert {item.verdict for item in comparison.fields} == {"match"}
    assert comparison.differences == ()


def test_the_parts_of_a_run_contradict_nothing(compared: Callable[..., Audit]) -> None:
    """No check of the evidence takes a part for a forgery."""
    for result in (compared(), compared("again")):
        assert [item.contradiction for item in result.manifests] == [None, None]
        assert [item.trace_read for item in result.manifests] == [True, True]


def test_two_runs_that_part_in_the_second_fit_are_said_to(
    recorded: Callable[..., Recorded],
) -> None:
    """In each line that names an epoch or a step."""
    runs, traces = zip(recorded("again"), recorded(), strict=True)
    result = repro_audit.audit(*runs, traces=traces)
    fields = {item.field: item.detail for item in result.comparisons[0].fields}
    assert fields["trace"] == "from step 1 of epoch 1 of fit 2 on"
    assert fields["epoch weights"] == "from epoch 1 of fit 2 on"
    text = " ".join(render_text(result, runs).split())
    assert "differ after step 1 of epoch 1 of fit 2" in text
    assert "fit 2 epoch 2 step 4" in text
    assert re.search(r"fit 2 loss 0 of 2 epochs equal; epoch 1: .* % apart", text)
    assert "evaluation 2 loss" in text
