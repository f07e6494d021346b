"""What can be computed again: weights that begin as zeros, seeds or ones, rates and counts."""

import hashlib
import struct

import pytest
from manifests import OTHER_DIGEST, clean
from rule_cases import CALLBACKS, DETERMINISM, LAST_BIAS, OPTIMIZER, RESTORED, SEEDS, STEPS, seen_by

LAYERS = clean()["conditions"]["initializers"]["layers"]
LAYER_SEEDS = clean()["conditions"]["seeds"]["layers"]
FINAL = clean()["outcomes"]["final_state"][0]
INITIAL = "outcomes/initial_weights/0"
INITIALIZERS = "conditions/initializers/layers"
MODEL = "conditions/training/models/0"
BIASES = {9: 64, 12: 10}
"""The sizes of the biases of dense layers, by their positions among the weights."""

STATES = {2: LAYER_SEEDS[0]["seed"], 5: LAYER_SEEDS[1]["seed"], 10: LAYER_SEEDS[2]["seed"]}
"""The seeds that generators hold, by their positions among the weights."""


def digest(dtype, shape, content):
    head = f"{dtype} {','.join(map(str, shape))}\n".encode()
    return "sha256:" + hashlib.sha256(head + content).hexdigest()


def states(*draws, dtype="int64", size=8):
    """Return the change after which each generator has drawn so often before it is first seen."""
    changes = {RESTORED: False}
    for (position, seed), drawn in zip(STATES.items(), draws, strict=True):
        content = seed.to_bytes(size, "little") + drawn.to_bytes(size, "little")
        changes[f"{INITIAL}/{position}/digest"] = digest(dtype, [2], content)
        changes[f"{INITIAL}/{position}/dtype"] = dtype
    return changes


def other_states(**changes):
    """Return the change to generators in states that no seed leads to."""
    return {RESTORED: False} | {
        f"{INITIAL}/{position}/{name}": value
        for position in STATES
        for name, value in {"digest": OTHER_DIGEST, **changes}.items()
    }


def biases_by(initializer):
    return {
        f"{INITIALIZERS}/{number}/initializer": initializer
        for number, item in enumerate(LAYERS)
        if (item["layer"], item["role"]) == ("Dense", "bias")
    }


def zeros(dtype, size):
    """Return the change by which the last bias is zeros of a type of so many bytes."""
    return {
        RESTORED: False,
        f"{INITIAL}/12/dtype": dtype,
        f"{INITIAL}/12/digest": digest(dtype, [BIASES[12]], bytes(size * BIASES[12])),
    }


def ones(*positions):
    one = struct.pack("<f", 1.0)
    return {
        f"{INITIAL}/{position}/digest": digest(
            "float32", [BIASES[position]], one * BIASES[position]
        )
        for position in positions
    }


def final(role, dtype, content):
    """Return the change to what the optimizer ends with in a role: a scalar."""
    (position,) = (number for number, item in enumerate(FINAL) if item["role"] == role)
    place = f"outcomes/final_state/0/{position}"
    return {f"{place}/dtype": dtype, f"{place}/digest": digest(dtype, [], content)}


def ended_at(rate, dtype="float32", form="<f"):
    return final("learning_rate", dtype, struct.pack(form, rate))


def configured(rate):
    return {f"{OPTIMIZER}/learning_rate": rate}


def updates(count, dtype="int64", size=8):
    return final("iteration", dtype, count.to_bytes(size, "little"))


OTHER_BIAS = {RESTORED: False, LAST_BIAS: OTHER_DIGEST}

CONTRADICTED = [
    ("RA607", other_states()),
    ("RA607", {RESTORED: False, f"{INITIAL}/5/digest": OTHER_DIGEST}),
    ("RA607", OTHER_BIAS | biases_by("Ones") | ones(9)),
    ("RA607", {RESTORED: False} | ones(12)),
    ("RA607", OTHER_BIAS | {f"{INITIAL}/12/dtype": "float64"}),
    ("RA607", OTHER_BIAS | {f"{INITIAL}/12/dtype": "bfloat16"}),
    ("RA608", configured(5.0) | ended_at(4.0, "float16", "<e")),
    ("RA608", configured(5.0) | ended_at(4.0, "float64", "<d")),
    ("RA608", configured(5.0) | {CALLBACKS: ["EarlyStopping"]}),
    ("RA608", configured(0)),
    ("RA612", updates(1)),
    ("RA612", updates(62)),
    ("RA612", updates(62, "int32", 4)),
    ("RA612", updates(62, "uint32", 4)),
]

SOUND = [
    ("RA607", OTHER_BIAS | {RESTORED: None}),
    ("RA607", OTHER_BIAS | biases_by("HeNormal")),
    ("RA607", OTHER_BIAS | biases_by("Ones") | ones(9, 12)),
    # Of two layers of a class only one begins so; of one no initializer is recorded.
    ("RA607", OTHER_BIAS | {f"{INITIALIZERS}/8/initializer": "Ones"}),
    ("RA607", OTHER_BIAS | {INITIALIZERS: LAYERS[:8] + LAYERS[9:]}),
    ("RA607", OTHER_BIAS | {f"{INITIAL}/12/dtype": "string"}),
    ("RA607", OTHER_BIAS | {"outcomes/initial_weights": [None]}),
    *(
        ("RA607", zeros(dtype, size))
        for dtype, size in (("float16", 2), ("bfloat16", 2), ("float32", 4), ("float64", 8))
    ),
    ("RA607", states(0, 0, 0)),
    ("RA607", states(5, 5, 5)),
    ("RA607", states(1, 1, 1, dtype="int32", size=4)),
    ("RA607", states(1, 1, 1, dtype="uint32", size=4)),
    # Another Keras may keep the state otherwise.
    ("RA607", other_states(dtype="float32")),
    ("RA607", other_states(shape=[3])),
    ("RA607", other_states() | {f"{SEEDS}/layers": LAYER_SEEDS[:2]}),
    ("RA607", other_states() | {"conditions/seeds": None}),
    ("RA608", configured(5.0) | ended_at(5.0)),
    ("RA608", configured(5.0) | ended_at(5.0, "float64", "<d")),
    ("RA608", configured(5.0) | ended_at(5.0, "float16", "<e")),
    ("RA608", configured(5.0) | final("learning_rate", "bfloat16", b"\x01\x02")),
    ("RA608", configured(5) | ended_at(5.0)),
    ("RA608", configured(0) | ended_at(0.0)),
    ("RA608", configured(1e300)),
    ("RA608", configured("NaN")),
    ("RA608", configured(rate=True)),
    ("RA608", configured({"class_name": "ExponentialDecay"})),
    ("RA608", configured(5.0) | {RESTORED: True}),
    ("RA608", configured(5.0) | {RESTORED: None}),
    ("RA608", configured(5.0) | {f"{MODEL}/more_optimizers": [{}]}),
    ("RA608", configured(5.0) | {f"{MODEL}/optimizer/module": "own"}),
    ("RA608", {f"{MODEL}/optimizer": {"module": "keras.optimizers"}}),
    ("RA608", configured(5.0) | {f"{DETERMINISM}/datasets/0/kind": "PyDataset"}),
    ("RA608", configured(5.0) | {CALLBACKS: ["ReduceLROnPlateau"]}),
    ("RA608", configured(5.0) | {"outcomes/final_state/0/14/role": "rate"}),
    ("RA612", updates(0)),  # nothing could be trained
    ("RA612", updates(63)),
    ("RA612", updates(62) | {"outcomes/final_state/0/13/dtype": "float32"}),
    ("RA612", {STEPS: 64, "outcomes/final_state/0/13/shape": [1]}),
]


@pytest.mark.parametrize(("code", "changes"), CONTRADICTED)
def test_a_value_that_is_not_what_it_follows_from_is_found(code, changes):
    assert seen_by(code, changes)


@pytest.mark.parametrize(("code", "changes"), SOUND)
def test_a_value_that_follows_or_of_which_that_is_not_known_is_sound(code, changes):
    assert not seen_by(code, changes)


def layer(name, role="bias"):
    """Return the change by which the last dense layer's bias is another layer's weight."""
    return {
        f"{INITIALIZERS}/8/layer": name,
        f"{INITIALIZERS}/8/role": role,
        f"{INITIAL}/12/layer": name,
        f"{INITIAL}/12/role": role,
    }


@pytest.mark.parametrize(
    "name",
    [
        *("BatchNormalization", "Conv1D", "Conv2D", "Conv3D", "Dense", "DepthwiseConv1D"),
        *("DepthwiseConv2D", "LayerNormalization"),
    ],
)
def test_of_these_layers_a_weight_is_what_its_initializer_gives(name):
    assert seen_by("RA607", OTHER_BIAS | layer(name, "beta"))


def test_of_other_layers_and_of_moving_weights_that_is_not_known():
    """An LSTM adds ones to a part of its bias; a forward pass changes a moving mean."""
    assert not seen_by("RA607", OTHER_BIAS | layer("LSTM"))
    for role in ("moving_mean", "moving_variance"):
        assert not seen_by("RA607", OTHER_BIAS | layer("BatchNormalization", role))


def test_a_state_is_looked_for_among_the_first_65_536():
    assert not seen_by("RA607", states(65_535, 0, 0))
    assert seen_by("RA607", states(65_536, 0, 0))


def test_a_weight_of_more_than_64_mib_is_not_made_again():
    for size, found in ((2**24, True), (2**24 + 1, False)):
        changes = OTHER_BIAS | {f"{INITIAL}/12/shape": [size]}
        assert bool(seen_by("RA607", changes)) == found


def test_a_later_model_may_share_layers_that_were_trained_by_then():
    tensors = clean()["outcomes"]["initial_weights"][0]
    trained = [*tensors[:12], tensors[12] | {"digest": OTHER_DIGEST}]
    layers = {INITIALIZERS: [item | {"model": model} for model in (0, 1) for item in LAYERS]}
    for weights, found in (([trained], True), ([tensors, trained], False)):
        changes = {RESTORED: False, "outcomes/initial_weights": weights} | layers
        assert bool(seen_by("RA607", changes)) == found


def test_of_several_weights_that_are_wrong_one_is_named():
    (seen,) = seen_by("RA607", other_states())
    assert "Dropout seed_generator_state at 2 of model 0 does not begin as its seed" in seen.text


def test_a_seed_that_is_longer_than_its_type_is_cut():
    longer = [item | {"seed": item["seed"] + 2**32} for item in LAYER_SEEDS]
    changes = states(1, 1, 1, dtype="uint32", size=4) | {f"{SEEDS}/layers": longer}
    assert not seen_by("RA607", changes)


def test_a_weight_of_several_axes_that_begins_as_zeros_is_known_by_its_digest():
    changes = {RESTORED: False} | {
        f"{INITIALIZERS}/{number}/initializer": "Zeros"
        for number, item in enumerate(LAYERS)
        if (item["layer"], item["role"]) == ("Dense", "kernel")
    }
    shapes = {
        position: tensor["shape"]
        for position, tensor in enumerate(clean()["outcomes"]["initial_weights"][0])
        if (tensor["layer"], tensor["role"]) == ("Dense", "kernel")
    }
    for position, (rows, columns) in shapes.items():
        zeros = digest("float32", [rows, columns], bytes(4 * rows * columns))
        changes[f"{INITIAL}/{position}/digest"] = zeros
    assert seen_by("RA607", changes) == []
    assert seen_by("RA607", changes | {f"{INITIAL}/{max(shapes)}/digest": OTHER_DIGEST})
