"""What fails in training goes on unchanged; what fails in the recorder costs one field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import repro_audit
from repro_audit.errors import how_to_install

pytestmark = pytest.mark.keras

BROKEN = {
    "weights": ("$.outcomes.initial_weights",),
    "state": ("$.outcomes.fits", "$.outcomes.final_state"),
    "describe_state": ("$.outcomes.digests.trace",),
    "layer_seeds": ("$.conditions.seeds.layers",),
    "execution": ("$.conditions.determinism.execution[0]",),
    "metric_dtypes": ("$.outcomes.fits.dtypes",),
    "threads_requested": ("$.conditions.determinism",),
    "sample_initializer": ("$.conditions.initializers",),
    "devices": ("$.conditions.environment.devices",),
    "data_options": ("$.conditions.determinism.datasets[0]",),
    "data_code": ("$.conditions.determinism.datasets[0].random",),
    "data_stages": ("$.conditions.determinism.datasets[0].stages",),
    "model_switches": ("$.conditions.determinism.backend.models[0]",),
    "racing_ops": ("$.conditions.determinism.backend.models",),
    "declared_seed": ("$.conditions.seeds",),
}


@pytest.fixture(scope="module")
def failures(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("failures")
    return said(start("failures.py", cwd=folder)), folder


@pytest.mark.parametrize("name", ["value_error", "exit_3", "exit_0", "interrupt"])
def test_an_exception_in_training_propagates_as_without_a_recorder(
    failures: Any, name: str
) -> None:
    """The same object, raised in the user's own code, with no cause added."""
    said, _ = failures
    assert said[name] == said[f"bare {name}"]
    assert said[name]["same"] is True
    assert said[name]["raised_in"] == ["failures.py", "on_epoch_begin"]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("value_error", "ValueError", "no such thing"),
        ("exit_3", "SystemExit", "3"),
        ("interrupt", "KeyboardInterrupt", ""),
    ],
)
def test_a_failed_run_leaves_a_valid_manifest_that_says_why(
    failures: Any, name: str, kind: str, message: str
) -> None:
    """Status failed, the exception, and the epoch that had ended."""
    read = repro_audit.load(failures[1] / f"{name}.json")
    assert read.status == "failed"
    assert read.information.failure == (kind, message)
    assert [len(fit.epochs) for fit in read.outcomes.fits] == [1]
    assert repro_audit.audit(read).verdict == "inconclusive"


def test_leaving_with_exit_code_0_is_no_failure(failures: Any) -> None:
    """sys.exit(0) ends a run well."""
    read = repro_audit.load(failures[1] / "exit_0.json")
    assert (read.status, read.information.failure) == ("complete", None)


@pytest.mark.parametrize("method", [*BROKEN, "model_config", "functions_traced"])
def test_a_recorder_that_fails_changes_no_weight(failures: Any, method: str) -> None:
    """Training ends in the bits of the bare run, whatever the recorder could not read."""
    said, _ = failures
    assert said[f"broken {method}"].get("digest") == said["bare"]


@pytest.mark.parametrize("method", BROKEN)
def test_a_recorder_that_fails_warns_and_marks_the_field_alone(failures: Any, method: str) -> None:
    """A RecordingWarning for each field, and it stands in `missing` with the reason."""
    said, folder = failures
    warned = said[f"broken {method}"]["warnings"]
    assert {line.split()[4].rstrip(":") for line in warned} == set(BROKEN[method])
    read = repro_audit.load(folder / f"broken-{method}.json")
    reason = f"LookupError: {method} is broken"
    assert {item.path for item in read.missing if item.reason == reason} == set(BROKEN[method])
    assert said["well"]["warnings"] == []


@pytest.mark.parametrize("method", ["op_determinism", "in_use"])
def test_a_switch_that_cannot_be_read_at_the_start_stops_no_run(failures: Any, method: str) -> None:
    """A private name that a release of TensorFlow moves costs a field, not the training."""
    said, _ = failures
    assert said[f"broken {method}"].get("digest") == said["bare"]


def test_a_recording_that_cannot_begin_leaves_no_hook(failures: Any) -> None:
    assert failures[0]["broken beginning"] == ["OutputError", True]


def test_a_path_that_cannot_be_written_is_refused_at_the_start(failures: Any) -> None:
    """Before an hour of training, and in a sentence that names the path."""
    absent, file, folder = failures[0]["refused"]
    assert absent[0] == file[0] == folder[0] == "OutputError"
    where = failures[1]
    assert absent[1] == f"{where}/absent/m.json: cannot be written: No such file or directory."
    assert file[1] == f"{where}/file/m.json: cannot be written: Not a directory."
    assert folder[1] == f"{where}/folder: cannot be written: expected a file, there is a folder."


def test_one_recording_at_a_time(failures: Any) -> None:
    """A second is refused and named; after the first has ended, another can begin."""
    kind, message = failures[0]["second"]
    assert (kind, "outer.json is open" in message) == ("CaptureError", True)
    assert failures[0]["well"]["digest"] == failures[0]["bare"]


@pytest.mark.parametrize("name", ["full", "gone"])
def test_a_disk_that_fails_later_is_a_warning(failures: Any, name: str) -> None:
    """A full disk, or a folder taken away, leaves training and its result alone."""
    said, _ = failures
    assert said[name]["digest"] == said["bare"]
    manifests = [line for line in said[name]["warnings"] if "write the manifest" in line]
    assert len(manifests) == 3, "after its first epoch, when its fit ended, and at the end"
    traces = [line for line in said[name]["warnings"] if "$.outcomes.digests.trace" in line]
    assert len(traces) == (name == "full"), "once; a file in a folder taken away is still open"
    assert len(said[name]["warnings"]) == len(manifests) + len(traces)


def test_a_full_disk_leaves_the_last_manifest_whole(failures: Any) -> None:
    """What was written at the start is still there, and valid."""
    assert repro_audit.load(failures[1] / "full.json").status == "running"
    assert not list(failures[1].glob(".*.tmp"))


REFUSALS = """
import json, sys
import repro_audit
found = []
for call in (lambda: repro_audit.control(seed=1), lambda: repro_audit.record("m.json").start()):
    try:
        call()
    except Exception as error:
        found.append([type(error).__name__, str(error)])
print(json.dumps(found))
"""


def test_another_backend_is_refused_clearly(failures: Any) -> None:
    """By record and by control in the same words, with the line that mends it."""
    said, folder = failures
    by_record, by_control = said["backend"]
    assert by_record == by_control
    assert by_record[0] == "CaptureError"
    assert "Keras runs on PyTorch here" in by_record[1]
    assert "KERAS_BACKEND=tensorflow" in by_record[1]
    assert not (folder / "torch.json").exists()


def test_a_backend_that_is_not_installed_is_refused_as_another_backend(
    start: Any, said: Any, tmp_path: Path
) -> None:
    """Not as a lack of TensorFlow: installing that would not help."""
    found = said(
        start("-c", REFUSALS, cwd=tmp_path, variables={"KERAS_BACKEND": "jax"}, fresh=True)
    )
    assert found[0] == found[1]
    assert found[0][0] == "CaptureError"
    assert "Keras runs on JAX here" in found[0][1]
    assert "KERAS_BACKEND=tensorflow" in found[0][1]
    assert list(tmp_path.iterdir()) == []


def test_keras_that_is_absent_is_refused_with_how_to_install_it(
    start: Any, said: Any, tmp_path: Path
) -> None:
    """The message names the extra."""
    code = "import sys\nsys.modules['keras'] = None\n" + REFUSALS
    for kind, message in said(start("-c", code, cwd=tmp_path, fresh=True)):
        assert kind == "CaptureError"
        assert how_to_install("keras") in message
