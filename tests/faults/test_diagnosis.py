"""Each trainer has one fault planted: the diagnosis names it, and is never certain of another."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trainer_faults import AFTERWARDS, FAULTS, HARMLESS, Fault

from repro_audit import audit, load
from repro_audit.compare import Cause, Comparison
from repro_audit.trace import find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(4)]

NAMED_FIRST = 13
CANDIDATES = 3


HEAD = ("fault", "planted", "verdict", "first difference", "rank", "certainty", "named first")


def compared(expected: Path, actual: Path) -> Comparison:
    """Return what an audit says of two runs, as anybody gets it who has their manifests."""
    paths = expected, actual
    manifests = [load(path) for path in paths]
    traces = [find_trace(*pair) for pair in zip(paths, manifests, strict=True)]
    (comparison,) = audit(*manifests, traces=traces).comparisons
    return comparison


@pytest.fixture(scope="session")
def comparison(train: Callable[..., Any]) -> Callable[[Fault], Comparison]:
    """Return what starts both runs of a fault, side by side, and compares them."""

    def comparison(fault: Fault) -> Comparison:
        runs = [train(fault.expected), train(fault.actual, copy=fault.actual == fault.expected)]
        return compared(*(run.result() for run in runs))

    return comparison


@pytest.fixture(scope="session")
def diagnosis(
    comparison: Callable[[Fault], Comparison], table: Callable[..., list[tuple[str, ...]]]
) -> Callable[[Fault], tuple[Cause, ...]]:
    """Return what diagnoses a fault, once, and notes its row of the table."""
    rows = table("what the diagnosis makes of planted faults", *HEAD)
    known: dict[Fault, tuple[Cause, ...]] = {}

    def diagnosis(fault: Fault) -> tuple[Cause, ...]:
        if fault not in known:
            found = comparison(fault)
            assert found.verdict == "divergent", f"{fault.name} changed no bit"
            known[fault] = found.causes
            rows.append(row(fault, found))
        return known[fault]

    return diagnosis


def row(fault: Fault, found: Comparison) -> tuple[str, ...]:
    """Return a fault's row of the table."""
    rank = rank_of(fault, found.causes)
    certainty = "" if rank is None else found.causes[rank - 1].certainty
    other = found.causes[0].kind if found.causes and rank != 1 else ""
    first = "" if found.first_difference is None else found.first_difference.text
    first = textwrap.shorten(first, 60, placeholder=" …")
    return fault.name, fault.kind, found.verdict, first, str(rank or "-"), certainty, other


def rank_of(fault: Fault, causes: tuple[Cause, ...]) -> int | None:
    """Return the place of the planted cause among the candidates, from 1."""
    kinds = [cause.kind for cause in causes]
    return kinds.index(fault.kind) + 1 if fault.kind in kinds else None


@pytest.mark.parametrize("fault", FAULTS + AFTERWARDS, ids=lambda fault: fault.name)
def test_the_planted_cause_is_a_candidate_and_no_other_is_certain(fault, diagnosis):
    causes = diagnosis(fault)
    assert fault.kind in [cause.kind for cause in causes[:CANDIDATES]]
    assert {cause.kind for cause in causes if cause.certainty == "certain"} <= {fault.kind}


def test_most_planted_causes_are_named_first(diagnosis):
    first = [fault.name for fault in FAULTS if rank_of(fault, diagnosis(fault)) == 1]
    assert len(first) >= NAMED_FIRST, first


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: fault.name)
def test_what_changes_no_bit_is_no_cause(fault, comparison):
    found = comparison(fault)
    assert found.verdict == "identical"
    assert found.causes == ()
