"""No bit changes: models by XLA by steps in one execution by eager, two fits each.

Each model is trained in one way at least, each way by two models; `nox -s matrix` takes all.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import repro_audit
from repro_audit.trace import Rows, find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(5)]

MODELS = re.findall(
    r'^@model\("([^"]+)"\)\ndef (\w+)',
    (Path(__file__).parent / "scripts/matrix_cases.py").read_text(encoding="utf-8"),
    re.MULTILINE,
)
WAYS = ("graph", "eager", "jit", "several", "jit+several")


def cases(*, whole: bool) -> list[str]:
    """Return every case, or those that are always taken."""
    return [
        f"{name}-{way.strip('()')}"
        for ways, name in MODELS
        for way in ways.split()
        if whole or not way.startswith("(")
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test of one case all that are taken."""
    taken = cases(whole=metafunc.config.getoption("--whole-matrix"))
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", taken)
    if "jit_case" in metafunc.fixturenames:
        metafunc.parametrize("jit_case", [case for case in taken if "jit" in case])
    if "in_several" in metafunc.fixturenames:
        several = [case.partition("-")[0] for case in taken if case.endswith("-several")]
        both = [name for name in several if f"{name}-graph" in taken]
        metafunc.parametrize("in_several", both)


@pytest.fixture(scope="module")
def matrix(
    start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Any:
    """Train everything bare and recorded; return what both said, and the recorded one's folder."""
    folder = tmp_path_factory.mktemp("matrix")
    size = "whole" if pytestconfig.getoption("--whole-matrix") else "usual"
    ends = [start("matrix_cases.py", mode, size, cwd=folder) for mode in ("bare", "recorded")]
    bare, recorded = map(said, ends)
    return bare, recorded, folder


def test_there_are_many_cases() -> None:
    """Every model and every way is taken by several cases."""
    usual, whole = cases(whole=False), cases(whole=True)
    assert len(whole) == 71
    assert set(usual) < set(whole)
    for way in WAYS:
        assert sum(case.endswith(f"-{way}") for case in whole) >= 5
        assert sum(case.endswith(f"-{way}") for case in usual) >= 2
    assert {name for _, name in MODELS} == {case.partition("-")[0] for case in usual}


def test_the_recorded_run_ends_in_the_bits_of_the_bare_one(matrix: Any, case: str) -> None:
    """Weights, slots, generators, and the history; nothing failed inside the recorder."""
    bare, recorded, _ = matrix
    assert recorded[case]["digest"] == bare[case]["digest"]
    assert recorded[case]["warnings"] == []


def test_ways_of_one_model_end_in_other_bits(matrix: Any) -> None:
    """The negative: the digest sees that XLA rounds, or draws, otherwise."""
    bare, _, _ = matrix
    assert bare["convolution-jit"]["digest"] != bare["convolution-graph"]["digest"]
    # Which models round otherwise without a graph depends on the processor.
    eager = [case.removesuffix("-eager") for case in bare if case.endswith("-eager")]
    eager = [name for name in eager if f"{name}-graph" in bare]
    digests = [(bare[f"{name}-eager"]["digest"], bare[f"{name}-graph"]["digest"]) for name in eager]
    assert any(one != other for one, other in digests)


def test_xla_really_compiled(matrix: Any, jit_case: str) -> None:
    """Op determinism, which would turn it off, is off."""
    assert matrix[1][jit_case]["jit"] is True


def test_every_step_has_a_row(matrix: Any, case: str) -> None:
    """And evidence is the trace, with several steps in one execution, too."""
    path = matrix[2] / f"{case}.json"
    read = repro_audit.load(path)
    assert read.evidence == "trace"
    trace = find_trace(path, read)
    assert trace is not None
    rows = sum(len(part.words) for part in trace.parts() if isinstance(part, Rows))
    assert rows == read.steps > 0


def test_several_steps_in_one_execution_leave_the_rows_of_one(matrix: Any, in_several: str) -> None:
    """Batches, states and losses are those of the same steps."""
    words = []
    for way in ("graph", "several"):
        path = matrix[2] / f"{in_several}-{way}.json"
        trace = find_trace(path, repro_audit.load(path))
        assert trace is not None
        rows = [part.words.tolist() for part in trace.parts() if isinstance(part, Rows)]
        words.append([row for group in rows for row in group])
    assert words[0] == words[1]


def test_no_run_contradicts_itself(matrix: Any, contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    assert contradicted("matrix_cases.py", matrix[2].glob("*.json")) == []
