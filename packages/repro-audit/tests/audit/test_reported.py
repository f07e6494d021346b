"""What a run reports of itself, to the last bit, sample and millisecond."""

import json
import struct

import pytest
from manifests import changed, clean, record
from rule_cases import FIRST_EPOCH, LOSS, STEPS, on_arrays

from repro_audit.audit import counted
from repro_audit.audit.reported import history_and_trace, possible_values, times
from repro_audit.trace.summary import EpochEnd, FitTrace

FORMATS = {"float16": "<e", "float32": "<f", "float64": "<d"}
HISTORY, DTYPES = "outcomes/fits/0/history", "outcomes/fits/0/dtypes"
STARTED, SECONDS = "2026-11-25T17:03:07+00:00", 1_795_626_187
DURATION, EPOCHS = "information/duration_s", "information/epoch_durations_s"


def found(rule, changes, *trace):
    """Return what a rule finds in a run that is changed, in words."""
    return [hit.text for hit in rule(record(changed(clean(), changes)), *trace)]


def word(dtype, value):
    return int.from_bytes(struct.pack(FORMATS[dtype], value), "little")


def ending(dtype, bits, *, name="loss", fit=0):
    """Return a trace whose first epoch ends with one metric."""
    return {fit: FitTrace(63, 1, {1: EpochEnd(63, {name: (dtype, bits)})})}


def two_fits(**second):
    """Return a run that fits its model twice, the second time with other arguments."""
    value = json.loads(json.dumps(clean()))
    training, outcomes = value["conditions"]["training"], value["outcomes"]
    for items in (training["fits"], outcomes["fits"]):
        items.append(json.loads(json.dumps(items[0])))
    training["fits"][1]["arguments"] |= second
    return value


# The history and the trace.


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_metric_has_the_bits_that_its_element_type_has(dtype):
    bits = word(dtype, 1.5)
    assert found(history_and_trace, {LOSS: [1.5]}, ending(dtype, bits)) == []
    (text,) = found(history_and_trace, {LOSS: [1.5]}, ending(dtype, bits + 1))
    assert text.startswith("Fit 1, epoch 1: loss is 1.5 in the history, and 1.5")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_a_word_holds_beside_the_value_does_not_count(dtype):
    bits = word(dtype, 1.5) + 2 ** (8 * struct.calcsize(FORMATS[dtype]))
    assert found(history_and_trace, {LOSS: [1.5]}, ending(dtype, bits)) == []


def test_of_another_element_type_nothing_is_said():
    assert found(history_and_trace, {LOSS: [1.5]}, ending("bfloat16", 1)) == []


def test_a_value_that_is_missing_is_none_of_the_trace():
    (text,) = found(history_and_trace, {LOSS: [None]}, ending("float32", word("float32", 1.5)))
    assert "loss is nothing in the history, and 1.5 after" in text


def test_a_fit_begins_at_its_first_epoch_where_nothing_else_is_said():
    trace = ending("float32", word("float32", 2.5))
    assert len(found(history_and_trace, {LOSS: [1.5], FIRST_EPOCH: None}, trace)) == 1


def test_a_metric_of_the_users_own_may_be_what_it_likes():
    own = {f"{HISTORY}/own": [1.5]}
    assert found(history_and_trace, own, ending("float32", 1, name="own")) == []


def test_a_fit_without_rows_does_not_hide_the_next():
    trace = ending("float32", 1, fit=1)
    assert len(list(history_and_trace(record(two_fits()), trace))) == 1


# What a metric can be.


def test_a_metric_of_the_users_own_does_not_hide_the_next():
    history = {"a": [7.0], "accuracy": [2.0]}
    changes = {HISTORY: history, DTYPES: dict.fromkeys(history, "float32")}
    (text,) = found(possible_values, changes)
    assert text == "accuracy is 2.0, and an accuracy lies within 0 to 1."


@pytest.mark.parametrize(("samples", "contradicts"), [(2**23 - 1, True), (2**23, False)])
def test_an_accuracy_is_a_share_of_the_samples_as_long_as_float32_tells_shares_apart(
    samples, contradicts
):
    (value,) = struct.unpack("<f", struct.pack("<f", 0.1 + 2**-27))
    share = round(value * samples) / samples
    assert value != struct.unpack("<f", struct.pack("<f", share))[0]
    changes = on_arrays() | {
        "conditions/data/train/samples": samples,
        f"{HISTORY}/accuracy": [value],
    }
    assert bool(found(possible_values, changes)) == contradicts


# Times.


@pytest.mark.parametrize(
    ("milliseconds", "contradicts"), [(-1, True), (0, False), (999, False), (1000, True)]
)
def test_a_run_begins_within_the_second_that_its_id_names(milliseconds, contradicts):
    begun = SECONDS * 1000 + milliseconds
    changes = {"information/started": STARTED, "run_id": f"{0:020x}{begun:012x}"}
    assert ("The run's id is not of the second" in " ".join(found(times, changes))) == contradicts


def test_epochs_may_take_as_long_as_the_run_as_both_are_rounded():
    assert found(times, {DURATION: 1.0, EPOCHS: [1.002]}) == []
    manifest = record(changed(clean(), {DURATION: 1.0, EPOCHS: [1.003]}))
    (hit,) = times(manifest)
    assert (hit.path, hit.text) == (
        "$.information.duration_s",
        "The epochs took longer than the whole run.",
    )


# Counts.


def test_a_fit_that_was_not_asked_for_a_number_of_epochs_does_not_hide_the_next():
    value = two_fits(epochs=0)
    value["conditions"]["training"]["fits"][0]["arguments"]["epochs"] = None
    (hit,) = counted.epochs(record(value))
    assert hit.text == "Fit 2 was asked for 0 epochs and has 1."


def test_steps_that_are_not_there_are_none():
    (text,) = found(counted.steps_of_data, on_arrays() | {STEPS: None})
    assert text.endswith("make 63 steps in 1 epoch; the fit has 0.")
    texts = found(counted.steps_and_rows, {STEPS: None}, ending("float32", 1))
    assert "Fit 1 has 0 steps, and the trace 63 rows of it." in texts
