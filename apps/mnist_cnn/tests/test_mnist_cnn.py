import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

FINAL_WEIGHTS = """
import contextlib, hashlib, sys
import repro_audit
from mnist_cnn.__main__ import Config, load_data, train

config = Config(epochs=1, seed=int(sys.argv[2]))
repro_audit.control(seed=config.seed)
data = load_data(config)
recorded = sys.argv[1] == "recorded"
with repro_audit.record(config.manifest) if recorded else contextlib.nullcontext():
    model, _ = train(config, data)
state = b"".join(variable.numpy().tobytes() for variable in model.variables)
print(hashlib.sha256(state).hexdigest())
"""


Python = Callable[..., subprocess.CompletedProcess[str]]


def final_weights(python: Python, mode: str, seed: int, cwd: Path) -> str:
    """Return the digest of the state after one epoch, ``recorded`` or ``bare``."""
    done = python("-c", FINAL_WEIGHTS, mode, str(seed), cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


@pytest.fixture(scope="module")
def default_run(python: Python, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train once with default settings and return the folder of what came out."""
    folder = tmp_path_factory.mktemp("default")
    done = python("-m", "mnist_cnn", "--history", "out/history.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    return folder


def test_default_settings_reach_90_percent(default_run: Path) -> None:
    """The reference trainer learns: 0.92 was measured."""
    history = json.loads((default_run / "out/history.json").read_text(encoding="utf-8"))
    assert history["val_accuracy"][-1] >= 0.90


def test_history_has_one_value_an_epoch(default_run: Path) -> None:
    """The history is Keras's own: four lists of as many floats as epochs."""
    history = json.loads((default_run / "out/history.json").read_text(encoding="utf-8"))
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert [len(values) for values in history.values()] == [8] * 4


def test_default_run_writes_a_manifest(default_run: Path) -> None:
    """Recording is on unless the user names another file."""
    assert (default_run / "manifest.json").is_file()


def test_recording_changes_no_weight(python: Python, tmp_path: Path) -> None:
    """A recorded and a bare run end in the same bits; another seed shows that this can fail."""
    bare = final_weights(python, "bare", 812, tmp_path)
    assert bare == final_weights(python, "recorded", 812, tmp_path)
    assert bare != final_weights(python, "bare", 813, tmp_path)


def test_help_shows_an_example(python: Python, tmp_path: Path) -> None:
    """A newcomer can copy a command from the help text."""
    done = python("-m", "mnist_cnn", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example:\n    python -m mnist_cnn --epochs 2" in done.stdout


def test_unknown_data_ends_with_one_line_and_exit_2(python: Python, tmp_path: Path) -> None:
    """A misspelt source gives no traceback, no training and no manifest."""
    done = python("-m", "mnist_cnn", "--data", "mnist-6k", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "mnist-6k" in errors[0]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_model_is_that_of_the_example() -> None:
    """Layers, parameters and compilation are those of the Keras example."""
    from mnist_cnn.__main__ import build_model

    model = build_model()
    assert [type(layer).__name__ for layer in model.layers] == [
        "Conv2D",
        "MaxPooling2D",
        "Dropout",
        "Conv2D",
        "MaxPooling2D",
        "Dropout",
        "Conv2D",
        "GlobalAveragePooling2D",
        "Dense",
        "Dropout",
        "Dense",
    ]
    assert model.input_shape == (None, 32, 32, 1)
    assert model.count_params() == 21_578
    assert type(model.optimizer).__name__ == "Adam"  # Keras numbers the names in one process
    assert model.loss == "sparse_categorical_crossentropy"
    assert model.jit_compile is False


def test_batches_are_those_of_the_example() -> None:
    """Every epoch has 63 batches of at most 64 images, float32 from 0 to 1, in a new order."""
    import digits
    from mnist_cnn.__main__ import build_datasets

    data = digits.load("mnist-5k")
    train, test = build_datasets(data)
    assert len(train) == 63
    images, labels = next(test.as_numpy_iterator())
    assert (images.shape, str(images.dtype)) == ((64, 32, 32, 1), "float32")
    assert 0 <= images.min() < images.max() <= 1
    assert labels.tolist() == data.y_test[:64].tolist()
    first, second = (
        [label for _, batch in train.as_numpy_iterator() for label in batch.tolist()]
        for _ in range(2)
    )
    assert first != second
    assert sorted(first) == sorted(second) == sorted(data.y_train.tolist())
