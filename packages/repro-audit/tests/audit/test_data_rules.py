"""Rules about seeds, data and steps: near each run that does not repeat is one that does."""

import random

import pytest
from rule_cases import (
    CALLBACKS,
    DETERMINISM,
    FIRST_EPOCH,
    GENERATOR,
    NOT_SEEDED,
    SEEDS,
    UNRELATED,
    codes,
    drawn_by,
    draws,
    epochs,
    findings,
    given,
    racing,
    still,
)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("RA106", drawn_by(random.Random(7)) | NOT_SEEDED),
        ("RA107", {f"{SEEDS}/generators": [GENERATOR | {"entropy": None, "given": None}]}),
        ("RA107", given("tf.data", draws("numpy.random"))),
        ("RA206", racing("DenseBincount", jit=True)),
        ("RA206", racing()),
        ("RA206", {f"{DETERMINISM}/backend/models/0/racing_ops": None}),
        ("RA302", given("tf.data", {"deterministic": True}, {"deterministic": "default"})),
        ("RA302", given("tf.data", {"deterministic": False}, op_determinism=True)),
        ("RA303", given("tf.data", draws("RandomUniform") | {"num_parallel_calls": 1})),
        ("RA303", given("tf.data", draws("RandomUniform") | {"num_parallel_calls": None})),
        ("RA303", given("tf.data", draws("numpy.random.default_rng()", seeded=False))),
        ("RA303", given("tf.data", {"num_parallel_calls": -1})),
        ("RA304", epochs(3, shuffle=False)),
        ("RA304", epochs(3) | {f"{SEEDS}/backend/seed": None}),
        ("RA304", epochs(3) | {"conditions/environment/backend": "jax"}),
        ("RA304", epochs(3) | given("tf.data")),
        ("RA305", given("PyDataset", workers=8)),
        ("RA305", given("PyDataset", **draws("numpy.random.default_rng()"), workers=8)),
        ("RA305", given("generator", **draws("numpy.random", stateful=False))),
        ("RA306", {FIRST_EPOCH: 3} | still()),
        ("RA306", {FIRST_EPOCH: 3, f"{SEEDS}/layers": []}),
        ("RA306", {FIRST_EPOCH: 1, CALLBACKS: ["ModelCheckpoint"]}),
        ("RA306", {FIRST_EPOCH: None}),
        ("RA306", {CALLBACKS: ["BackupAndRestore"]} | still()),
        ("RA306", {CALLBACKS: ["EarlyStopping"]}),
    ],
)
def test_a_run_that_is_sound_has_no_finding_of_its_data(code, changes):
    assert code not in codes(changes)


@pytest.mark.parametrize(
    ("code", "changes", "said", "remedy"),
    [
        (
            "RA106",
            UNRELATED,
            "Dropout drew 3 seeds that are no draws of random.Random(812).",
            "Dropout(..., seed=1)",
        ),
        (
            "RA107",
            given("generator", **draws("numpy.random.default_rng()", seeded=False)),
            "calls numpy.random.default_rng()",
            "default_rng(812)",
        ),
        ("RA206", racing("SparseBincount"), "2 threads", "unsorted_segment_sum"),
        ("RA206", racing("ResourceScatterSub"), "ResourceScatterSub", "threads=1"),
        (
            "RA302",
            given("tf.data", {"op": "batch", "deterministic": False}),
            "The batch of the pipeline given as x to fit 1",
            "dataset.batch(..., deterministic=True)",
        ),
        ("RA303", given("tf.data", draws("RandomUniform")), "4 calls at once", "stateless"),
        (
            "RA303",
            given("tf.data", draws("keras.random.SeedGenerator") | {"num_parallel_calls": -1}),
            "several calls at once",
            "in the model",
        ),
        (
            "RA303",
            given(
                "tf.data",
                draws("numpy.random", stateful=False) | {"num_parallel_calls": None},
                op_determinism=True,
            ),
            "says that it does not",
            "without stateful=False",
        ),
        ("RA304", epochs(1, fits=2), "2 epochs", "shuffle(len(x))"),
        (
            "RA305",
            given("PyDataset", **draws("random"), use_multiprocessing=True),
            "4 workers (processes) and draws from random",
            "default_rng([812, index])",
        ),
        ("RA306", {FIRST_EPOCH: 3}, "began with epoch 3", "state.assign"),
        ("RA306", {CALLBACKS: ["BackupAndRestore"]}, "BackupAndRestore", "state.assign"),
    ],
)
def test_a_finding_of_data_says_what_was_seen_and_what_mends_it(code, changes, said, remedy):
    (finding,) = [finding for finding in findings(changes) if finding.code == code]
    assert said in finding.seen
    assert remedy in finding.remedy


def test_a_run_that_could_be_resumed_weighs_less_than_one_that_was():
    for changes, severity in (
        ({FIRST_EPOCH: 3}, "warning"),
        ({CALLBACKS: ["BackupAndRestore"]}, "info"),
    ):
        (finding,) = [item for item in findings(changes) if item.code == "RA306"]
        assert finding.severity == severity


def test_a_fit_that_goes_on_in_the_same_process_is_not_resumed():
    """Its generators stand where the fit before left them."""
    twice = epochs(1, fits=2, shuffle=False)
    second = twice["outcomes/fits"][0] | {"first_epoch": 3}
    assert "RA306" not in codes(twice | {"outcomes/fits": [twice["outcomes/fits"][0], second]})
    assert "RA306" in codes(twice | {"outcomes/fits": [second, second]})


def test_a_layer_of_a_run_that_did_not_end_counts_as_one_that_draws():
    assert "RA106" in codes(UNRELATED | still() | {"outcomes/final_state": [None]})
    assert "RA106" in codes(UNRELATED | still() | {"outcomes/initial_weights": []})
