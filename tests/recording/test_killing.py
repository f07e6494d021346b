"""A run that is killed leaves a whole manifest or none."""

from __future__ import annotations

from typing import Any

import pytest

import repro_audit

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def killed(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("killed")
    found = []
    for number, (_, alive) in enumerate(said(start("killed.py", cwd=folder))["killed"]):
        path = folder / f"killed-{number}.json"
        found.append((alive, repro_audit.load(path) if path.exists() else None))
    return found, repro_audit.load(folder / "whole.json")


def test_a_manifest_is_whole_whenever_its_run_is_killed(killed: Any) -> None:
    """SIGKILL at 30 times over a run of which most is writing: `load` checked digest and schema."""
    found, _ = killed
    assert len(found) == 30
    for alive, read in found:
        assert read is None or read.status in {"running", "complete"}
        assert alive or (read is not None and read.status == "complete")


def test_the_kills_met_runs_at_work(killed: Any) -> None:
    """The negative: several runs died with some epochs behind them and others before them."""
    found, whole = killed
    everything = len(whole.outcomes.fits[0].epochs)
    assert everything == 40
    halfway = [
        read
        for alive, read in found
        if alive and read and read.outcomes.fits and len(read.outcomes.fits[0].epochs) < everything
    ]
    assert len(halfway) >= 5


def test_what_a_killed_run_left_is_the_beginning_of_the_whole(killed: Any) -> None:
    """Its epochs are the first epochs of the undisturbed run, and it proves nothing by itself."""
    found, whole = killed
    for _, read in found:
        if read is None or read.status != "running":
            continue
        if read.outcomes.fits:
            epochs = read.outcomes.fits[0].epochs
            assert epochs == whole.outcomes.fits[0].epochs[: len(epochs)]
        assert repro_audit.audit(read).verdict == "inconclusive"
