import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.keras, pytest.mark.minutes(3)]

FINAL_WEIGHTS = """
import contextlib, hashlib, sys
import repro_audit
from rnn_dropout.__main__ import Config, load_data, train

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
    done = python("-m", "rnn_dropout", "--history", "out/history.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    return folder


def test_default_settings_reach_85_percent(default_run: Path) -> None:
    """The reference trainer learns: 0.893 was measured."""
    history = json.loads((default_run / "out/history.json").read_text(encoding="utf-8"))
    assert history["val_accuracy"][-1] >= 0.85


def test_history_has_one_value_an_epoch(default_run: Path) -> None:
    """The history is Keras's own: four lists of as many floats as epochs."""
    history = json.loads((default_run / "out/history.json").read_text(encoding="utf-8"))
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert [len(values) for values in history.values()] == [10] * 4


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
    done = python("-m", "rnn_dropout", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example:\n    python -m rnn_dropout --cell gru" in done.stdout


def test_unknown_data_ends_with_one_line_and_exit_2(python: Python, tmp_path: Path) -> None:
    """A misspelt source gives no traceback, no training and no manifest."""
    done = python("-m", "rnn_dropout", "--data", "mnist-6k", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "mnist-6k" in errors[0]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("cell", "layer", "parameters"),
    [("lstm", "LSTM", 23_808), ("gru", "GRU", 18_048), ("simple", "SimpleRNN", 5_952)],
)
def test_each_cell_drops_inputs_and_state(cell: str, layer: str, parameters: int) -> None:
    """The recurrent layer is the named one, with both kinds of dropout in use."""
    from rnn_dropout.__main__ import Config, build_model

    model = build_model(Config(cell=cell))
    recurrent, dense = model.layers
    assert type(recurrent).__name__ == layer
    assert recurrent.count_params() == parameters
    assert (recurrent.dropout, recurrent.recurrent_dropout) == (0.2, 0.2)
    assert dense.count_params() == 650
    assert model.input_shape == (None, 28, 28)
    assert model.jit_compile is False


def test_images_become_sequences_of_rows() -> None:
    """Row by row, float32 from 0 to 1, nothing else changed."""
    from rnn_dropout.__main__ import preprocess

    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    rows = preprocess(images)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(images / np.float32(255), rows)
    assert rows.max() == 1
