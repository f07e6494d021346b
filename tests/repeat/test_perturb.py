"""`repeat --perturb` around a stand-in, whose recording moves no weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def audit_of(folder: Path) -> Any:
    return json.loads((folder / "out/audit.json").read_text(encoding="utf-8"))


def test_runs_that_differ_by_themselves_measure_no_rounding(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """Whatever moves them would be taken for it; no run is made for nothing."""
    done = repeat("-d", "out", "--perturb", "6", stand_in, example, "other", cwd=tmp_path)
    said = audit_of(tmp_path)
    assert (done.returncode, said["verdict"]) == (1, "divergent")
    assert [run["name"] for run in said["runs"]] == ["run-1", "run-2", "control"]
    assert "Rounding: not measured" in done.stdout
    assert "The runs differ by themselves" in done.stdout
    assert not (tmp_path / "out/ensemble.json").exists()


def test_runs_of_which_no_weight_was_moved_are_no_ensemble(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """So their agreement is not taken for a lack of noise."""
    done = repeat("-d", "out", "--perturb", "2", stand_in, example, cwd=tmp_path)
    said = audit_of(tmp_path)
    assert (done.returncode, said["verdict"]) == (0, "identical")
    assert "found no weights to move" in said["rounding"]["text"]
    assert not (tmp_path / "out/ensemble.json").exists()
