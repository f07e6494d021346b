"""What a condition is called in the title of a cause."""

import pytest
from manifests import changed, document, record, rerun, value_at

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.condition_names import change_of, condition_name

BASE = record(document())
DROPOUT = {"class_name": "Dropout", "config": {"name": "<2>", "rate": 0.5}}
NET = {"class_name": "Sequential", "config": {"layers": [DROPOUT, DROPOUT]}}
STAGE = {
    "op": "Batch",
    "num_parallel_calls": None,
    "deterministic": None,
    "buffer_size": None,
    "seed": None,
    "reshuffle_each_iteration": None,
    "random": [],
}


def with_layers():
    model = value_at(document(), "conditions/training/models/0")
    (dataset, *_) = value_at(document(), "conditions/determinism/datasets")
    return record(
        changed(
            document(),
            {
                "conditions/training/models": [model, {**model, "config": NET}],
                "conditions/determinism/datasets": [{**dataset, "fit": 1, "stages": [STAGE]}],
                "conditions/training/fits/0/callbacks": ["EarlyStopping"],
            },
        )
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (
            "training.models[1].config.config.layers[1].config.rate",
            "Dropout (layer 1 of model 2) rate",
        ),
        ("training.models[0].config.config.layers[99].config.rate", "layer 99 rate"),
        ("training.models[0].optimizer.config.learning_rate", "learning_rate"),
        ("training.models[1].more_optimizers[0].config.beta_1", "beta_1 (model 2)"),
        ("training.models[0].compile.loss_weights", "loss_weights"),
        ("training.models[0].code.Scaled", "Scaled"),
        ("training.models[0].loss", "loss"),
        ("training.fits[0].arguments.batch_size", "batch_size"),
        ("training.fits[2].arguments.class_weight", "class_weight (fit 3)"),
        ("training.fits[0].callback_settings[0].patience", "EarlyStopping patience"),
        ("training.fits[0].callbacks[3]", "callback 3"),
        ("determinism.datasets[0].stages[0].arguments.batch_size", "Batch batch_size (fit 2)"),
        ("determinism.datasets[0].stages[7].seed", "stage 7 seed (fit 2)"),
        ("determinism.datasets[0].workers", "workers"),
        ("read.files['data/train.csv'].digest", "data/train.csv"),
        ("read.variables.WIDTH", "WIDTH"),
        ("packages.distributions['ml-dtypes'].version", "ml-dtypes version"),
        ("code.argv[2]", "code argv 2"),
    ],
)
def test_a_condition_is_called_by_what_a_reader_knows_it_as(path, name):
    runs = with_layers(), record(rerun())
    assert condition_name(f"$.conditions.{path}", *runs) == name


def test_a_configuration_of_any_shape_has_a_name():
    """A manifest is a stranger's."""
    path = "$.conditions.training.models[0].config.config.layers[1].config.rate"
    for config in (None, 7, [], {"config": 7}, {"config": {"layers": {"a": 1}}}):
        odd = record(changed(document(), {"conditions/training/models/0/config": config}))
        assert condition_name(path, odd, odd) == "layer 1 rate"


@pytest.mark.parametrize(
    ("expected", "actual", "state", "said"),
    [
        (0.5, 0.25, "changed", "0.5 → 0.25"),
        ("relu", "gelu", "changed", "relu → gelu"),
        ("sha256:" + "1" * 64, "sha256:" + "2" * 64, "changed", "is another"),
        (None, "x", "only in actual", "only in the actual run"),
    ],
)
def test_a_change_is_said_with_both_values_unless_they_are_digests(expected, actual, state, said):
    assert change_of(ConditionDifference("$.conditions.x", expected, actual, state)) == said
