"""Faults made on purpose, in pairs of real processes: each is found, located and explained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import repro_audit
from repro_audit.audit import Audit, AuditedManifest
from repro_audit.compare import Comparison
from repro_audit.manifest import Manifest
from repro_audit.trace import Trace, find_trace

pytestmark = pytest.mark.keras

Runs = dict[str, tuple[Manifest, Trace | None]]

CNN = ("-m", "mnist_cnn", "--epochs", "1", "--data", "digits.npz")
RUNS: dict[str, tuple[str, ...]] = {
    "cnn": (*CNN, "--threads", "2"),
    "cnn-again": (*CNN, "--threads", "2"),
    "cnn-threads-1": (*CNN, "--threads", "1"),
    "cnn-seed": (*CNN, "--threads", "2", "--seed", "813"),
    "cnn-pixel": (*CNN, "--threads", "2"),
    "cnn-free": CNN,
    "cnn-pinned": CNN,
    "tiny": ("tiny.py",),
    "tiny-lr": ("tiny.py", "lr=0.011"),
    "tiny-draw": ("tiny.py", "draw"),
    "tiny-numpy-tf": ("tiny.py", "numpy_and_tf"),
}
SEVERAL_CORES = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1


def pin() -> None:
    """Leave this process one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@pytest.fixture(scope="module")
def paths(start: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the manifest of every variation, each run in a folder of its own, with 384 digits."""
    generator = np.random.default_rng(3)
    arrays = {
        "x_train": generator.integers(0, 256, (320, 28, 28), dtype=np.uint8),
        "y_train": generator.integers(0, 10, 320, dtype=np.uint8),
        "x_test": generator.integers(0, 256, (64, 28, 28), dtype=np.uint8),
        "y_test": generator.integers(0, 10, 64, dtype=np.uint8),
    }
    ends = {}
    for name, arguments in RUNS.items():
        folder = tmp_path_factory.mktemp(name)
        changed = dict(arrays)
        if name == "cnn-pixel":
            changed["x_train"] = arrays["x_train"].copy()
            changed["x_train"][200, 14, 14] ^= 1
        np.savez(folder / "digits.npz", **changed)
        before = pin if name == "cnn-pinned" and SEVERAL_CORES else None
        ends[name] = folder, start(*arguments, cwd=folder, before=before)
    for _, end in ends.values():
        assert end.result().returncode == 0, end.result().stderr[-4000:]
    return {name: folder / "manifest.json" for name, (folder, _) in ends.items()}


@pytest.fixture(scope="module")
def runs(paths: dict[str, Path]) -> Runs:
    """Return what each variation has left."""
    manifests = {name: repro_audit.load(path) for name, path in paths.items()}
    return {name: (manifests[name], find_trace(paths[name], manifests[name])) for name in paths}


def judged(runs: Runs, expected: str, actual: str) -> Audit:
    """Compare two runs, and their traces."""
    manifests, traces = zip(runs[expected], runs[actual], strict=True)
    assert None not in traces
    return repro_audit.audit(*manifests, traces=traces)


def alone(runs: Runs, name: str) -> AuditedManifest:
    """Judge one run by the rules."""
    return repro_audit.audit(runs[name][0]).manifests[0]


def place(comparison: Comparison) -> tuple[str, int | None, str]:
    """Return the kind of the first difference, its step, and what stands there."""
    found = comparison.first_difference
    assert found is not None
    return found.kind, found.step, found.text.partition(": ")[2]


def test_without_a_fault_nothing_is_found(runs: Runs) -> None:
    """The negative of all below: two equal runs are identical, and no cause is named."""
    (comparison,) = judged(runs, "cnn", "cnn-again").comparisons
    assert (comparison.verdict, comparison.first_difference) == ("identical", None)
    assert comparison.causes == ()


def test_another_thread_count_is_found_in_the_weights_and_named(runs: Runs) -> None:
    """Two threads against one: the first step's weights differ, and one line mends it."""
    found = judged(runs, "cnn", "cnn-threads-1")
    (comparison,) = found.comparisons
    assert found.verdict == "divergent"
    # How many others differ there depends on the processor.
    kind, step, where = place(comparison)
    assert (kind, step, where.partition("/")[0]) == ("step", 1, "weight sequential")
    cause = comparison.causes[0]
    assert (cause.group, cause.certainty) == ("determinism", "likely")
    assert "thread" in cause.title
    assert "2 → 1" in cause.title
    assert "threads=2" in cause.remedy


@pytest.mark.skipif(not SEVERAL_CORES, reason="needs two usable cores")
def test_pinning_a_process_to_one_core_is_found_as_another_thread_count(
    runs: Runs,
) -> None:
    """Nobody asked for threads; the number of usable cores decided."""
    (comparison,) = judged(runs, "cnn-free", "cnn-pinned").comparisons
    assert comparison.verdict == "divergent"
    # How many others differ there depends on the processor.
    kind, step, where = place(comparison)
    assert (kind, step, where.partition("/")[0]) == ("step", 1, "weight sequential")
    assert "thread" in comparison.causes[0].title
    assert comparison.causes[0].certainty == "likely"
    assert "threads=" in comparison.causes[0].remedy
    assert "RA205" in {item.code for item in alone(runs, "cnn-free").findings}


def test_another_seed_is_certain(runs: Runs) -> None:
    """Initial weights differ, and the seed must be why."""
    (comparison,) = judged(runs, "cnn", "cnn-seed").comparisons
    assert comparison.verdict == "divergent"
    assert place(comparison)[0] == "initial weights"
    cause = comparison.causes[0]
    assert (cause.group, cause.certainty) == ("seeds", "certain")
    assert "812 → 813" in cause.title
    assert "seed=812" in cause.remedy


def test_one_flipped_bit_of_one_pixel_is_the_data(runs: Runs) -> None:
    """Every step is equal up to the batch that holds it, and only the data differs."""
    (comparison,) = judged(runs, "cnn", "cnn-pixel").comparisons
    assert comparison.verdict == "divergent"
    kind, step, where = place(comparison)
    assert (kind, where) == ("step", "batch x and 30 more")
    assert step is not None
    assert step > 1, "sample 200 comes in a later batch"
    certain = [item.group for item in comparison.causes if item.certainty != "possible"]
    assert certain == ["data"]
    assert all(path.startswith("$.conditions.data") for path in comparison.causes[0].paths)


def test_another_learning_rate_is_the_training(runs: Runs) -> None:
    """Initial weights agree; the optimizer is named with both values."""
    (comparison,) = judged(runs, "tiny", "tiny-lr").comparisons
    assert comparison.verdict == "divergent"
    assert place(comparison) == ("step", 1, "weight sequential/dense/kernel and 4 more")
    assert comparison.causes[0].group == "training"
    assert "learning_rate" in comparison.causes[0].title


def test_an_extra_draw_is_measured_in_words(runs: Runs) -> None:
    """One random.random() before the model: other drawn seeds, two words further on."""
    (comparison,) = judged(runs, "tiny", "tiny-draw").comparisons
    assert comparison.verdict == "divergent"
    assert place(comparison)[0] == "initial weights"
    cause = comparison.causes[0]
    assert (cause.group, cause.certainty) == ("seeds", "certain")
    assert "2 words" in cause.title
    codes = {
        name: {item.code for item in alone(runs, name).findings} for name in ("tiny", "tiny-draw")
    }
    assert "RA104" in codes["tiny-draw"] - codes["tiny"]


def test_seeding_numpy_and_tensorflow_alone_is_found(runs: Runs) -> None:
    """The layers draw from Python's random, which nobody seeded."""
    audited = alone(runs, "tiny-numpy-tf")
    assert "RA102" in {item.code for item in audited.findings}
    assert audited.verdict == "uncontrolled"
    well = alone(runs, "tiny")
    assert "RA102" not in {item.code for item in well.findings}
    assert well.verdict == "controlled"


def test_no_run_contradicts_itself(paths: dict[str, Path], contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    assert contradicted("mnist_cnn and tiny.py", paths.values()) == []
