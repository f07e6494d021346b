"""What a training was asked for is in its manifest, and where it is another, that is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import repro_audit
from repro_audit.capture.data import capture_data
from repro_audit.compare.conditions import condition_differences
from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import DatasetOptions
from repro_audit.manifest.training import BatchTensor, FitArguments, TrainedModel

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

SCRIPT = "asked_cases.py"
CASES = re.findall(
    r"^@case\ndef (\w+)",
    (Path(__file__).parent / "scripts" / SCRIPT).read_text(encoding="utf-8"),
    re.MULTILINE,
)
MODEL = "$.conditions.training.models[0]"
FIT = "$.conditions.training.fits[0]"
DATA = "$.conditions.determinism.datasets[0]"
CHANGED = {
    "arrays_of_a_fit": ("$.conditions.data.train.arrays[1].digest",),
    "arrays_of_an_evaluate": ("$.conditions.data.test.arrays[0].digest",),
    "slices": ("$.conditions.data.train.arrays[0].digest",),
    "slices_made_before_recording": ("$.conditions.data.train.arrays[0].digest",),
    "loss_weights": (f"{MODEL}.compile.loss_weights[0]",),
    "weighted_metrics": (f"{MODEL}.compile.weighted_metrics[0]",),
    "auto_scale_loss": (f"{MODEL}.compile.auto_scale_loss",),
    "own_compile": (f"{MODEL}.compile.lambda_",),
    "patience": (f"{FIT}.callback_settings[1].patience",),
    "schedule": (
        f"{FIT}.callback_settings[0].schedule.name",
        f"{FIT}.callback_settings[0].schedule.digest",
    ),
    "lambda_callback": (f"{FIT}.callback_settings[0].on_epoch_end.digest",),
    "stages": (f"{DATA}.stages[2].function.name", f"{DATA}.stages[2].function.digest"),
    "layer_as_a_map": (f"{DATA}.stages[1].function.digest",),
    "drop_remainder": (f"{DATA}.stages[1].arguments.drop_remainder",),
    "from_generator": (f"{DATA}.stages[0].function.name", f"{DATA}.stages[0].function.digest"),
    "generator": (f"{DATA}.function.name", f"{DATA}.function.digest"),
    "pydataset": (
        f"{FIT}.batch[0].shape[0]",
        f"{FIT}.batch[1].shape[0]",
        f"{DATA}.arguments.size",
    ),
    "dtype_of_a_batch": (f"{FIT}.batch[0].dtype", "$.conditions.data.train.arrays[0].dtype"),
    "code_of_a_layer": (f"{MODEL}.code['scaling.<locals>.Scaling']",),
    "code_of_an_activation": (f"{MODEL}.code['Dense.activation']",),
    "loop": (f"{MODEL}.optimizer.config.learning_rate",),
}
"""What must differ where a case is asked for otherwise."""

FOLLOWING = r"\.(digest|unordered_digest|config\S*)$|\.code\[|\.code\."
"""What may differ with it: digests over it, and configs that say it as well."""


@pytest.fixture(scope="module")
def asked(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """Train every case bare and recorded; return what both said, and a folder."""
    folder = tmp_path_factory.mktemp("asked")
    ends = [start(SCRIPT, mode, cwd=folder) for mode in ("bare", "recorded")]
    bare, recorded = map(said, ends)
    return bare, recorded, folder


def manifest(asked: Any, name: str) -> Manifest:
    return repro_audit.load(asked[2] / f"{name}.json")


def model(asked: Any, name: str) -> TrainedModel:
    training = manifest(asked, name).conditions.training
    assert training is not None
    return training.models[0]


def fit(asked: Any, name: str) -> FitArguments:
    training = manifest(asked, name).conditions.training
    assert training is not None
    return training.fits[0]


def data(asked: Any, name: str) -> DatasetOptions:
    determinism = manifest(asked, name).conditions.determinism
    assert determinism is not None
    return determinism.datasets[0]


def test_a_recorded_run_ends_in_the_weights_of_the_bare_run(asked: Any) -> None:
    bare, recorded, _ = asked
    assert recorded["digests"] == bare["digests"]
    assert len(set(bare["digests"].values())) >= 15, "the other way often ends elsewhere"


def test_recording_gives_no_warning(asked: Any) -> None:
    assert asked[1]["warnings"] == []


@pytest.mark.parametrize("name", CASES)
def test_what_was_asked_for_otherwise_is_among_the_conditions_that_differ(
    asked: Any, name: str
) -> None:
    differences = condition_differences(manifest(asked, name), manifest(asked, f"{name}-other"))
    differing = {item.path for item in differences if item.state == "changed"}
    assert set(CHANGED[name]) <= differing
    others = differing - set(CHANGED[name])
    assert not [path for path in others if not re.search(FOLLOWING, path)]


@pytest.mark.parametrize("name", CASES)
def test_nothing_that_was_asked_for_is_missing(asked: Any, name: str) -> None:
    """Of data that no array holds, the manifest says that they were not read, and why."""
    read = manifest(asked, name)
    unread = [item.reason for item in read.missing if item.path == "$.conditions.data"]
    assert bool(unread) is (read.conditions.data is None)
    asked_for = (MODEL, FIT, DATA)
    assert not [item for item in manifest(asked, name).missing if item.path.startswith(asked_for)]


# Arrays


def test_arrays_are_digested_though_nobody_told_of_data(asked: Any) -> None:
    from numpy.random import default_rng

    generator = default_rng(5)
    x = generator.normal(size=(24, 3)).astype("float32")
    y = generator.normal(size=(24, 1)).astype("float32")
    for name in ("arrays_of_a_fit", "slices", "slices_made_before_recording"):
        known = manifest(asked, name).conditions.data
        assert known is not None
        assert known["train"].digest == capture_data((x, y)).digest
    known = manifest(asked, "arrays_of_an_evaluate").conditions.data
    assert known is not None
    assert list(known) == ["train", "test"]


# Compile


def test_each_argument_of_a_compile_of_its_own_is_recorded_by_name(asked: Any) -> None:
    found = model(asked, "own_compile").compile
    assert found is not None
    assert list(found) == [
        "loss_weights", "weighted_metrics", "auto_scale_loss",
        "d_optimizer", "g_optimizer", "loss_fn", "lambda_",
    ]  # fmt: skip
    assert found["d_optimizer"]["class_name"] == "Adam"
    assert found["g_optimizer"]["config"]["momentum"] == 0.5
    assert found["loss_fn"]["name"] == "squared"
    assert found["lambda_"] == 0.25


def test_both_optimizers_of_a_train_step_are_recorded(asked: Any) -> None:
    classes = [item["class_name"] for item in model(asked, "own_compile").optimizers]
    assert classes == ["Adam", "SGD"]


# Callbacks


def test_settings_are_in_the_order_of_the_callbacks(asked: Any) -> None:
    read = fit(asked, "patience")
    assert read.callbacks == ("CSVLogger", "EarlyStopping")
    assert read.callback_settings is not None
    log, stop = read.callback_settings
    assert log["filename"] in {"log.csv", "<temporary>"}
    assert (stop["patience"], stop["monitor"], stop["restore_best_weights"]) == (3, "loss", False)
    assert "verbose" not in stop
    assert stop["wait"] == stop["stopped_epoch"] == 0, "read before it acts"


# Data


def test_each_stage_has_its_arguments_and_its_function(asked: Any) -> None:
    read = {stage.op: stage for stage in data(asked, "stages").stages}
    arguments = {op: stage.arguments for op, stage in read.items()}
    assert arguments == {
        "from_tensor_slices": {},
        "filter": {},
        "map": {},
        "interleave": {"block_length": 3, "cycle_length": 2},
        "repeat": {"count": 2},
        "batch": {"batch_size": 8, "drop_remainder": True},
    }
    functions = {op: stage.function.name for op, stage in read.items() if stage.function}
    assert functions["map"] == "scaled"
    assert list(functions) == ["filter", "map", "interleave"]


def test_a_compiled_function_has_a_name_and_no_digest(asked: Any) -> None:
    functions = [stage.function for stage in data(asked, "layer_as_a_map").stages if stage.function]
    layer, concrete = functions
    assert layer.name == "Rescaling"
    assert layer.digest is not None
    assert concrete.digest is None


def test_python_data_has_its_arguments_and_its_code(asked: Any) -> None:
    batches, generator = data(asked, "pydataset"), data(asked, "generator")
    assert batches.arguments == {"size": 8}
    assert batches.function is not None
    assert batches.function.name == "Batches"
    assert generator.arguments == {"count": 24}
    assert generator.function is not None
    assert generator.function.name == "yielding"
    made = data(asked, "from_generator").stages[0].function
    assert made is not None
    assert made.name == "yielding"


def test_the_first_batch_is_a_condition(asked: Any) -> None:
    for name in ("arrays_of_a_fit", "stages", "generator", "loop"):
        assert fit(asked, name).batch == (
            BatchTensor("x", "float32", (8, 3)),
            BatchTensor("y", "float32", (8, 1)),
        )


# Code


def test_the_code_of_the_project_in_a_model_is_named(asked: Any) -> None:
    code = model(asked, "code_of_an_activation").code
    assert code is not None
    assert list(code) == ["Dense.activation", "Lambda.function", "squared"]
    own = model(asked, "own_compile").code
    assert own is not None
    assert {"Pair", "Pair.loss_fn"} <= set(own)


def test_no_file_name_is_in_a_model_that_holds_a_lambda(asked: Any) -> None:
    config = model(asked, "code_of_an_activation").config
    lambdas = [item["config"]["function"] for item in config["config"]["layers"][2:]]
    assert lambdas[0]["config"]["code"].startswith("sha256:")


# A loop


def test_the_slots_of_the_optimizer_of_a_loop_are_in_state_and_trace(asked: Any) -> None:
    read = manifest(asked, "loop")
    (state,) = read.outcomes.final_state
    assert state is not None
    slots = [tensor.role for tensor in state if tensor.layer == "Adam"]
    assert any("momentum" in role for role in slots)
    assert any("velocity" in role for role in slots)
    assert read.evidence == "trace"
    assert read.outcomes.trace is not None
    assert read.outcomes.trace.rows >= 3
