"""What Keras's callbacks write is read as the history that `fit` returned, value by value."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forking import Server
from processes import plain_environment

import repro_audit
from repro_audit.manifest import Manifest

SCRIPT = Path(__file__).parent / "scripts" / "written_by_keras.py"
SEPARATORS = 8

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def folder(
    server: Server, install: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the folder in which one process has trained twice with all loggers."""
    folder = tmp_path_factory.mktemp("logged")
    board = str(install("tensorboard"))
    done = server.run(SCRIPT, board, cwd=folder, environment=plain_environment())
    assert done.code == 0, done.errors
    return folder


def histories(folder: Path) -> list[dict[str, tuple[float, ...]]]:
    """Return what each `fit` returned."""
    found = []
    for number in range(2):
        text = (folder / f"history-{number}.json").read_text(encoding="utf-8")
        found.append({name: tuple(values) for name, values in json.loads(text).items()})
    return found


def read(manifest: Manifest, *left_out: str) -> list[dict[str, Any]]:
    """Return the histories in a log, without some curves."""
    return [
        {name: values for name, values in fit.history.items() if name not in left_out}
        for fit in manifest.outcomes.fits
    ]


@pytest.mark.parametrize("number", range(SEPARATORS))
def test_a_csv_logger_of_any_separator_holds_both_histories(folder: Path, number: int) -> None:
    """The second fit was appended, and its epochs begin anew."""
    assert read(repro_audit.load(folder / f"training-{number}.log")) == histories(folder)


def test_the_tensorboard_callback_holds_both_histories_as_float32(folder: Path) -> None:
    """Batches, evaluations, histograms and the graph beside them are named, and left out."""
    manifest = repro_audit.load(folder / "logs")
    assert read(manifest, "learning_rate") == histories(folder)
    for fit in manifest.outcomes.fits:
        assert set(fit.dtypes.values()) == {"float32"}
    (left_out,) = (item.reason for item in manifest.missing if "left out" in item.reason)
    for name in ("batch_loss", "evaluation_loss_vs_iterations"):
        assert repr(name) in left_out


def test_a_history_its_csv_and_its_events_are_identical_at_the_evidence_they_are(
    folder: Path,
) -> None:
    """Whichever comes first."""
    one = repro_audit.load(folder / "history-1.json")
    for other in (f"{folder}/training-0.log#1", f"{folder}/logs#1"):
        log = repro_audit.load(other)
        for pair in ((one, log), (log, one)):
            assert repro_audit.compare(*pair, require="history").verdict == "identical"
    another = repro_audit.load(folder / "history-0.json")
    assert repro_audit.compare(another, log, require="history").verdict == "divergent"


def test_one_damaged_bit_in_an_event_file_is_refused(folder: Path, tmp_path: Path) -> None:
    """The negative: the file as it is, is read."""
    (file,) = list((folder / "logs/validation").iterdir())[:1]
    content = bytearray(file.read_bytes())
    (tmp_path / "events.tfevents").write_bytes(content)
    assert repro_audit.load(tmp_path / "events.tfevents").evidence == "history"
    content[len(content) // 2] ^= 1
    (tmp_path / "events.tfevents").write_bytes(content)
    with pytest.raises(repro_audit.errors.ManifestError, match="was damaged"):
        repro_audit.load(tmp_path / "events.tfevents")
