"""Evidence that contradicts itself, and what is near it and does not.

A false alarm here makes a good run inconclusive: each check is silent where anything of the user's
own, or anything that was not recorded, may explain what it sees.
"""

import struct

import pytest
from rule_cases import (
    ARGUMENTS,
    CALLBACKS,
    DATASETS,
    DETERMINISM,
    FIRST_EPOCH,
    LOSS,
    RESTORED,
    ROWS,
    STEPS,
    TRAIN,
    missing,
    on_arrays,
    seen_by,
)

DIGEST = "sha256:" + "1" * 64
DATA_KIND = f"{DETERMINISM}/datasets/0/kind"
EXECUTION = f"{DETERMINISM}/execution/0"
TWO_AT_A_TIME = {f"{EXECUTION}/steps_per_execution": 2}
HISTORY = "outcomes/fits/0/history"
DTYPES = "outcomes/fits/0/dtypes"
RESULTS = "outcomes/evaluations/0/results"
MODEL = "conditions/training/models/0"
STARTED, UPDATED, DURATION = (
    f"information/{name}" for name in ("started", "updated", "duration_s")
)


def asked(epochs, initial=0):
    return {f"{ARGUMENTS}/epochs": epochs, f"{ARGUMENTS}/initial_epoch": initial}


def ended(epochs):
    return {f"outcomes/fits/0/{name}": [DIGEST] * epochs for name in ("epochs", "trace")}


def contradicted_and_sound(code, contradicted, sound):
    """Return a rule with each change, and whether it must find something then."""
    return [(code, changes, changes in contradicted) for changes in (*contradicted, *sound)]


EPOCHS = contradicted_and_sound(
    "RA609",
    [
        asked(6, 4),
        asked(1, 3),
        asked(1) | ended(2) | {CALLBACKS: ["EarlyStopping"]},
        asked(1) | ended(2) | {DATA_KIND: "PyDataset"},
    ],
    [
        asked(5, 4),
        asked(None),
        asked(2, None),
        asked(epochs=True) | ended(3),
        asked(-1),
        asked(2, -1),
        asked(50) | {DATA_KIND: "PyDataset"},
        asked(50) | {DATASETS: []},
        asked(50) | {"outcomes/fits/0/ended": False},
    ],
)

# 4,000 samples, 64 at a time, are 63 steps.
STEPS_OF_DATA = contradicted_and_sound(
    "RA610",
    [
        on_arrays() | {STEPS: 62},
        on_arrays() | {STEPS: None},
        on_arrays() | ended(2),
        on_arrays() | {f"{ARGUMENTS}/batch_size": None},
        on_arrays() | {STEPS: 64, CALLBACKS: ["EarlyStopping"]},
    ],
    [
        on_arrays(),
        on_arrays() | ended(2) | {STEPS: 126},
        on_arrays() | {STEPS: 125, f"{ARGUMENTS}/batch_size": None},
        on_arrays() | {STEPS: 64} | TWO_AT_A_TIME,
        on_arrays() | {STEPS: 64, f"{TRAIN}/of_call": False},
        on_arrays() | {STEPS: 64, f"{TRAIN}/samples": None},
        on_arrays() | {STEPS: 64, f"{ARGUMENTS}/validation_split": 0.2},
        on_arrays() | {STEPS: 64, f"{ARGUMENTS}/batch_size": "64"},
        on_arrays() | {STEPS: 64, DATA_KIND: "tf.data"},
        on_arrays() | {STEPS: 64, DATASETS: []},
        on_arrays() | {STEPS: 64, CALLBACKS: ["TerminateOnNaN"]},
        on_arrays() | {STEPS: 64, "conditions/data": None},
    ],
)

STEPS_AND_ROWS = contradicted_and_sound(
    "RA611",
    [{STEPS: 62}, {STEPS: None}, {ROWS: 62}],
    [
        {STEPS: 62} | TWO_AT_A_TIME,
        {ROWS: 62, "trace": None},
        {ROWS: 62, "trace/strides": [2]},
        {ROWS: 62, "trace/strides": [1, 2]},
        {ROWS: 62, "outcomes/fits/0/trace": [None]},
        {ROWS: 62, "outcomes/fits/0/trace": []},
        {ROWS: 62, CALLBACKS: ["Own"]},
    ],
)

# The optimizer has counted 63 updates. It may have counted more: of a fit before this one.
STEPS_AND_UPDATES = contradicted_and_sound(
    "RA612",
    [{STEPS: 64, f"{MODEL}/optimizer/module": "keras.optimizers.adam"}],
    [
        {STEPS: 63},
        {STEPS: 62},
        {STEPS: None},
        {STEPS: 64} | TWO_AT_A_TIME,
        {STEPS: 64, RESTORED: True},
        {STEPS: 64, RESTORED: None},
        {STEPS: 64, f"{MODEL}/more_optimizers": [{}]},
        {STEPS: 64, f"{MODEL}/optimizer/module": "own"},
    ],
)

HISTORY_AND_TRACE = contradicted_and_sound(
    "RA613",
    [{LOSS: [None]}, {LOSS: ["NaN"]}, {f"{HISTORY}/accuracy": [0.25]}],
    [
        {LOSS: []},
        {LOSS: [0.5], FIRST_EPOCH: 2},
        {LOSS: [0.5], f"{EXECUTION}/jit": True},
        {f"{HISTORY}/val_loss": [0.25]},
    ],
)

VALUES = contradicted_and_sound(
    "RA614",
    [
        {f"{HISTORY}/val_accuracy": [-0.5]},
        {f"{HISTORY}/val_accuracy": [0.1]},  # no float32 is
        {LOSS: [0.1]},
        {f"{HISTORY}/val_loss": [1e300]},
        {f"{RESULTS}/accuracy": 1.5},
        {f"{RESULTS}/accuracy": 0.1},
    ],
    [
        {f"{HISTORY}/val_accuracy": [0.0]},
        {f"{HISTORY}/val_accuracy": ["NaN"]},
        {f"{HISTORY}/val_accuracy": [None]},
        {f"{HISTORY}/val_loss": [7.5]},
        {f"{HISTORY}/val_loss": [-7.5]},
        {f"{HISTORY}/val_loss": [0.1], f"{DTYPES}/val_loss": "float64"},
        {f"{HISTORY}/val_loss": [0.1], f"{DTYPES}/val_loss": "bfloat16"},
        {f"{HISTORY}/val_loss": [0.1], DTYPES: {}},
        {f"{HISTORY}/own": [7.1]},
        {f"{RESULTS}/own": 1.5},
        {f"{RESULTS}/loss": "Infinity"},
        {f"{RESULTS}/accuracy": 1.5, "outcomes/evaluations/0/model": 1},
    ],
)


def accuracy(correct):
    """Return the change by which so many of 4,000 samples were classified correctly."""
    return {f"{HISTORY}/accuracy": list(struct.unpack("<f", struct.pack("<f", correct / 4000)))}


LABELS = f"{TRAIN}/arrays/1/shape"
HALF_A_SAMPLE = on_arrays() | accuracy(548.5)
SHARES = contradicted_and_sound(
    "RA614",
    [HALF_A_SAMPLE, HALF_A_SAMPLE | {LABELS: [4000, 1]}],
    [
        on_arrays() | accuracy(548),
        on_arrays() | accuracy(549),
        accuracy(548.5),
        HALF_A_SAMPLE | {f"{TRAIN}/of_call": False},
        HALF_A_SAMPLE | {f"{TRAIN}/samples": None},
        HALF_A_SAMPLE | {"conditions/data": None},
        HALF_A_SAMPLE | {LABELS: [4000, 10]},
        HALF_A_SAMPLE | {f"{ARGUMENTS}/class_weight": {"0": 1}},
        HALF_A_SAMPLE | {f"{ARGUMENTS}/sample_weight": "ndarray"},
        HALF_A_SAMPLE | {f"{ARGUMENTS}/validation_split": 0.5},
        HALF_A_SAMPLE | {f"{ARGUMENTS}/steps_per_epoch": 3},
        HALF_A_SAMPLE | {DATA_KIND: "tf.data"},
        HALF_A_SAMPLE | {CALLBACKS: ["History"]},
        HALF_A_SAMPLE | {f"{DTYPES}/accuracy": "float64"},
    ],
)

# The run began at 00:22:57 by its id, and its epochs took 2.591 s.
TIMES = contradicted_and_sound(
    "RA615",
    [
        {STARTED: "2026-11-27T00:22:56+00:00"},
        {STARTED: "2026-11-27T00:22:58+00:00"},
        {UPDATED: "2026-11-26T23:22:56+00:00"},
        {DURATION: 2.588},
        {"run_id": "0" * 32},
    ],
    [
        {STARTED: "2026-11-27T00:22:57"},
        {STARTED: "soon"},
        {STARTED: None},
        {STARTED: "2026-11-27T00:22:58+00:00"} | missing("$.run_id"),
        {UPDATED: "2026-11-26T23:22:57+00:00"},  # a clock may be set back by an hour
        {UPDATED: None},
        {DURATION: 2.59},
        {DURATION: None},
        {DURATION: 2.5, "status": "running"},
    ],
)


@pytest.mark.parametrize(
    ("code", "changes", "contradicts"),
    [
        *EPOCHS,
        *STEPS_OF_DATA,
        *STEPS_AND_ROWS,
        *STEPS_AND_UPDATES,
        *HISTORY_AND_TRACE,
        *VALUES,
        *SHARES,
        *TIMES,
    ],
)
def test_a_contradiction_is_found_and_what_may_be_otherwise_is_none(code, changes, contradicts):
    assert bool(seen_by(code, changes)) == contradicts
