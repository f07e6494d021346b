"""What stands in a trace, however a recording begins, goes on or ends; and no bit changes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import repro_audit
from repro_audit.trace import Probe, Rows, Trace, find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(3)]

SCRIPT = (Path(__file__).parent / "scripts/recording_cases.py").read_text(encoding="utf-8")
CASES = re.findall(r"^@case\ndef (\w+)", SCRIPT, re.MULTILINE)
FULL = ["full_in_the_first_epoch", "full_in_the_second_fit"]
WARNED = [*FULL, "no_dtype_of_a_trace"]


@pytest.fixture(scope="module")
def ran(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run every case bare and recorded; return what both said, and the folder."""
    folder = tmp_path_factory.mktemp("ran")
    ends = [start("recording_cases.py", mode, cwd=folder) for mode in ("bare", "recorded")]
    bare, recorded = map(said, ends)
    return bare, recorded, folder


def manifest(ran: Any, name: str) -> Any:
    return repro_audit.load(ran[2] / f"{name}.json")


def trace(ran: Any, name: str) -> Trace:
    found = find_trace(ran[2] / f"{name}.json", manifest(ran, name))
    assert found is not None
    return found


def rows(ran: Any, name: str) -> list[tuple[Any, int, int, int, list[int]]]:
    """Return block, fit, epoch, step and words of every row."""
    return [
        (part.block, place >> 32, place & 0xFFFFFFFF, step, words)
        for part in trace(ran, name).parts()
        if isinstance(part, Rows)
        for _, place, step, *words in part.words.tolist()
    ]


def steps(ran: Any, name: str) -> list[tuple[int, int, list[int]]]:
    """Return fit, epoch and the steps that have a row, in the order of the file."""
    found: dict[tuple[int, int], list[int]] = {}
    for _, fit, epoch, step, _ in rows(ran, name):
        found.setdefault((fit, epoch), []).append(step)
    return [(fit, epoch, each) for (fit, epoch), each in found.items()]


def reasons(ran: Any, name: str) -> dict[str, str]:
    return {item.path: item.reason for item in manifest(ran, name).missing}


# No bit changes


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_run_ends_in_the_bits_of_the_bare_one(ran: Any, case: str) -> None:
    bare, recorded, _ = ran
    assert recorded[case]["digest"] == bare[case]["digest"]


@pytest.mark.parametrize("case", [case for case in CASES if case not in WARNED])
def test_nothing_fails_inside_the_recorder(ran: Any, case: str) -> None:
    assert ran[1][case]["warnings"] == []


def test_tracing_a_step_once_more_would_change_bits(ran: Any) -> None:
    """The negative: a stateful random operation begins anew, so no recorder may cause it."""
    bare, _, _ = ran
    assert bare["traced_anew"]["digest"] != bare["recorded_twice_and_then_bare"]["digest"]


# What a row holds


def test_each_word_is_what_keras_tells_of_that_step(ran: Any) -> None:
    """Batch, loss, metrics, generators, weights and slots, each by an independent reading."""
    told = ran[1]["told_by_keras"]["told"]
    found = rows(ran, "told_by_keras")
    assert len(found) == len(told) == 10
    for (block, _, _, _, words), expected in zip(found, told, strict=True):
        state = {}
        for column, word in zip(block.columns, words, strict=True):
            if column.position is None:
                assert word == expected[column.role], column
            else:
                state[column.position] = word
        assert [state[position] for position in sorted(state)] == expected["state"]
    kinds = [column.kind for column in found[0][0].columns]
    order = ("batch", "random", "loss", "weight", "optimizer")
    assert kinds == sorted(kinds, key=order.index)
    assert Counter(kinds) == {"batch": 3, "random": 1, "loss": 2, "weight": 4, "optimizer": 6}


def test_a_last_partial_batch_and_changing_lengths_share_one_block(ran: Any) -> None:
    for name in ("told_by_keras", "growing-eager=False", "growing-eager=True"):
        assert len({block.number for block, *_ in rows(ran, name)}) == 1


def test_a_dictionary_of_batches_has_a_column_each_even_where_empty(ran: Any) -> None:
    block = rows(ran, "odd_batches")[0][0]
    batch = [(column.role, column.shape) for column in block.columns if column.kind == "batch"]
    assert len(batch) == 3
    assert any("nothing" in role and shape[-1] == 0 for role, shape in batch)


def test_sample_weights_of_a_pydataset_with_workers_are_columns(ran: Any) -> None:
    roles = [column.role for column in rows(ran, "workers")[0][0].columns if column.kind == "batch"]
    assert roles == ["x", "y", "sample_weight"]


@pytest.mark.parametrize(("name", "losses"), [("flat_logs", 2), ("deep_logs", 1)])
def test_a_train_step_may_return_what_it_likes(ran: Any, name: str, losses: int) -> None:
    found = rows(ran, name)
    assert len(found) == 5
    assert sum(column.kind == "loss" for column in found[0][0].columns) == losses


def test_an_optimizer_that_compile_did_not_get_is_part_of_the_state(ran: Any) -> None:
    """Keras tracks it as an attribute; TensorFlow's own generator is no variable of the model."""
    columns = rows(ran, "own_optimizer_and_generator")[0][0].columns
    assert len([column for column in columns if column.kind == "weight"]) >= 4


@pytest.mark.parametrize("time", ["first", "second"])
@pytest.mark.parametrize("built", ["later", "before"])
def test_every_optimizer_of_a_model_is_recorded_whenever_it_and_the_step_were_made(
    ran: Any, built: str, time: str
) -> None:
    """Each of two networks within it has one; the second recording finds the step of the first."""
    name = f"two_optimizers-{built}-{time}"
    found = rows(ran, name)
    columns = [column for column in found[0][0].columns if column.kind == "optimizer"]
    assert (len(found), len(columns)) == (5, 8)
    assert {column.layer for column in columns} == {"SGD", "Adagrad"}
    # Whether both count as conditions, and whether the bits that they end with are evidence.
    [model] = manifest(ran, name).conditions.training.models
    assert [item["class_name"] for item in model.optimizers] == ["SGD", "Adagrad"]
    [final] = manifest(ran, name).outcomes.final_state
    assert [item.layer for item in final[4:]] == [column.layer for column in columns]


def test_the_state_that_a_loop_ends_with_is_also_its_optimizers(ran: Any) -> None:
    """Though a script that records itself ends the recording before the end is read."""
    [final] = manifest(ran, "loop_that_tells").outcomes.final_state
    [labels] = manifest(ran, "loop_that_tells").information.labels
    columns = [column for column in rows(ran, "loop_that_tells")[0][0].columns if column.layer]
    assert [(item.layer, item.role) for item in final] == [
        (column.layer, column.role) for column in columns
    ]
    assert (len(final), len(labels)) == (6, 6)


# Which steps have a row


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("saved", [(0, 1, [1, 2, 3, 4, 5]), (0, 2, [1, 2, 3, 4, 5])]),
        ("loaded", [(0, 3, [1, 2, 3, 4, 5]), (0, 4, [1, 2, 3, 4, 5])]),  # initial_epoch=2
        ("unrolled", [(0, 1, [1, 2, 3, 4, 5, 6])]),
        ("functions_run_eagerly", [(0, 1, [1, 2, 3, 4, 5])]),
        ("compiled_anew_inside", [(fit, 1, [1, 2, 3, 4, 5]) for fit in range(3)]),
        ("recorded_twice", [(0, 1, [1, 2, 3, 4, 5])]),
        ("one_replica", [(0, 1, [1, 2, 3, 4, 5])]),
        ("growing-eager=True", [(0, 1, [1, 2, 3, 4, 5, 6])]),
        ("setting-step", [(0, epoch, list(range(1, 11))) for epoch in (1, 2)]),
        ("setting-3", [(0, epoch, [1, 4, 7, 10]) for epoch in (1, 2)]),
        ("setting-1000", [(0, 1, [1]), (0, 2, [1])]),
        ("setting-epoch", [(0, 1, [10]), (0, 2, [10])]),
        # Keras runs whole executions: 8 steps where 6 were asked for.
        (
            "executions_across_the_end_of_an_epoch",
            [(0, epoch, list(range(1, 9))) for epoch in (1, 2)],
        ),
        # Stopped after three batches, raised in the third, and whole.
        ("stopped_and_raised", [(0, 1, [1, 2, 3]), (1, 1, [1, 2, 3]), (2, 1, [1, 2, 3, 4, 5])]),
    ],
)
def test_the_steps_of_a_run_are_its_rows(ran: Any, name: str, expected: Any) -> None:
    assert steps(ran, name) == expected


def test_train_on_batch_in_a_callback_is_a_step_like_any_other(ran: Any) -> None:
    """And another model's fit within it is a fit of its own, with its own rows."""
    found = [block.model for block, *_ in rows(ran, "others_trained_in_a_callback")]
    assert (found.count(0), found.count(1)) == (12, 6)
    fits = manifest(ran, "others_trained_in_a_callback").outcomes.fits
    assert [(fit.model, fit.steps) for fit in fits] == [(0, 10), (1, 3), (1, 3)]


def test_probes_stand_after_1_2_4_8_and_at_the_end_of_each_epoch(ran: Any) -> None:
    probes = [
        (part.epoch, part.step)
        for part in trace(ran, "setting-step").parts()
        if isinstance(part, Probe)
    ]
    assert probes == [(1, 1), (1, 2), (1, 4), (1, 8), (1, 10), (2, 6), (2, 10)]


def test_no_trace_is_left_where_none_was_asked_for(ran: Any) -> None:
    assert not (ran[2] / "setting-None.trace").exists()
    assert manifest(ran, "setting-None").evidence == "weights"


# What cannot be traced says so


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("trained_before", "trained before recording began"),
        ("compiled_anew_outside", "trained before recording began"),
        ("own_train_function", "makes its own train function"),
    ],
)
def test_steps_that_cannot_be_seen_are_not_evidence_and_the_manifest_says_why(
    ran: Any, name: str, reason: str
) -> None:
    assert reason in reasons(ran, name)["$.outcomes.fits[0].trace"]
    assert manifest(ran, name).evidence == "weights"


def test_epochs_of_a_model_trained_before_can_be_traced(ran: Any) -> None:
    assert manifest(ran, "trained_before_and_only_epochs").evidence == "trace"


@pytest.mark.parametrize("case", FULL)
def test_a_full_disk_costs_the_trace_and_nothing_else(ran: Any, case: str) -> None:
    """One warning, no half trace beside a whole manifest, and the reason in it."""
    said = ran[1][case]
    assert (said["was_full"], said["left"], len(said["warnings"])) == (True, False, 1)
    assert "No space left on device" in reasons(ran, case)["$.outcomes.digests.trace"]
    assert manifest(ran, case).evidence == "weights"


@pytest.mark.parametrize("eager", [False, True])
def test_what_a_trace_cannot_hold_costs_the_trace_and_not_the_training(
    ran: Any, eager: bool
) -> None:
    """A step whose batch is of quantized integers."""
    name = f"no_dtype-eager={eager}"
    assert "qint8" in reasons(ran, name)["$.outcomes.digests.trace"]
    assert (manifest(ran, name).evidence, manifest(ran, name).steps) == ("weights", 5)
    assert len(ran[1]["no_dtype_of_a_trace"]["warnings"]) == 2


def test_a_recorded_model_is_given_back_to_the_collector(ran: Any) -> None:
    assert ran[1]["given_back"]["gone"] is True


def test_no_run_contradicts_itself(ran: Any, contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    assert contradicted("recording_cases.py", ran[2].glob("*.json")) == []
