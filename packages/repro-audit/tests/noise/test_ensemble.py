"""An ensemble is one file, which a stranger may have written, and stands for its first run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from manifests import document, record, rerun, sealed

from repro_audit.canonical import digest_json
from repro_audit.errors import ManifestError
from repro_audit.noise.ensemble import (
    Ensemble,
    ensemble_of,
    load_ensemble,
    load_run,
    member,
    serialize,
)


def some() -> Ensemble:
    """Return an ensemble of a run, one that rounding has moved and one of another seed."""
    others = (
        member("perturb-1", "rounding", record(rerun(perturbation=1)), 3e-7),
        member("seed-1", "seed", record(rerun())),
    )
    return ensemble_of(sealed(document()), others, "train.py --epochs 2")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ensemble.json"
    path.write_bytes(serialize(some()))
    return path


def test_what_is_written_is_read_again(file: Path) -> None:
    assert load_ensemble(file) == some()


def test_it_stands_for_its_first_run(file: Path) -> None:
    manifest, ensemble = load_run(file)
    assert manifest == some().base
    assert ensemble == some()


def test_a_manifest_is_a_run_without_an_ensemble(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(sealed(document()))
    manifest, ensemble = load_run(path)
    assert manifest == some().base
    assert ensemble is None


def test_runs_are_told_apart_by_what_has_moved_them() -> None:
    assert [item.name for item in some().of("rounding")] == ["run-1", "perturb-1"]
    assert [item.name for item in some().of("seed")] == ["run-1", "seed-1"]


DAMAGED = {
    "another value": lambda it: it["members"][1].update(distance=1.0),
    "another run": lambda it: it["base"].update(recorder="x"),
    "no runs": lambda it: it.update(members=[]),
    "an unknown kind": lambda it: it["members"][1].update(moved="magic"),
    "a field of nobody": lambda it: it.update(more=1),
    "a value that is none": lambda it: it["members"][1]["series"].update(loss=["high"]),
    "no base": lambda it: it.pop("base"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_one_that_was_changed_is_refused(name: str, file: Path) -> None:
    value = json.loads(file.read_bytes())
    DAMAGED[name](value)
    file.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ManifestError, match=r"ensemble\.json: "):
        load_run(file)


def test_one_whose_first_run_is_not_its_base_is_refused(file: Path) -> None:
    """Though its own digest holds."""
    value = json.loads(file.read_bytes())
    value["members"].reverse()
    del value["digest"]
    value["digest"] = digest_json(value)
    file.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ManifestError, match=r"\$\.members\[0\]: expected the run"):
        load_ensemble(file)


def test_what_is_no_ensemble_is_told_how_to_get_one(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(sealed(document()))
    with pytest.raises(ManifestError, match="repeat --perturb 6 SCRIPT makes one"):
        load_ensemble(path)
