"""On which rung each planted fault lands, as docs/noise.md has it: part of `nox -s ladder`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from manifests import ROOT
from trainer_faults import AFTERWARDS, FAULTS, Fault

from repro_audit import load
from repro_audit.audit import audit
from repro_audit.noise.ensemble import Moved, ensemble_of, member

pytestmark = pytest.mark.keras

PERTURBED, SEEDS = 6, 9
STRIDE = 10_007


def answers() -> dict[str, str]:
    """Return the rung that the page names for each fault."""
    page = (ROOT / "docs/noise.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in page.splitlines()]
    return {row[0].replace("`", ""): row[2].strip("`") for row in rows if len(row) == 3}


@pytest.mark.parametrize("fault", FAULTS + AFTERWARDS, ids=lambda fault: fault.name)
def test_a_fault_lands_on_the_rung_that_the_page_names(
    fault: Fault, train: Callable[..., Any], table: Callable[..., list[tuple[str, ...]]]
) -> None:
    """With 7 runs for rounding and 10 for seeds."""
    kinds: dict[Moved, list[dict[str, int]]] = {
        "rounding": [{"perturb": number} for number in range(1, PERTURBED + 1)],
        "seed": [{"seed_shift": number * STRIDE} for number in range(1, SEEDS + 1)],
    }
    base = train(fault.expected)
    started = [
        (moved, train(fault.expected, **request))
        for moved, requests in kinds.items()
        for request in requests
    ]
    actual = train(fault.actual, copy=fault.actual == fault.expected)
    path: Path = base.result()
    members = [
        member(f"{moved}-{number}", moved, load(run.result()))
        for number, (moved, run) in enumerate(started, start=1)
    ]
    if fault.actual == fault.expected:  # it does not repeat: nobody measures its rounding
        members = [item for item in members if item.moved != "rounding"]
    if load(path).seed is None:  # nothing seeds it, and so nothing seeds it otherwise
        members = [item for item in members if item.moved != "seed"]
    ensemble = ensemble_of(path.read_bytes(), tuple(members))
    result = audit(load(path), load(actual.result()), ensemble=ensemble)
    (ladder,) = result.ladder
    holds = {rung.name: rung.holds for rung in ladder.rungs}
    rows = table("rungs of planted faults", "fault", "verdict", "rounding", "seeds")
    rows.append((fault.name, result.verdict, holds["rounding"], holds["seeds"]))
    assert result.verdict == answers().get(fault.name.replace("`", ""))
