"""Train many models in many ways, bare or recorded, and say in which bits each ends.

Arguments: ``bare`` or ``recorded``, and ``whole`` for every case. A model's decorator names the
ways in which it is trained: ``graph``, ``eager``, ``jit`` (op determinism is off, so XLA really
compiles) and ``several`` (four steps in one execution); those in parentheses are of the whole
matrix alone. Manifests go to the current folder. The last line of the output
is JSON, as that of ``observed_cases.py``, by model and way.
"""

import hashlib
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, tree
from observed_cases import BATCH, CLASSES, MOMENTUM, SEED, Seen, arrays, stack

CROSSENTROPY = "sparse_categorical_crossentropy"
Fit = tuple[Any, dict[str, Any]]
Build = Callable[[dict[str, Any]], Fit]
MODELS: dict[str, tuple[list[str], Build]] = {}


def model(ways: str) -> Callable[[Build], Build]:
    """Register a model: a function of compile's options, to model and fit's arguments."""

    def register(build: Build) -> Build:
        MODELS[build.__name__] = ways.split(), build
        return build

    return register


def compiled(model: Any, options: dict[str, Any], **others: Any) -> Any:
    """Compile a classifier."""
    model.compile(
        **{"optimizer": MOMENTUM, "loss": CROSSENTROPY, "metrics": ["accuracy"]} | others | options
    )
    return model


def simple(*first: Any) -> Any:
    """Return a small classifier with Dropout, built where the first layer is an Input."""
    return keras.Sequential(stack(*first))


def given(*data: Any, **others: Any) -> dict[str, Any]:
    """Return fit's arguments for arrays, of which the last batch is partial."""
    return {"x": data[0], "y": data[1], "batch_size": BATCH} | others


class Own(keras.Model):
    """A subclassed model whose train step draws noise and returns what it likes."""

    noise = False

    def __init__(self) -> None:
        super().__init__()
        self.stack = simple()

    def call(self, inputs: Any, *, training: bool = False) -> Any:
        return self.stack(inputs, training=training)

    def train_step(self, data: Any) -> Any:
        x, y = data[:2]
        if self.noise:
            x += 0.1 * tf.random.normal(tf.shape(x))
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=predicted)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        norm = tf.linalg.global_norm(gradients)
        return {"loss": loss, "norm": norm}


@model("graph several jit (jit+several) (eager)")
def convolution(options: dict[str, Any]) -> Fit:
    x, y = arrays(8, 8, 1, count=70)
    first = [
        keras.Input((8, 8, 1)),
        layers.Conv2D(6, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
    ]
    made = compiled(simple(*first), options, optimizer="adam")
    return made, given(x, y, validation_data=(x[:20], y[:20]))


@model("(graph) several (jit) (eager)")
def nested_dicts(options: dict[str, Any]) -> Fit:
    inputs = {
        "a": keras.Input((8,)),
        "rest": [keras.Input((4,)), {"c": keras.Input((2,), dtype="int32")}],
    }
    c = layers.Flatten()(layers.Embedding(5, 3)(inputs["rest"][1]["c"]))
    joined = layers.concatenate([inputs["a"], inputs["rest"][0], c])
    hidden = layers.Dropout(0.3)(layers.Dense(16, activation="relu")(joined))
    outputs = {"kind": layers.Dense(CLASSES, "softmax")(hidden), "size": layers.Dense(1)(hidden)}
    made = keras.Model(inputs, outputs)
    x, y = arrays(count=70)
    data = {"a": x, "rest": [x[:, :4] * 2, {"c": (x[:, :2] > 0).astype("int32")}]}
    targets = {"kind": y, "size": x[:, 0]}
    made = compiled(
        made,
        options,
        loss={"kind": CROSSENTROPY, "size": "mse"},
        metrics={"kind": "accuracy"},
        loss_weights={"kind": 1.0, "size": 0.3},
    )
    return made, given(data, targets)


@model("graph (several) (jit) (jit+several) (eager)")
def own_step(options: dict[str, Any]) -> Fit:
    return compiled(Own(), options, metrics=None), given(*arrays(count=70))


@model("graph (several) (jit) (eager)")
def normalized_and_class_weight(options: dict[str, Any]) -> Fit:
    made = simple(
        keras.Input((8,)), layers.BatchNormalization(), layers.Dense(8), layers.LayerNormalization()
    )
    weights = {0: 1.0, 1: 0.5, 2: 2.0}
    return compiled(made, options), given(
        *arrays(count=70), class_weight=weights, validation_split=0.25
    )


@model("graph (several) (jit) eager")
def recurrent_dropout(options: dict[str, Any]) -> Fit:
    lstm = layers.LSTM(6, dropout=0.2, recurrent_dropout=0.2)
    made = keras.Sequential([keras.Input((5, 4)), lstm, layers.Dense(CLASSES, "softmax")])
    return compiled(made, options), given(*arrays(5, 4))


@model("(graph) (several) (jit) jit+several (eager)")
def unbuilt(options: dict[str, Any]) -> Fit:
    return compiled(simple(), options), given(*arrays(count=70))


@model("graph (several) (jit) (eager)")
def mixed_float16(options: dict[str, Any]) -> Fit:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        made = simple(keras.Input((8,)))
    finally:
        keras.config.set_dtype_policy("float32")
    return compiled(made, options), given(*arrays(count=70))


@model("(graph) jit")
def mixed_bfloat16(options: dict[str, Any]) -> Fit:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = simple(keras.Input((8,)))
    finally:
        keras.config.set_dtype_policy("float32")
    return compiled(made, options), given(*arrays(count=70))


@model("graph (jit)")
def float64(options: dict[str, Any]) -> Fit:
    keras.config.set_dtype_policy("float64")
    try:
        made = simple(keras.Input((8,)))
    finally:
        keras.config.set_dtype_policy("float32")
    return compiled(made, options), given(*arrays(count=70))


WORDS = np.array(["one", "two", "three", "four", "five"])


@model("graph (several) (jit) (jit+several) (eager)")
def words_looked_up_in_the_pipeline(options: dict[str, Any]) -> Fit:
    lookup = layers.StringLookup(vocabulary=WORDS)
    _, y = arrays()
    x = WORDS[np.random.default_rng(2).integers(0, 5, (64, 3))]
    dataset = (
        tf.data.Dataset.from_tensor_slices((x, y))
        .shuffle(64, seed=3)
        .batch(BATCH)
        .map(lambda x, y: (lookup(x), y))
    )
    made = simple(keras.Input((3,), dtype="int64"), layers.Embedding(8, 4), layers.Flatten())
    return compiled(made, options), {"x": dataset}


@model("graph (several) eager")
def words(options: dict[str, Any]) -> Fit:
    _, y = arrays(count=70)
    x = WORDS[np.random.default_rng(2).integers(0, 5, (70, 3))]
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)
    made = simple(
        keras.Input((3,), dtype="string"),
        layers.StringLookup(vocabulary=WORDS),
        layers.Embedding(8, 4),
        layers.Flatten(),
    )
    return compiled(made, options), {"x": dataset}


@model("(graph) (several) eager")
def ragged(options: dict[str, Any]) -> Fit:
    class Mean(Own):
        def call(self, inputs: Any, *, training: bool = False) -> Any:
            return self.stack(inputs.to_tensor(shape=[None, 8]), training=training)

    generator = np.random.default_rng(2)
    x = tf.ragged.constant(
        [generator.normal(size=1 + n % 7).tolist() for n in range(64)], dtype="float32"
    )
    dataset = tf.data.Dataset.from_tensor_slices((x, arrays()[1])).batch(BATCH)
    return compiled(Mean(), options, metrics=None), {"x": dataset}


@model("graph (several) (eager)")
def sparse(options: dict[str, Any]) -> Fit:
    x, y = arrays(count=70)
    x = tf.sparse.from_dense(np.where(x > 0, x, 0))
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)
    return compiled(simple(keras.Input((8,), sparse=True)), options), {"x": dataset}


@model("graph several (eager)")
def stateful_random(options: dict[str, Any]) -> Fit:
    made = Own()
    made.noise = True
    return compiled(made, options, metrics=None), given(*arrays(count=70))


@model("(graph) (several) (jit) jit+several (eager)")
def sample_weights(options: dict[str, Any]) -> Fit:
    x, y = arrays(count=70)
    weights = np.linspace(0.1, 2, len(x)).astype("float32")
    return compiled(simple(keras.Input((8,))), options, weighted_metrics=["accuracy"]), given(
        x, y, sample_weight=weights
    )


@model("(graph) (several) jit (eager)")
def unseeded_noise(options: dict[str, Any]) -> Fit:
    class Noise(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs + 0.1 * keras.random.normal((8,))

    made = simple(keras.Input((8,)), layers.GaussianNoise(0.2), Noise())
    return compiled(made, options), given(*arrays(count=70))


@model("(graph) several (jit) (eager)")
def averaged_and_accumulated(options: dict[str, Any]) -> Fit:
    optimizer = keras.optimizers.Adam(
        0.01, use_ema=True, ema_overwrite_frequency=3, gradient_accumulation_steps=2
    )
    return compiled(simple(keras.Input((8,))), options, optimizer=optimizer), given(
        *arrays(count=70)
    )


@model("graph (several) (jit)")
def scheduled(options: dict[str, Any]) -> Fit:
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    return compiled(
        simple(keras.Input((8,)), layers.Dense(8, kernel_regularizer="l2")),
        options,
        optimizer=keras.optimizers.SGD(rate, momentum=0.9, clipnorm=1.0),
    ), given(*arrays(count=70))


@model("graph (several) (jit)")
def activations_as_logs(options: dict[str, Any]) -> Fit:
    class Shown(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv = layers.Conv2D(6, 3, activation="relu")
            self.dense = layers.Dense(16, activation="relu")
            self.last = layers.Dense(CLASSES, "softmax")
            self.flat = layers.Flatten()

        def call(self, inputs):
            return self.last(self.dense(self.flat(self.conv(inputs))))

        def train_step(self, data: Any) -> Any:
            x, y = data[:2]
            with tf.GradientTape() as tape:
                a = self.conv(x)
                b = self.dense(self.flat(a))
                c = self.last(b)
                loss = self.compute_loss(y=y, y_pred=c) + 0.01 * tf.reduce_sum(b)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"loss": loss, "a": tf.reduce_mean(a), "b": b, "c": c, "aa": a}

    x, y = arrays(8, 8, 1, count=64)
    made = compiled(Shown(), options, metrics=None)
    made(x[:2])
    return made, given(x, y)


def whole_batches(fit: dict[str, Any]) -> dict[str, Any]:
    """Return fit's arguments without the samples of the last batch, where that is partial."""
    if isinstance(fit["x"], tf.data.Dataset):
        return fit
    count = len(tree.flatten(fit["x"])[0]) // BATCH * BATCH
    whole = {name: fit[name] for name in ("x", "y", "sample_weight") if name in fit}
    return fit | tree.map_structure(lambda array: array[:count], whole)


PARTIAL = {"convolution", "own_step"}
"""Of these the last batch is partial by XLA too, which then compiles a second step for it."""


def trained(name: str, way: str, mode: str) -> dict[str, Any]:
    """Train one model in one way, from a clean slate: two epochs, and another fit of one."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    options = {
        "jit_compile": "jit" in way,
        "run_eagerly": way == "eager",
        "steps_per_execution": 4 if "several" in way else 1,
    }
    seen = Seen()

    def train() -> None:
        made, fit = MODELS[name][1](options)
        if "jit" in way and name not in PARTIAL:
            fit = whole_batches(fit)
        seen.fit(made, **fit, epochs=2)
        seen.fit(made, **fit, epochs=1)
        seen.model(made)
        seen.facts["jit"] = bool(made.jit_compile)

    caught: list[Any] = []
    if mode == "recorded":
        import repro_audit

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", repro_audit.errors.RecordingWarning)
            with repro_audit.record(f"{name}-{way}.json"):
                train()
    else:
        train()
    seen.generators()
    said = [str(item.message) for item in caught if "repro-audit" in str(item.message)]
    return {"digest": seen.digest.hexdigest(), "warnings": said, **seen.facts}


def main() -> None:
    """Run everything."""
    result = {
        f"{name}-{way.strip('()')}": trained(name, way.strip("()"), sys.argv[1])
        for name, (ways, _) in MODELS.items()
        for way in ways
        if "whole" in sys.argv or not way.startswith("(")
    }
    print(json.dumps(result, default=lambda a: hashlib.sha256(np.asarray(a).tobytes()).hexdigest()))


if __name__ == "__main__":
    main()
