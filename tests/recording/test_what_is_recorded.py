"""What a manifest holds is what Keras says of the same training, of which no bit changes."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

import repro_audit
from repro_audit.manifest import Manifest
from repro_audit.replay import drawn_seeds

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

CASES = re.findall(
    r"^@case\ndef (\w+)",
    (Path(__file__).parent / "scripts/observed_cases.py").read_text(encoding="utf-8"),
    re.MULTILINE,
)
PUBLISHED = {
    "RandomNormal": 0.000790853810030967,
    "TruncatedNormal": 0.000790853810030967,
    "RandomUniform": -0.02175668440759182,
    "VarianceScaling": 0.017981600016355515,
    "GlorotNormal": 0.017981600016355515,
    "LecunNormal": 0.017981600016355515,
    "GlorotUniform": -0.7536736726760864,
    "LecunUniform": -0.7536736726760864,
    "HeNormal": 0.025429822504520416,
    "HeUniform": -1.065855622291565,
    "Orthogonal": 1.0,
}
WITH_FIT = [
    "functional",
    "sequential_unbuilt",
    "sequential_unbuilt_eager",
    "subclassed_train_step",
    "recurrent_dropout",
    "mixed_float16",
    "generator_input",
    "pydataset_input",
    "dataset_input",
    "steps_per_execution",
    "jit_compile",
    "two_fits_and_evaluate_between",
    "evaluate_inside_fit",
    "weighted",
    "early_stopping",
    "callback_list",
    "k_folds",
]


@pytest.fixture(scope="module")
def observed(
    start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any, Path]:
    """Train every case of ``observed_cases.py`` bare and recorded; return both and a folder."""
    folder = tmp_path_factory.mktemp("observed")
    ends = [start("observed_cases.py", mode, cwd=folder) for mode in ("bare", "recorded")]
    bare, recorded = map(said, ends)
    return bare, recorded, folder


def manifest(observed: Any, case: str) -> Manifest:
    return repro_audit.load(observed[2] / f"{case}.json")


def paths(read: Manifest) -> dict[str, str]:
    return {item.path: item.reason for item in read.missing}


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_run_ends_in_the_bits_of_the_bare_run(observed: Any, case: str) -> None:
    """Weights, optimizer slots and every shared generator are the same with and without."""
    bare, recorded, _ = observed
    assert recorded[case]["digest"] == bare[case]["digest"]


@pytest.mark.parametrize("case", ["sequential_unbuilt", "hand_written_loop"])
def test_a_recorder_that_drew_once_would_be_seen(observed: Any, case: str) -> None:
    """The negative: one random.random() before the model changes the digest."""
    bare, _, _ = observed
    assert bare[f"{case} after a draw"]["digest"] != bare[case]["digest"]


@pytest.mark.parametrize("case", CASES)
def test_recording_gives_no_warning(observed: Any, case: str) -> None:
    """Nothing failed inside the recorder."""
    assert observed[1][case]["warnings"] == []


def test_a_callback_list_of_the_user_is_left_as_it_was(observed: Any) -> None:
    """The recorder's callback is taken out of a CallbackList again."""
    assert observed[1]["callback_list"]["list_kept"] is True


@pytest.mark.parametrize("case", [*WITH_FIT, "hand_written_loop"])
def test_a_complete_recording_holds_a_trace_as_evidence(observed: Any, case: str) -> None:
    """Every epoch's state and the final one were read, and every step."""
    read = manifest(observed, case)
    assert (read.status, read.evidence) == ("complete", "trace")


@pytest.mark.parametrize("case", [*WITH_FIT, "hand_written_loop"])
def test_the_history_is_that_of_keras_to_the_last_bit(observed: Any, case: str) -> None:
    """Equal names in equal order and floats with equal repr, val_ metrics among them."""
    recorded = [
        {name: [repr(value) for value in values] for name, values in fit.history.items()}
        for fit in manifest(observed, case).outcomes.fits
    ]
    expected = [
        {name: [repr(value) for value in values] for name, values in history.items()}
        for history in observed[1][case]["histories"]
    ]
    assert recorded == expected
    epochs = [len(fit.epochs) for fit in manifest(observed, case).outcomes.fits]
    assert epochs == [len(next(iter(history.values()))) for history in expected]


def test_validation_metrics_are_in_the_history(observed: Any) -> None:
    """A fit with validation_data has val_ metrics, one without has none."""
    first, second = manifest(observed, "two_fits_and_evaluate_between").outcomes.fits
    assert {"val_loss", "val_accuracy"} <= set(first.history)
    assert not [name for name in second.history if name.startswith("val_")]


@pytest.mark.parametrize("case", ["hand_written_loop", *WITH_FIT])
def test_steps_are_the_iterations_of_the_optimizer(observed: Any, case: str) -> None:
    """Also with a partial last batch, and with four steps in one execution."""
    fits = manifest(observed, case).outcomes.fits
    iterations = observed[1][case]["iterations"]
    models = range(len(iterations))
    assert [sum(fit.steps or 0 for fit in fits if fit.model == model) for model in models] == (
        iterations
    )


def test_steps_are_counted_in_each_fit(observed: Any) -> None:
    """Two epochs of 70 in batches of 16; 64 in batches of 10; 90 in batches of 16, 4 at once."""
    assert [fit.steps for fit in manifest(observed, "functional").outcomes.fits] == [10]
    two = manifest(observed, "two_fits_and_evaluate_between").outcomes.fits
    assert [fit.steps for fit in two] == [8, 7]
    assert [fit.steps for fit in manifest(observed, "steps_per_execution").outcomes.fits] == [12]


def test_an_evaluation_outside_fit_is_recorded_once_and_in_order(observed: Any) -> None:
    """Two evaluations, after one fit and after two, with Keras's own results."""
    evaluations = manifest(observed, "two_fits_and_evaluate_between").outcomes.evaluations
    assert [item.after_fits for item in evaluations] == [1, 2]
    expected = observed[1]["two_fits_and_evaluate_between"]["evaluations"]
    assert [item.results for item in evaluations] == expected
    assert expected[0] != expected[1]


def test_an_evaluation_inside_fit_is_not_recorded_again(observed: Any) -> None:
    """Neither the validation of a fit nor a callback's own evaluate is an evaluation."""
    assert manifest(observed, "functional").outcomes.evaluations == ()
    assert manifest(observed, "evaluate_inside_fit").outcomes.evaluations == ()


def test_models_and_fits_are_in_order(observed: Any) -> None:
    """Two folds: two models, each with its own fit, evaluation, weights and state."""
    outcomes = manifest(observed, "k_folds").outcomes
    assert [(fit.model, len(fit.epochs)) for fit in outcomes.fits] == [(0, 1), (1, 2)]
    assert [(item.model, item.after_fits) for item in outcomes.evaluations] == [(0, 1), (1, 2)]
    assert len(outcomes.initial_weights) == len(outcomes.final_state) == 2
    assert outcomes.initial_weights[0] != outcomes.initial_weights[1]
    assert None not in outcomes.final_state, "a model that is gone was read when its fit ended"


@pytest.mark.parametrize("case", ["functional", "sequential_unbuilt", "subclassed_train_step"])
def test_initial_weights_are_those_before_the_first_step(observed: Any, case: str) -> None:
    """Built or not, they are read, and training has not touched them."""
    outcomes = manifest(observed, case).outcomes
    initial, final = outcomes.initial_weights[0], outcomes.final_state[0]
    assert initial is not None
    assert final is not None
    biases = [(at, tensor) for at, tensor in enumerate(initial) if tensor.role == "bias"]
    kernels = [(at, tensor) for at, tensor in enumerate(initial) if tensor.role == "kernel"]
    assert len(kernels) == len(biases) == 2
    assert all(final[at].digest != tensor.digest for at, tensor in [*kernels, *biases])


def test_an_unbuilt_model_is_read_as_its_built_twin(observed: Any) -> None:
    """The weights read between trace and step are the ones a built model starts with."""
    built = manifest(observed, "names_first").outcomes.initial_weights
    assert manifest(observed, "sequential_unbuilt").outcomes.initial_weights == built
    assert manifest(observed, "names_other_seed").outcomes.initial_weights != built


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("sequential_unbuilt_eager", "was not built before its first step"),
        ("loop_never_watched", "run.watch(model) was not called"),
    ],
)
def test_initial_weights_that_could_not_be_read_say_why(
    observed: Any, case: str, reason: str
) -> None:
    """Never a guess: no digest, and a reason that names the remedy."""
    read = manifest(observed, case)
    assert read.outcomes.digests.initial_weights is None
    assert read.outcomes.initial_weights == (None,)
    assert reason in paths(read)["$.outcomes.initial_weights[0]"]
    assert "$.outcomes.initial_weights[0]" not in paths(manifest(observed, "functional"))


def test_start_and_stop_record_what_with_records(observed: Any) -> None:
    """Equal outcomes and conditions, whichever way the recording was opened.

    But that the later one cannot know what was loaded before it.
    """
    by_start, by_with = manifest(observed, "functional"), manifest(observed, "functional-with")
    assert by_start.outcomes == by_with.outcomes
    known, unknown = by_start.conditions, by_with.conditions
    assert (known.initializers.restored, unknown.initializers.restored) == (False, None)
    initializers = unknown.initializers._replace(restored=False)
    assert known == unknown._replace(initializers=initializers)
    assert by_start.run_id != by_with.run_id


def test_the_built_in_initializers_give_the_published_values(observed: Any) -> None:
    """The table of the Keras example (2023), to the last bit."""
    read = manifest(observed, "functional").conditions.initializers
    assert read is not None
    sampled = {item.initializer: item.values for item in read.builtin if item.shape == (1, 1)}
    assert sampled == {name: (value,) for name, value in PUBLISHED.items()}


def test_drawn_seeds_are_the_first_draws_of_the_declared_seed(observed: Any) -> None:
    """Two kernels and a dropout draw three, in no other stream."""
    drawn = drawn_seeds(manifest(observed, "functional"))
    for seed, expected in ((31, True), (32, False)):
        stream = random.Random(seed)
        assert ({stream.randint(1, 10**9) for _ in range(3)} == set(drawn)) is expected


@pytest.mark.parametrize(
    ("case", "jit"),
    [("functional", ("auto", False)), ("weighted", (False, False)), ("jit_compile", (True, True))],
)
def test_jit_is_recorded_as_requested_and_in_force(observed: Any, case: str, jit: Any) -> None:
    """Keras's "auto" is seen as such, beside what came of it."""
    determinism = manifest(observed, case).conditions.determinism
    assert determinism is not None
    assert [(item.jit_requested, item.jit) for item in determinism.execution] == [jit]


def test_how_steps_are_executed_is_recorded(observed: Any) -> None:
    """Eager steps, several steps at once and mixed precision are read back."""
    eager, several, mixed = (
        manifest(observed, case).conditions.determinism.execution[0]  # type: ignore[union-attr]
        for case in ("sequential_unbuilt_eager", "steps_per_execution", "mixed_float16")
    )
    assert (eager.eager, several.eager) == (True, False)
    assert (eager.steps_per_execution, several.steps_per_execution) == (1, 4)
    assert (eager.dtype_policy, mixed.dtype_policy) == ("float32", "mixed_float16")


def test_a_dataset_that_may_be_reordered_is_seen(observed: Any) -> None:
    """deterministic=False is recorded; a fit on arrays has no such option."""
    for case, expected in (
        ("dataset_input", [("x", "tf.data", False)]),
        ("functional", [("x", "arrays", None)]),
    ):
        determinism = manifest(observed, case).conditions.determinism
        assert determinism is not None
        options = [(item.argument, item.kind, item.deterministic) for item in determinism.datasets]
        assert options == expected


def test_callbacks_are_the_users(observed: Any) -> None:
    """The recorder does not name its own."""
    for case, expected in (("early_stopping", ("EarlyStopping",)), ("functional", ())):
        training = manifest(observed, case).conditions.training
        assert training is not None
        assert training.fits[0].callbacks == expected


def test_data_is_recorded_where_it_was_given(observed: Any) -> None:
    """By run.data, or to a fit; what would move if it were read is missing, with the reason."""
    given = manifest(observed, "functional").conditions.data
    assert given is not None
    assert given["train"].samples == 70
    seen = manifest(observed, "weighted").conditions.data
    assert seen is not None
    assert [len(item.arrays) for item in seen.values()] == [2, 3], "with sample weights at last"
    assert all(item.of_call for item in seen.values())
    absent = manifest(observed, "generator_input")
    assert absent.conditions.data is None
    assert "reading it would move it" in paths(absent)["$.conditions.data"]


def test_names_are_labels(observed: Any) -> None:
    """A model built after another has other names and equal outcomes; another seed has not."""
    first, second, other = (
        manifest(observed, case) for case in ("names_first", "names_second", "names_other_seed")
    )
    assert first.information.labels != second.information.labels
    assert first.outcomes == second.outcomes
    assert first.conditions.training == second.conditions.training
    assert first.outcomes.digests.final_state != other.outcomes.digests.final_state
    assert repro_audit.compare(first, second).verdict == "identical"
    assert repro_audit.compare(first, other).verdict == "divergent"


def test_no_run_contradicts_itself(observed: Any, contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    assert contradicted("observed_cases.py", observed[2].glob("*.json")) == []
