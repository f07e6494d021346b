"""A run that is killed leaves a whole manifest or none."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import repro_audit
from repro_audit.trace import Rows, find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]


@pytest.fixture(scope="module")
def killed(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("killed")
    found = []
    for number, (_, alive) in enumerate(said(start("killed.py", cwd=folder))["killed"]):
        path = folder / f"killed-{number}.json"
        found.append((alive, repro_audit.load(path) if path.exists() else None))
    return found, repro_audit.load(folder / "whole.json"), folder


def rows(path: Path) -> list[list[int]]:
    """Return the words of every row beside a manifest."""
    trace = find_trace(path, repro_audit.load(path))
    assert trace is not None
    return [row for part in trace.parts() if isinstance(part, Rows) for row in part.words.tolist()]


def test_a_manifest_is_whole_whenever_its_run_is_killed(killed: Any) -> None:
    """SIGKILL at 15 times over a run, every other one of which writes all the time.

    `load` checked digest and schema.
    """
    found, _, _ = killed
    assert len(found) == 15
    for alive, read in found:
        assert read is None or read.status in {"running", "complete"}
        assert alive or (read is not None and read.status == "complete")


def test_the_kills_met_runs_at_work(killed: Any) -> None:
    """The negative: several runs died with some epochs behind them and others before them."""
    found, whole, _ = killed
    everything = len(whole.outcomes.fits[0].epochs)
    assert everything == 40
    halfway = [
        read
        for alive, read in found
        if alive and read and read.outcomes.fits and len(read.outcomes.fits[0].epochs) < everything
    ]
    assert len(halfway) >= 3


def test_what_a_killed_run_left_is_the_beginning_of_the_whole(killed: Any) -> None:
    """Its epochs are the first epochs of the undisturbed run, and it proves nothing by itself."""
    found, whole, _ = killed
    for _, read in found:
        if read is None or read.status != "running":
            continue
        if read.outcomes.fits:
            epochs = read.outcomes.fits[0].epochs
            assert epochs == whole.outcomes.fits[0].epochs[: len(epochs)]
        assert repro_audit.audit(read).verdict == "inconclusive"


def test_the_whole_rows_of_a_killed_run_are_those_of_the_whole_one(killed: Any) -> None:
    """Every step until the kill, and none that it tore."""
    _, _, folder = killed
    whole = rows(folder / "whole.json")
    assert [row[2] for row in whole] == [1] * 40
    halfway = 0
    for number in range(15):
        path = folder / f"killed-{number}.json"
        if not path.exists():
            continue
        left = rows(path)
        assert left == whole[: len(left)]
        halfway += 0 < len(left) < len(whole)
        epochs = [epoch for fit in repro_audit.load(path).outcomes.fits for epoch in fit.epochs]
        assert len(left) >= len(epochs)
    assert halfway >= 5


def test_a_killed_run_lacks_no_more_epochs_than_fit_into_a_second(killed: Any) -> None:
    """An epoch takes 30 ms and more; the last one may not have been digested."""
    found, _, folder = killed
    lacking = []
    for number, (alive, read) in enumerate(found):
        if alive and read is not None and read.outcomes.fits:
            epochs = len(read.outcomes.fits[0].epochs)
            lacking.append((number % 2, len(rows(folder / f"killed-{number}.json")) - epochs))
    assert max(count for _, count in lacking) <= 1 / 0.03 + 1
    assert max(count for always, count in lacking if always) <= 1


@pytest.fixture(scope="module")
def killed_fits(
    pytestconfig: pytest.Config,
    start: Any,
    said: Any,
    table: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """Kill fits of 300 epochs at random moments.

    Of each: when it was killed, when its epochs ended, and what it left.
    """
    count = 100 if pytestconfig.getoption("--many-kills") else 3
    folder = tmp_path_factory.mktemp("killed-fits")
    told = said(start("killed_fits.py", str(count), cwd=folder))
    found = []
    for number, (at, ends) in enumerate(told["killed"]):
        path = folder / f"killed-{number}.json"
        found.append((at, ends, repro_audit.load(path) if path.exists() else None))
    lacking = [_behind_s(*one) for one in found]
    rows = table("fits killed at random moments", "killed", "in training", "most it lacks, s")
    in_training = sum(0 < len(ends) < 300 for _, ends, _ in found)
    rows.append((str(count), str(in_training), f"{max(lacking):.2f}"))
    return found


def _behind_s(at: float, ends: list[float], read: Any) -> float:
    """Return how long before a run was killed the first epoch ended that its manifest lacks."""
    known = 0 if read is None or not read.outcomes.fits else len(read.outcomes.fits[0].epochs)
    return at - ends[known] if known < len(ends) else 0.0


def test_a_killed_fit_leaves_a_manifest_that_holds_and_is_a_second_behind(killed_fits: Any) -> None:
    """Or an epoch: what is written at that moment is of the one that has just ended.

    `load` checked digest and schema of each.
    """
    for at, ends, read in killed_fits:
        longest = max((after - before for before, after in pairwise(ends)), default=0.0)
        assert _behind_s(at, ends, read) <= 1 + 2 * longest
        assert read is not None or not ends


def test_a_manifest_that_was_never_written_again_would_be_found_behind(killed_fits: Any) -> None:
    """The negative: some runs were killed more than a second after their first epoch."""
    assert any(_behind_s(at, ends, None) > 1.5 for at, ends, _ in killed_fits)
