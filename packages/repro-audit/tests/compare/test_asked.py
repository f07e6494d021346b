"""What a training was asked for, in two manifests: unknown is no difference, and code is code."""

from __future__ import annotations

from typing import Any

import pytest
from manifests import OTHER_DIGEST, changed, document, record, rerun

from repro_audit.compare.conditions import condition_differences
from repro_audit.compare.kinds import kind_of

MODEL = "conditions/training/models/0"
FIT = "conditions/training/fits/0"
DATA = "conditions/determinism/datasets/0"
STAGE = f"{DATA}/stages/0"
DIGEST = "sha256:" + "1" * 64
VALUES: dict[str, Any] = {
    f"{MODEL}/compile": {"loss_weights": [1.0], "lambda_": 10.0},
    f"{MODEL}/code": {"Attention": DIGEST},
    f"{FIT}/callback_settings": [{"patience": 3, "class": {"name": "Stop", "digest": DIGEST}}],
    f"{FIT}/batch": [{"role": "x", "dtype": "float32", "shape": [32, 8]}],
    f"{DATA}/arguments": {"size": 3},
    f"{DATA}/function": {"name": "Batches", "digest": DIGEST},
    f"{STAGE}/arguments": {"batch_size": 32, "drop_remainder": True},
    f"{STAGE}/function": {"name": "augment", "digest": DIGEST},
}
"""Every field, and a value of it."""

OTHERS = [
    (f"{MODEL}/compile/lambda_", 5.0, ".compile.lambda_", "loss"),
    (f"{MODEL}/code/Attention", OTHER_DIGEST, ".code.Attention", "model"),
    (f"{FIT}/callback_settings/0/patience", 2, ".callback_settings[0].patience", "callbacks"),
    (f"{FIT}/batch/0/shape/0", 16, ".batch[0].shape[0]", "fit"),
    (f"{DATA}/arguments/size", 4, "[0].arguments.size", "pipeline"),
    (f"{STAGE}/arguments/batch_size", 16, ".stages[0].arguments.batch_size", "pipeline"),
    (f"{STAGE}/function/digest", OTHER_DIGEST, ".stages[0].function.digest", "pipeline"),
]
"""Another value, the end of its JSONPath, and the kind of cause it belongs to."""

OF_CODE = [
    f"{MODEL}/code/Attention",
    f"{FIT}/callback_settings/0/class/digest",
    f"{DATA}/function/digest",
    f"{STAGE}/function/digest",
]


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, str]:
    """Return how two manifests differ in conditions, by path."""
    found = condition_differences(record(one), record(rerun(other)))
    return {item.path: item.state for item in found}


def full() -> dict[str, Any]:
    return changed(document(), dict(VALUES.items()))


@pytest.mark.parametrize("path", VALUES)
def test_a_field_that_one_release_did_not_record_is_a_gap_and_no_difference(path: str) -> None:
    without = changed(full(), {path: None})
    assert set(differences(without, full()).values()) == {"not recorded in expected"}
    assert set(differences(full(), without).values()) == {"not recorded in actual"}


@pytest.mark.parametrize(("path", "value", "end", "kind"), OTHERS)
def test_another_value_is_a_difference_of_its_kind(
    path: str, value: Any, end: str, kind: str
) -> None:
    ((found, state),) = differences(full(), changed(full(), {path: value})).items()
    assert (found.endswith(end), state) == (True, "changed")
    of_kind = kind_of(found)
    assert of_kind is not None
    assert of_kind.name == kind


@pytest.mark.parametrize("path", OF_CODE)
def test_code_of_two_releases_of_python_is_not_compared(path: str) -> None:
    python = "conditions/environment/python/version"
    changes = {path: OTHER_DIGEST}
    same = changed(full(), {python: "3.11.2", **changes})
    other = changed(full(), {python: "3.12.7", **changes})
    expected = changed(full(), {python: "3.11.9"})
    of_path = [
        [state for found, state in differences(expected, actual).items() if "version" not in found]
        for actual in (same, other)
    ]
    assert of_path == [["changed"], ["not recorded in actual"]]


def test_an_argument_that_was_seen_in_one_run_alone_is_a_gap_where_the_manifest_says_so() -> None:
    lacking = {
        "path": "$.conditions.training.models[0].compile",
        "reason": "the model was compiled before recording began",
    }
    unseen = changed(
        full(),
        {f"{MODEL}/compile/lambda_": None, "missing": [*document()["missing"], lacking]},
    )
    assert differences(full(), unseen) == {
        "$.conditions.training.models[0].compile.lambda_": "not recorded in actual"
    }
