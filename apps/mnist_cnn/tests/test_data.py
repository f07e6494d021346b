"""`--data`: the same digits as IDX files and as npz, and full MNIST where it is at hand."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from forking import Server

import digits
import repro_audit

pytestmark = pytest.mark.keras

FULL_MNIST = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets" / "mnist.npz"
PUBLISHED_ACCURACY = 0.9630


def train(server: Server, data: Path | str, epochs: int, folder: Path) -> Path:
    """Train in a process of its own and return the manifest's path."""
    manifest = folder / "manifest.json"
    options = {"--data": data, "--epochs": epochs, "--manifest": manifest}
    words = [str(word) for option in options.items() for word in option]
    done = subprocess.run(
        [server.python, "-m", "mnist_cnn", *words],
        cwd=folder,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return manifest


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes as an IDX file: magic number, sizes, content."""
    magic = bytes([0, 0, 8, array.ndim])
    sizes = np.array(array.shape, ">u4").tobytes()
    path.write_bytes(magic + sizes + array.astype("u1").tobytes())


def test_idx_files_and_npz_train_to_the_same_bits(server: Server, tmp_path: Path) -> None:
    """One run on each, of the same 640 digits; one pixel more would change them."""
    few = digits.load("mnist-5k")
    arrays = {
        "x_train": few.x_train[::8],
        "y_train": few.y_train[::8],
        "x_test": few.x_test[::8],
        "y_test": few.y_test[::8],
    }
    idx, npz, changed = (tmp_path / name for name in ("idx", "digits.npz", "changed.npz"))
    idx.mkdir()
    for part, prefix in (("train", "train"), ("test", "t10k")):
        write_idx(idx / f"{prefix}-images-idx3-ubyte", arrays[f"x_{part}"])
        write_idx(idx / f"{prefix}-labels-idx1-ubyte", arrays[f"y_{part}"])
    np.savez(npz, **arrays)
    arrays["x_train"] = arrays["x_train"].copy()
    arrays["x_train"][0, 14, 14] ^= 255
    np.savez(changed, **arrays)
    runs = []
    for data in (idx, npz, changed):
        folder = tmp_path / f"of-{data.stem}"
        folder.mkdir()
        runs.append(repro_audit.load(train(server, data, 1, folder)))
    assert repro_audit.compare(runs[0], runs[1]).verdict == "identical"
    divergent = repro_audit.compare(runs[1], runs[2])
    assert divergent.verdict == "divergent"
    cause = divergent.causes[0]
    assert (cause.group, cause.certainty) == ("data", "certain")
    assert "train" in cause.title


@pytest.mark.skipif(not FULL_MNIST.is_file(), reason="Keras has not downloaded MNIST here")
def test_full_mnist_lands_within_half_a_point_of_the_published_accuracy(
    server: Server, tmp_path: Path
) -> None:
    """Two epochs at seed 812, as published in 2023: 96.30 %."""
    manifest = json.loads(train(server, "mnist", 2, tmp_path).read_text(encoding="utf-8"))
    accuracy = manifest["outcomes"]["evaluations"][0]["results"]["accuracy"]
    assert abs(accuracy - PUBLISHED_ACCURACY) <= 0.005
