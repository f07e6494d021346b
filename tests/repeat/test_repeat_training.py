"""`repeat` around real training."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forking import Server

import repro_audit

pytestmark = [pytest.mark.keras, pytest.mark.minutes(4)]

APP = ("--epochs", "1", "--data", "digits.npz")
TARGETS = {
    "mnist_cnn": ("-m", "mnist_cnn", *APP),
    "rnn_dropout": ("-m", "rnn_dropout", *APP, "--units", "8"),
    "two at a time": ("--jobs", "2", "-m", "mnist_cnn", *APP),
    "seeded": ("trained.py", "seeded"),
    "unseeded": ("trained.py", "unseeded"),
    "forgetful": ("trained.py", "forgetful"),
    **{
        f"sharing {way}": ("sharing.py", way)
        for way in ("hidden", "sqlite", "child", "tensorflow", "results")
    },
    **{f"checkpoint {how}": ("checkpoint.py", how) for how in ("h5", "npz", "tf", "written")},
}


@pytest.fixture(scope="module")
def repeated(
    repeat: Any,
    server: Server,
    trained: str,
    checkpoint: str,
    sharing: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """Repeat every target, two at a time."""
    generator = np.random.default_rng(3)
    digits = {
        f"{kind}_{part}": generator.integers(0, high, (count, *shape), dtype=np.uint8)
        for part, count in (("train", 320), ("test", 64))
        for kind, high, shape in (("x", 256, (28, 28)), ("y", 10, ()))
    }

    def one(name: str) -> tuple[Any, Path]:
        folder = folders[name]
        np.savez(folder / "digits.npz", **digits)
        scripts = {"trained.py": trained, "checkpoint.py": checkpoint, "sharing.py": sharing}
        np.save(folder / "source.npy", np.zeros(4, "float32"))
        target = [scripts.get(word, word) for word in TARGETS[name]]
        return repeat("-d", "out", *target, cwd=folder, python=server.python), folder

    folders = {name: tmp_path_factory.mktemp(name) for name in TARGETS}
    with ThreadPoolExecutor(2) as workers:
        return dict(zip(TARGETS, workers.map(one, TARGETS), strict=True))


def audit_of(folder: Path) -> Any:
    return json.loads((folder / "out/audit.json").read_text(encoding="utf-8"))


def refused(repeated: Any, name: str) -> Any:
    """Return the audit of runs that agree and are not passed."""
    done, folder = repeated[name]
    assert done.returncode == 2, done.stderr
    said = audit_of(folder)
    assert said["comparisons"][0]["verdict"] == "identical", "what would have been passed"
    assert said["verdict"] == "inconclusive"
    return said


def test_two_runs_at_a_time_have_the_bits_of_one(repeated: Any) -> None:
    """Fewer cores each, and not fewer threads: the traces are equal, and so is the verdict."""
    (done, folder), (_, alone) = repeated["two at a time"], repeated["mnist_cnn"]
    assert done.returncode == 0, done.stderr
    assert audit_of(folder)["verdict"] == audit_of(alone)["verdict"] == "identical"
    for run in ("run-1", "run-2", "control"):
        trace = f"out/{run}/manifest.trace"
        assert (folder / trace).read_bytes() == (alone / trace).read_bytes()
    one, other = (
        repro_audit.load(place / "out/run-1/manifest.json").conditions.determinism
        for place in (folder, alone)
    )
    assert one.backend.threads.intra_op.in_force == other.backend.threads.intra_op.in_force
    assert one.usable_cores <= other.usable_cores


@pytest.mark.parametrize("name", ["mnist_cnn", "rnn_dropout", "seeded"])
def test_a_controlled_trainer_repeats(repeated: Any, name: str) -> None:
    """Exit 0: identical, and the positive control was caught."""
    done, folder = repeated[name]
    assert done.returncode == 0, done.stderr
    said = audit_of(folder)
    assert said["verdict"] == "identical"
    control = said["control"]
    assert (control["caught"], control["before"], control["after"]) == (True, "match", "differ")
    assert said["evidence"] == "trace"
    assert "identical" in done.stdout


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("mnist_cnn", "in step 2"),
        ("rnn_dropout", "in step 2"),
        ("seeded", "in the weights after the first epoch"),  # which has one step
    ],
)
def test_two_runs_leave_traces_of_the_same_bytes(repeated: Any, name: str, seen: str) -> None:
    """And the positive control, in which one bit was flipped, leaves another beginning."""
    _, folder = repeated[name]
    first, second, control = (
        (folder / f"out/{run}/manifest.trace").read_bytes() for run in ("run-1", "run-2", "control")
    )
    assert first == second
    assert not first.startswith(control)
    said = audit_of(folder)["control"]["text"]
    assert f"flipped after step 1, and seen {seen}" in said


@pytest.mark.parametrize("name", ["mnist_cnn", "seeded"])
def test_the_manifests_that_are_left_can_be_audited_again(repeated: Any, name: str) -> None:
    """What repeat said follows from the files alone, and a positive control is no evidence."""
    _, folder = repeated[name]
    runs = {
        run: repro_audit.load(folder / f"out/{run}/manifest.json")
        for run in ("run-1", "run-2", "control")
    }
    assert repro_audit.compare(runs["run-1"], runs["run-2"]).verdict == "identical"
    assert repro_audit.compare(runs["run-1"], runs["control"]).verdict != "identical"
    assert runs["run-1"].run_id != runs["run-2"].run_id
    assert (runs["run-1"].positive_control, runs["control"].positive_control is None) == (
        None,
        False,
    )
    assert runs["control"].positive_control is not None
    assert runs["control"].positive_control.step == 1


def test_the_control_run_stops_after_its_first_epoch(repeated: Any) -> None:
    """It has shown what it can; ordinary runs go on."""
    _, folder = repeated["seeded"]
    epochs = {
        run: len(repro_audit.load(folder / f"out/{run}/manifest.json").outcomes.fits[0].epochs)
        for run in ("run-1", "control")
    }
    assert epochs == {"run-1": 2, "control": 1}


def test_an_unseeded_trainer_diverges(repeated: Any) -> None:
    """Exit 1, from the initial weights on."""
    done, folder = repeated["unseeded"]
    assert done.returncode == 1, done.stderr
    said = audit_of(folder)
    assert said["verdict"] == "divergent"
    assert said["comparisons"][0]["first_difference"]["kind"] == "initial weights"
    assert "RA101" in {finding["code"] for finding in said["manifests"][0]["findings"]}


def test_agreement_without_a_caught_control_is_inconclusive(repeated: Any) -> None:
    """Runs that restore their initial weights always agree; the flip shows that to mean nothing."""
    done, folder = repeated["forgetful"]
    assert done.returncode == 2, done.stderr
    said = audit_of(folder)
    assert said["verdict"] == "inconclusive"
    assert said["control"]["caught"] is False
    assert "the control was not caught" in said["reason"]
    assert said["comparisons"][0]["verdict"] == "identical"


@pytest.mark.parametrize(
    ("how", "file"), [("h5", "begin.weights.h5"), ("npz", "begin.npz"), ("tf", "begin.index")]
)
def test_runs_that_read_what_another_left_are_no_evidence(
    repeated: Any, how: str, file: str
) -> None:
    """An unseeded script that begins from the first run's weights is not passed as identical."""
    said = refused(repeated, f"checkpoint {how}")
    assert said["reason"].startswith(f"run-2 read {file}, which run-1 left")
    (shared,) = (item for item in said["shared_files"] if item["path"] == file)
    assert shared == {"path": file, "left_by": "run-1", "read_by": ["run-2", "control"]}


def test_a_file_that_each_run_writes_before_it_reads_it_is_harmless(repeated: Any) -> None:
    """It is named as left behind, and nothing more."""
    done, folder = repeated["checkpoint written"]
    assert done.returncode == 0, done.stderr
    said = audit_of(folder)
    assert said["verdict"] == "identical"
    assert said["shared_files"] == [{"path": "begin.weights.h5", "left_by": "run-1", "read_by": []}]
    assert "None of them was seen" in done.stdout


@pytest.mark.parametrize("way", ["hidden", "sqlite", "tensorflow"])
def test_a_file_is_seen_to_be_read_in_a_hidden_folder_by_sqlite_and_by_tensorflow(
    repeated: Any, way: str
) -> None:
    """The data of the first run is that of the second: no evidence of each other."""
    said = refused(repeated, f"sharing {way}")
    assert "which run-1 left: the runs are not independent" in said["reason"]


@pytest.mark.parametrize("way", ["child"])
def test_where_reading_cannot_be_seen_a_run_without_the_files_decides(
    repeated: Any, way: str
) -> None:
    """One more run, for which what the others left is not there."""
    said = refused(repeated, f"sharing {way}")
    assert [run["name"] for run in said["runs"]][-1] == "apart"
    assert "without the files that the others left is divergent" in said["reason"]


def test_what_a_run_makes_itself_is_no_shared_state(repeated: Any) -> None:
    """Results that each run writes anew, and a copy that it makes and reads."""
    done, folder = repeated["sharing results"]
    assert done.returncode == 0, done.stderr
    said = audit_of(folder)
    assert said["verdict"] == "identical"
    assert {file["path"]: file["read_by"] for file in said["shared_files"]} == {
        "results.npz": [],
        "staged.npy": [],
    }
    assert [run["name"] for run in said["runs"]][-1] == "apart"


def test_no_run_contradicts_itself(repeated: Any, contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    folders = [folder for done, folder in repeated.values()]
    paths = [path for folder in folders for path in folder.glob("out/run-?/manifest.json")]
    assert contradicted("trainers that were repeated", paths) == []
