"""What a session makes of a run, told of it as hooks tell it, on a backend of NumPy alone."""

from __future__ import annotations

import gc
import math
import os
import signal
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_backend import BATCHES, FakeBackend, Model, Variable, begin, fit

import repro_audit
from repro_audit.errors import RecordingWarning
from repro_audit.manifest import Manifest
from repro_audit.manifest.training import BatchTensor
from repro_audit.recording.session import manifest_file
from repro_audit.trace import Block, Rows, find_trace

NO_ARGUMENTS = {"x": None, "validation_data": None, "callbacks": None}


def recorded(path: Path) -> Manifest:
    return repro_audit.load(path)


def reasons(manifest: Manifest) -> dict[str, str]:
    """Return what is missing, by path."""
    return {item.path: item.reason for item in manifest.missing}


def rows(path: Path) -> list[list[int]]:
    """Return fit, epoch and step of each row of the trace."""
    trace = find_trace(path, recorded(path))
    assert trace is not None
    return [
        [int(row[1]) >> 32, int(row[1]) & 0xFFFFFFFF, int(row[2])]
        for part in trace.parts()
        if isinstance(part, Rows)
        for row in part.words
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "manifest.json"


# A run


def test_a_fit_is_recorded_with_its_steps_epochs_and_trace(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        fit(recorder, model, epochs=2)
    manifest = recorded(path)
    (outcome,) = manifest.outcomes.fits
    assert (manifest.status, manifest.evidence) == ("complete", "trace")
    assert (outcome.steps, outcome.first_epoch, outcome.ended) == (6, 1, True)
    assert len(outcome.epochs) == len(outcome.history["loss"]) == 2
    assert None not in outcome.epochs
    assert rows(path) == [[0, epoch, step] for epoch in (1, 2) for step in (1, 2, 3)]


def test_equal_runs_leave_equal_evidence_and_another_seed_other(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.json" for number in range(3)]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        with begin(path) as recorder:
            fit(recorder, Model(seed=seed))
    one, same, other = map(recorded, paths)
    assert one.outcomes.digests == same.outcomes.digests
    assert one.outcomes.digests.initial_weights != other.outcomes.digests.initial_weights
    traces = [path.with_suffix(".trace").read_bytes() for path in paths]
    assert traces[0] == traces[1] != traces[2]


def test_recording_changes_no_weight(path: Path) -> None:
    bare, model = Model(), Model()
    for batch in [*BATCHES, *BATCHES]:
        bare.step(batch)
    with begin(path) as recorder:
        fit(recorder, model, epochs=2)
    for one, other in zip(bare.variables + bare.slots, model.variables + model.slots, strict=True):
        assert one.value.tobytes() == other.value.tobytes()


def test_the_manifest_says_that_the_run_goes_on_until_it_has_ended(path: Path) -> None:
    with begin(path) as recorder:
        assert recorded(path).status == "running"
        fit(recorder, Model(), epochs=1)
        assert recorded(path).status == "running"
        assert [len(item.epochs) for item in recorded(path).outcomes.fits] == [1]
    assert recorded(path).status == "complete"


def test_an_evaluation_outside_any_fit_is_evidence(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        recorder.evaluate_begins(model, {"x": BATCHES, "y": None, "sample_weight": None})
        recorder.evaluated(model, {"loss": 0.5})
    manifest = recorded(path)
    (evaluation,) = manifest.outcomes.evaluations
    assert (evaluation.after_fits, evaluation.results) == (0, {"loss": 0.5})
    assert manifest.evidence == "weights"


# What cannot be read

BROKEN = {
    "weights": {"$.outcomes.initial_weights"},
    "state": {"$.outcomes.fits", "$.outcomes.final_state"},
    "describe_state": {"$.outcomes.digests.trace"},
    "layer_seeds": {"$.conditions.seeds.layers"},
    "execution": {"$.conditions.determinism.execution[0]"},
    "metric_dtypes": {"$.outcomes.fits.dtypes"},
    "sample_initializer": {"$.conditions.initializers"},
    "devices": {"$.conditions.environment.devices"},
    "data_options": {"$.conditions.determinism.datasets[0]"},
    "data_code": {"$.conditions.determinism.datasets[0].random"},
    "data_stages": {"$.conditions.determinism.datasets[0].stages"},
    "declared_seed": {"$.conditions.seeds"},
    "build": {"$.conditions.environment"},
    "is_built": {"$.outcomes.initial_weights"},
    "optimizers": {"$.conditions.training.models"},
    "limits": {"$.conditions.training.fits"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_missing_alone_and_training_goes_on(path: Path, name: str) -> None:
    model = Model()
    with (
        pytest.warns(RecordingWarning, match=f"{name} is broken"),
        begin(path, FakeBackend([name])) as recorder,
    ):
        fit(recorder, model, epochs=2)
    found = reasons(recorded(path))
    broken = f"LookupError: {name} is broken"
    assert {place for place, reason in found.items() if reason == broken} == BROKEN[name]
    assert int(model.variables[2].value) == 6


def test_a_config_that_cannot_be_read_is_missing_without_a_warning(path: Path) -> None:
    with begin(path, FakeBackend(["model_config", "compile_config"])) as recorder:
        fit(recorder, Model())
    found = reasons(recorded(path))
    assert found["$.conditions.training.models[0].config"] == "get_config: LookupError"
    assert found["$.conditions.training.models[0].loss"] == "compile config: LookupError"


def test_a_model_without_weights_before_its_first_step_has_no_initial_ones(path: Path) -> None:
    with begin(path) as recorder:
        fit(recorder, Model(built=False))
    manifest = recorded(path)
    assert manifest.outcomes.initial_weights == (None,)
    assert "was not built before" in reasons(manifest)["$.outcomes.initial_weights[0]"]
    assert manifest.outcomes.final_state[0] is not None


def test_a_step_that_cannot_be_read_costs_the_trace_alone(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        fit(recorder, model, epochs=1)
        with pytest.warns(RecordingWarning, match="no such dtype"):
            recorder.trace.give_up(TypeError("no such dtype"))
        fit(recorder, model, epochs=1)
    manifest = recorded(path)
    assert manifest.evidence == "weights"
    assert reasons(manifest)["$.outcomes.digests.trace"] == "TypeError: no such dtype"
    assert not path.with_suffix(".trace").exists()


def test_a_manifest_that_cannot_be_written_stops_no_training(path: Path) -> None:
    model = Model()
    with warnings.catch_warnings(record=True) as caught, begin(path) as recorder:
        warnings.simplefilter("always")
        path.unlink()
        path.mkdir()
        fit(recorder, model, epochs=2)
    assert {item.category for item in caught} == {RecordingWarning}
    assert "could not write the manifest" in str(caught[0].message)
    assert int(model.variables[2].value) == 6


# How a run ends


@pytest.mark.parametrize(
    ("error", "status", "failure"),
    [
        (ValueError("no such thing"), "failed", ("ValueError", "no such thing")),
        (SystemExit(3), "failed", ("SystemExit", "3")),
        (KeyboardInterrupt(), "failed", ("KeyboardInterrupt", "")),
        (SystemExit(0), "complete", None),
        (SystemExit(), "complete", None),
    ],
    ids=repr,
)
def test_an_exception_ends_the_recording_and_goes_on(
    path: Path, error: BaseException, status: str, failure: tuple[str, str] | None
) -> None:
    def train() -> None:
        with begin(path) as recorder:
            fit(recorder, Model(), epochs=1)
            raise error

    with pytest.raises(type(error)) as caught:
        train()
    assert caught.value is error
    manifest = recorded(path)
    assert (manifest.status, manifest.information.failure) == (status, failure)
    assert [len(item.epochs) for item in manifest.outcomes.fits] == [1]


def test_an_exception_that_cannot_say_what_it_is_ends_a_run_all_the_same(path: Path) -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(SilentError), begin(path):
        raise SilentError
    assert recorded(path).information.failure == ("SilentError", "")


def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what takes how many epochs the manifest holds each time it is written."""
    epochs: list[int] = []

    def write(manifest: Manifest, path: Path) -> None:
        epochs.append(sum(len(item.epochs) for item in manifest.outcomes.fits))
        write_it(manifest, path)

    write_it = manifest_file.write
    monkeypatch.setattr(manifest_file, "write", write)
    return epochs


def test_epochs_that_follow_the_first_within_a_second_are_written_when_their_fit_ends(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_file, "_APART_S", 3600.0)
    monkeypatch.setattr(manifest_file, "_SHARE", math.inf)
    epochs = written(monkeypatch)
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=9)
    assert epochs == [0, 1, 9, 9]


def test_an_epoch_that_ends_later_than_that_is_written_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_file, "_APART_S", 0.0)
    monkeypatch.setattr(manifest_file, "_SHARE", math.inf)
    epochs = written(monkeypatch)
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=3)
    assert epochs == [0, 1, 2, 3, 3]


def test_what_takes_long_to_write_is_not_written_after_each_of_many_short_fits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little lies between two of them; all is written when the run ends."""
    monkeypatch.setattr(manifest_file, "_APART_S", 0.0)
    monkeypatch.setattr(manifest_file, "_SHARE", 1e-9)
    epochs = written(monkeypatch)
    with begin(path) as recorder:
        for _ in range(20):
            fit(recorder, Model(), epochs=1)
    assert epochs == [0, 1, 20]


def test_a_fit_that_was_left_is_not_said_to_have_ended(path: Path) -> None:
    with begin(path) as recorder:
        told = recorder.fit_begins(
            Model(), {"x": BATCHES, "validation_data": None, "callbacks": []}
        )
        assert told is not None
        told.train_begins()
        told.epoch_begins(1)
    (outcome,) = recorded(path).outcomes.fits
    assert (outcome.ended, outcome.epochs) == (False, ())


def test_a_recording_that_is_over_takes_nothing_more(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        fit(recorder, model, epochs=1)
    before = path.read_bytes()
    recorder.loop_step(model, BATCHES[0], np.float32(1))
    recorder.loop_updates(model, 1, lambda: None)
    recorder.unfollowed("fit", "elsewhere")
    assert path.read_bytes() == before


# Several models, several fits


def test_each_model_has_its_own_state_and_each_fit_its_model(path: Path) -> None:
    first, second = Model(seed=1), Model(seed=2)
    with begin(path) as recorder:
        for model in (first, second, first):
            fit(recorder, model, epochs=1)
    manifest = recorded(path)
    assert [item.model for item in manifest.outcomes.fits] == [0, 1, 0]
    assert len(manifest.conditions.training.models) == len(manifest.outcomes.final_state) == 2
    calls = [state[2].digest for state in manifest.outcomes.final_state]
    assert calls[0] != calls[1], "one was trained twice as long"
    assert [row[0] for row in rows(path)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_fit_that_was_resumed_says_from_which_epoch(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        fit(recorder, model, epochs=2)
        fit(recorder, model, epochs=5, initial_epoch=2)
    first, second = recorded(path).outcomes.fits
    assert (first.first_epoch, len(first.epochs)) == (1, 2)
    assert (second.first_epoch, len(second.epochs), second.steps) == (3, 3, 9)
    assert sorted({row[1] for row in rows(path) if row[0] == 1}) == [3, 4, 5]


def test_a_model_that_is_gone_at_the_end_keeps_the_state_of_its_last_fit(path: Path) -> None:
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=1)
        gc.collect()
    assert recorded(path).outcomes.final_state[0] is not None


def test_a_metric_that_an_epoch_lacks_is_null_there(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        told = recorder.fit_begins(
            model, {"x": BATCHES, "validation_data": None, "callbacks": None}
        )
        assert told is not None
        told.train_begins()
        for epoch, logs in enumerate(({"loss": 1.0}, {"loss": 0.5, "val_loss": 0.7, "note": "x"})):
            told.epoch_begins(epoch + 1)
            model.step(BATCHES[0])
            told.batch_ended(0, 1)
            told.epoch_ended(logs)
        told.train_ended()
    (outcome,) = recorded(path).outcomes.fits
    assert outcome.history == {"loss": (1.0, 0.5), "val_loss": (None, 0.7)}
    assert outcome.dtypes == {"loss": "float32", "val_loss": "float32"}


def test_a_model_compiled_again_no_longer_says_whose_its_metrics_are(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        recorder.compiled(model, {"jit_compile": "auto"}, {})
        fit(recorder, model, epochs=1)
        recorder.compiled(model, {"jit_compile": "auto"}, {})
    found = reasons(recorded(path))
    assert "compiled again" in found["$.conditions.training.models[0].metrics"]
    assert recorded(path).conditions.determinism.execution[0].jit_requested == "auto"


# Loops written by hand


def test_a_loop_that_the_user_tells_of_has_steps_epochs_and_a_trace(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        recorder.watch(model)
        for _ in range(2):
            for batch in BATCHES:
                recorder.loop_step(model, batch, model.step(batch))
            recorder.loop_epoch(model, {"loss": 0.5})
    manifest = recorded(path)
    (outcome,) = manifest.outcomes.fits
    assert (outcome.steps, len(outcome.epochs), outcome.first_epoch) == (6, 2, 1)
    assert outcome.ended is None, "nobody says when a loop has ended"
    assert manifest.outcomes.initial_weights[0] is not None
    assert rows(path) == [[0, epoch, step] for epoch in (1, 2) for step in (1, 2, 3)]


def test_a_loop_that_was_not_watched_lacks_its_initial_weights(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        recorder.loop_step(model, BATCHES[0], model.step(BATCHES[0]))
    manifest = recorded(path)
    assert manifest.outcomes.initial_weights == (None,)
    reason = reasons(manifest)["$.outcomes.initial_weights[0]"]
    assert reason == "run.watch(model) was not called before the first step"


def test_a_loop_that_nobody_tells_of_is_closed_at_the_end(path: Path) -> None:
    model = Model()
    with begin(path, automatic=True) as recorder:
        recorder.loop_model_found(model)
        for batch in BATCHES:
            model.step(batch)
            recorder.loop_updates(model, 1, lambda: None)
    manifest = recorded(path)
    (outcome,) = manifest.outcomes.fits
    assert (outcome.steps, len(outcome.epochs)) == (3, 1)
    assert (manifest.evidence, manifest.unfollowed) == ("trace", None)


def test_what_an_update_was_given_is_the_batch_of_its_step(path: Path) -> None:
    model = Model()
    with begin(path, automatic=True) as recorder:
        recorder.loop_model_found(model)
        for batch in BATCHES:
            model.step(batch)
            recorder.loop_updates(model, 1, lambda batch=batch: batch)
    manifest = recorded(path)
    trace = find_trace(path, manifest)
    assert trace is not None
    (block,) = [part for part in trace.parts() if isinstance(part, Block)]
    assert [column.kind for column in block.columns].count("batch") == 1


def test_updates_between_two_looks_are_counted_and_the_last_is_seen(path: Path) -> None:
    model = Model()
    with begin(path, automatic=True) as recorder:
        recorder.loop_model_found(model)
        for batch in BATCHES:
            model.step(batch)
        recorder.loop_updates(model, 3, lambda: None)
    assert recorded(path).outcomes.fits[0].steps == 3
    assert rows(path) == [[0, 1, 3]]


# What was not followed


def test_updates_that_run_step_was_not_told_of_are_named_with_their_count(path: Path) -> None:
    told, untold = Model(), Model()
    with begin(path) as recorder:
        recorder.watch(told)
        recorder.loop_updates(told, 1, lambda: None)
        recorder.loop_step(told, BATCHES[0], told.step(BATCHES[0]))
        recorder.loop_updates(untold, 4, lambda: None)
    assert recorded(path).unfollowed == "not followed: 4 updates that run.step was not told of"


def test_a_variable_trained_otherwise_is_named_unless_a_recorded_model_owns_it(path: Path) -> None:
    model, alone = Model(), Variable("alone", np.zeros(2, "float32"))
    with begin(path) as recorder:
        fit(recorder, model, epochs=1)
        recorder.trained_otherwise(model.variables[0])
        recorder.trained_otherwise(alone)
    assert recorded(path).unfollowed == (
        "not followed: 1 variable trained without an optimizer of Keras 3"
    )


def test_a_fit_in_another_thread_is_counted_and_a_shared_model_ends_the_trace(path: Path) -> None:
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=1)
        recorder.fit_unfollowed(trained_by_both=False)
        assert path.with_suffix(".trace").exists()
        with pytest.warns(RecordingWarning, match="two threads"):
            recorder.fit_unfollowed(trained_by_both=True)
    manifest = recorded(path)
    assert manifest.unfollowed == "not followed: 2 fits in another thread"
    assert manifest.evidence == "weights"


def test_children_that_compute_are_counted_at_the_end(path: Path) -> None:
    class TwoChildren:
        said = "child process", "that computed"
        computing = 0

        def look(self) -> None:
            self.computing = 2

    with begin(path, children=TwoChildren()) as recorder:
        fit(recorder, Model(), epochs=1)
    assert recorded(path).unfollowed == "not followed: 2 child processes that computed"


# What was asked for


def test_a_positive_control_flips_one_bit_after_the_first_step(path: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.json"
    with begin(plain) as recorder:
        fit(recorder, Model(), epochs=1)
    with begin(path, request={"flip": True}) as recorder:
        model = Model()
        fit(recorder, model, epochs=1)
        fit(recorder, Model(), epochs=1)
    manifest = recorded(path)
    flip = manifest.positive_control
    assert flip is not None
    assert (flip.step, flip.model, flip.position, flip.bit) == (1, 0, 0, 11)
    one, other = recorded(plain).outcomes, manifest.outcomes
    assert one.initial_weights[0] == other.initial_weights[0]
    assert one.fits[0].epochs != other.fits[0].epochs


def test_a_run_that_is_to_stop_ends_after_that_epoch_of_its_first_fit(path: Path) -> None:
    model = Model()
    with (
        pytest.raises(SystemExit) as ended,
        begin(path, request={"stop_after_epoch": 2}) as recorder,
    ):
        fit(recorder, model, epochs=5)
    assert ended.value.code == 0
    manifest = recorded(path)
    assert (manifest.status, [len(item.epochs) for item in manifest.outcomes.fits]) == (
        "complete",
        [2],
    )


def test_a_run_that_is_to_stop_within_an_epoch_ends_after_that_step(path: Path) -> None:
    model = Model()
    with (
        pytest.raises(SystemExit),
        begin(path, request={"stop_after_epoch": 1, "stop_after_step": 2}) as recorder,
    ):
        fit(recorder, model, epochs=5)
    (only,) = recorded(path).outcomes.fits
    assert (len(only.epochs), only.steps) == (1, 5)


def test_a_run_that_is_to_be_killed_leaves_what_it_had_recorded(path: Path) -> None:
    child = os.fork()
    if not child:
        with begin(path, request={"stop_after_epoch": 2, "kill": True}) as recorder:
            fit(recorder, Model(), epochs=5)
        os._exit(0)  # it was not killed
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    manifest = recorded(path)
    assert manifest.status == "running"
    assert [len(item.epochs) for item in manifest.outcomes.fits] == [2]


@pytest.mark.parametrize(("trace", "steps"), [(2, [1, 3]), ("epoch", [3]), ("step", [1, 2, 3])])
def test_only_the_steps_that_were_asked_for_are_traced(path: Path, trace: Any, steps: Any) -> None:
    with begin(path, trace=trace) as recorder:
        fit(recorder, Model(), epochs=1)
    assert [row[2] for row in rows(path)] == steps


def test_without_a_trace_the_weights_are_the_evidence(path: Path) -> None:
    with begin(path, trace=None) as recorder:
        fit(recorder, Model(), epochs=1)
    manifest = recorded(path)
    assert (manifest.evidence, manifest.trace) == ("weights", None)
    assert not path.with_suffix(".trace").exists()


def test_a_discarded_recording_leaves_no_trace(path: Path) -> None:
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=1)
        recorder.discard()
        assert not path.with_suffix(".trace").exists()


def test_data_is_digested_as_the_user_tells_of_it(path: Path) -> None:
    with begin(path) as recorder:
        assert "run.data was not called" in reasons(recorded(path))["$.conditions.data"]
        recorder.data("train", (BATCHES,))
    data = recorded(path).conditions.data
    assert data is not None
    assert list(data) == ["train"]


@pytest.mark.parametrize("automatic", [False, True])
def test_arrays_that_a_fit_is_given_are_digested_where_nobody_tells_of_data(
    path: Path, automatic: bool
) -> None:
    with begin(path, automatic=automatic) as recorder:
        fit(recorder, Model(), epochs=1)
    data = recorded(path).conditions.data
    assert data is not None
    assert list(data) == ["train"]


def roles(path: Path) -> dict[str, bool | None]:
    """Return the data sets that were recorded, and whether a call was seen to be given each."""
    data = recorded(path).conditions.data
    return {role: item.of_call for role, item in (data or {}).items()}


@pytest.mark.parametrize("told_first", [True, False])
def test_what_the_user_tells_of_and_a_fit_is_given_is_one_data_set(
    path: Path, told_first: bool
) -> None:
    with begin(path) as recorder:
        if told_first:
            recorder.data("images", (BATCHES,))
        fit(recorder, Model(), epochs=1)
        recorder.data("images", (BATCHES,))
    assert roles(path) == {"images": False}


@pytest.mark.parametrize("told_first", [True, False])
def test_what_a_fit_is_given_beside_what_the_user_tells_of_has_a_name_of_its_own(
    path: Path, told_first: bool
) -> None:
    with begin(path) as recorder:
        if told_first:
            recorder.data("train", (BATCHES + 1,))
        fit(recorder, Model(), epochs=1)
        recorder.data("train", (BATCHES + 1,))
    assert roles(path) == {"train": False, "train_2": True}


def test_at_most_eight_data_sets_are_digested_for_one_role(path: Path) -> None:
    with begin(path) as recorder:
        for number in range(10):
            fit(recorder, Model(), epochs=1, x=BATCHES + number)
    assert len(roles(path)) == 8


class Source:
    """A source of a pipeline, as tf.data makes it: it keeps its tensors."""

    element_spec = None

    def __init__(self, *tensors: Any) -> None:
        self._tensors = list(tensors)

    def _inputs(self) -> list[Any]:
        return []


def test_a_pipeline_made_before_recording_began_is_digested_out_of_what_it_keeps(
    path: Path,
) -> None:
    source = Source(BATCHES)
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=1, x=source)
    assert roles(path) == {"train": False}


def test_a_number_that_a_pipeline_begins_with_is_no_data_set(path: Path) -> None:
    """As what `from_generator` counts its generators by."""
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=1, x=Source(np.int32(0)))
    assert roles(path) == {}


def test_a_pipeline_made_from_names_of_files_says_that_they_were_not_read(path: Path) -> None:
    source = Source(types.SimpleNamespace(dtype=types.SimpleNamespace(name="string")))
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=1, x=source)
    assert "names of files" in reasons(recorded(path))["$.conditions.data"]


# What was asked for


def test_the_first_batch_of_a_fit_is_told_by_role_dtype_and_shape(path: Path) -> None:
    with begin(path, trace=None) as recorder:
        fit(recorder, Model(), epochs=1)
    training = recorded(path).conditions.training
    assert training is not None
    assert training.fits[0].batch == (BatchTensor("x", "float32", (4, 3)),)


def test_a_loop_that_tells_of_no_batch_has_none_and_says_so(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        recorder.watch(model)
        recorder.loop_step(model, None, model.step(BATCHES[0]))
    training = recorded(path).conditions.training
    assert training is not None
    assert training.fits[0].batch is None
    reason = reasons(recorded(path))["$.conditions.training.fits[0].batch"]
    assert reason == "no step of it told of its batch"


class Patience:
    """A callback that counts."""

    def __init__(self, patience: int) -> None:
        self.patience = patience


def test_the_settings_of_a_callback_are_those_it_had_when_it_was_seen_first(path: Path) -> None:
    callback = Patience(3)
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=1, callbacks=[callback])
        callback.patience = 2
        fit(recorder, Model(), epochs=1, callbacks=callback)
    training = recorded(path).conditions.training
    assert training is not None
    settings = [item.callback_settings for item in training.fits]
    assert [item[0]["patience"] for item in settings if item] == [3, 3]


class Hidden:
    """A callback that lets nobody look."""

    @property
    def __dict__(self) -> Any:
        message = "nobody looks"
        raise LookupError(message)


def test_settings_that_cannot_be_read_cost_one_field_and_say_why(path: Path) -> None:
    with pytest.warns(RecordingWarning), begin(path) as recorder:
        fit(recorder, Model(), epochs=1, callbacks=[Hidden()])
    manifest = recorded(path)
    reason = reasons(manifest)["$.conditions.training.fits[0].callback_settings"]
    assert "nobody looks" in reason
    assert manifest.evidence == "trace"


def test_compile_is_recorded_as_it_was_asked_for(path: Path) -> None:
    model = Model()
    with begin(path) as recorder:
        recorder.compiled(model, {"loss_weights": [1, 2]}, {"lambda_": 10.0})
        fit(recorder, model, epochs=1)
    training = recorded(path).conditions.training
    assert training is not None
    assert training.models[0].compile == {"loss_weights": [1, 2], "lambda_": 10.0}


def test_a_compile_that_was_not_seen_says_so(path: Path) -> None:
    with begin(path) as recorder:
        fit(recorder, Model(), epochs=1)
    reason = reasons(recorded(path))["$.conditions.training.models[0].compile"]
    assert reason == "the model was compiled before recording began"


@pytest.mark.parametrize(
    ("method", "field"), [("compile_arguments", "compile"), ("own_code", "code")]
)
def test_what_a_model_does_not_let_read_is_missing_and_costs_nothing_else(
    path: Path, method: str, field: str
) -> None:
    with begin(path, FakeBackend([method])) as recorder:
        fit(recorder, Model(), epochs=1)
    manifest = recorded(path)
    assert "LookupError" in reasons(manifest)[f"$.conditions.training.models[0].{field}"]
    assert manifest.conditions.training is not None
    assert manifest.conditions.training.models[0].config == {"size": 3}


def test_what_a_notebook_keeps_of_a_recording_names_no_folder_of_anybody(tmp_path):
    run = repro_audit.record(tmp_path / "home" / "ada" / "manifest.json")
    assert repr(run) == "<repro_audit recording to manifest.json: not begun>"
