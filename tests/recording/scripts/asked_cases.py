"""Train small models, each twice: as it is, and with one thing asked for otherwise.

Argument: ``bare`` or ``recorded``. Manifests go to the current folder, ``CASE.json`` and
``CASE-other.json``. The last line of the output is JSON: the digest of the weights that each ends
in, and the warnings of the recorder.
"""

import contextlib
import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

RECORDED = sys.argv[1] == "recorded"
SEED = 31
GENERATOR = np.random.default_rng(5)
X = GENERATOR.normal(size=(24, 3)).astype("float32")
Y = GENERATOR.normal(size=(24, 1)).astype("float32")
CASES: dict[str, Callable[[Any, bool], Any]] = {}


def case(function: Callable[[Any, bool], Any]) -> Callable[[Any, bool], Any]:
    """Register a case: it trains a model and returns it; its second argument asks for the other."""
    CASES[function.__name__] = function
    return function


class Bare:
    """Stands for a recording where there is none."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def dense(**options: Any) -> Any:
    """Return a compiled model of one layer."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "jit_compile": False} | options)
    return model


def trained(model: Any, *data: Any, **options: Any) -> Any:
    """Return a model that was fitted for an epoch."""
    model.fit(*(data or (X, Y)), **{"batch_size": 8, "verbose": 0} | options)
    return model


# Arrays


@case
def arrays_of_a_fit(run: Any, other: bool) -> Any:
    return trained(dense(), X, Y + (1 if other else 0))


@case
def arrays_of_an_evaluate(run: Any, other: bool) -> Any:
    model = trained(dense())
    model.evaluate(X[:8] + (1 if other else 0), Y[:8], verbose=0)
    return model


@case
def slices(run: Any, other: bool) -> Any:
    data = tf.data.Dataset.from_tensor_slices((X + (1 if other else 0), Y)).batch(8)
    return trained(dense(), data, batch_size=None)


EARLIER = {
    other: tf.data.Dataset.from_tensor_slices((X + (1 if other else 0), Y)).batch(8)
    for other in (False, True)
}


@case
def slices_made_before_recording(run: Any, other: bool) -> Any:
    return trained(dense(), EARLIER[other], batch_size=None)


# Compile


@case
def loss_weights(run: Any, other: bool) -> Any:
    weights = [0.25 if other else 0.5]
    return trained(dense(loss_weights=weights, weighted_metrics=["mae"]))


@case
def weighted_metrics(run: Any, other: bool) -> Any:
    return trained(dense(weighted_metrics=["mse" if other else "mae"]))


@case
def auto_scale_loss(run: Any, other: bool) -> Any:
    return trained(dense(auto_scale_loss=not other))


def squared(y: Any, predicted: Any) -> Any:
    return tf.reduce_mean((y - predicted) ** 2)


class Pair(keras.Model):
    """A model whose compile is its own."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)

    def compile(
        self, d_optimizer: Any, g_optimizer: Any, loss_fn: Any, lambda_: float = 10.0
    ) -> None:
        super().compile(jit_compile=False)
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn
        self.lambda_ = lambda_

    def train_step(self, data: Any) -> Any:
        x, y = data
        for optimizer in (self.d_optimizer, self.g_optimizer):
            with tf.GradientTape() as tape:
                loss = self.lambda_ * self.loss_fn(y, self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


@case
def own_compile(run: Any, other: bool) -> Any:
    model = Pair()
    optimizers = keras.optimizers.Adam(1e-3), keras.optimizers.SGD(0.01, momentum=0.5)
    model.compile(*optimizers, squared, lambda_=0.5 if other else 0.25)
    return trained(model)


# Callbacks


@case
def patience(run: Any, other: bool) -> Any:
    stop = keras.callbacks.EarlyStopping("loss", patience=2 if other else 3)
    log = keras.callbacks.CSVLogger(str(Path.cwd() / "log.csv"))
    return trained(dense(), callbacks=[log, stop], epochs=2)


def slow(epoch: int, rate: float) -> float:
    return 0.01


def slower(epoch: int, rate: float) -> float:
    return 0.005


@case
def schedule(run: Any, other: bool) -> Any:
    return trained(
        dense(), callbacks=[keras.callbacks.LearningRateScheduler(slower if other else slow)]
    )


@case
def lambda_callback(run: Any, other: bool) -> Any:
    acts = (lambda *_: None) if other else (lambda *_: len(_))
    return trained(dense(), callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=acts)])


# Data


def scaled(x: Any, y: Any) -> Any:
    return x * 2, y


def tripled(x: Any, y: Any) -> Any:
    return x * 3, y


@case
def stages(run: Any, other: bool) -> Any:
    data = (
        tf.data.Dataset.from_tensor_slices((X, Y))
        .filter(lambda *_: True)
        .map(tripled if other else scaled)
        .interleave(
            lambda x, y: tf.data.Dataset.from_tensors((x, y)),
            cycle_length=2,
            block_length=3,
        )
        .repeat(2)
        .batch(8, drop_remainder=True)
    )
    return trained(dense(), data, batch_size=None)


@case
def layer_as_a_map(run: Any, other: bool) -> Any:
    """A layer of Keras, and a function of TensorFlow's that was compiled: its code is gone."""
    layer = layers.Rescaling(0.5 if other else 0.25)
    concrete = tf.function(scaled).get_concrete_function(tf.TensorSpec((3,)), tf.TensorSpec((1,)))
    x = tf.data.Dataset.from_tensor_slices(X).map(layer)
    data = tf.data.Dataset.zip(x, tf.data.Dataset.from_tensor_slices(Y))
    return trained(dense(), data.map(concrete).batch(8), batch_size=None)


@case
def drop_remainder(run: Any, other: bool) -> Any:
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8, drop_remainder=other)
    return trained(dense(), data, batch_size=None)


def yielding(count: int) -> Iterator[Any]:
    for at in range(0, count, 8):
        yield X[at : at + 8], Y[at : at + 8]


def yielding_backwards(count: int) -> Iterator[Any]:
    for at in reversed(range(0, count, 8)):
        yield X[at : at + 8], Y[at : at + 8]


@case
def from_generator(run: Any, other: bool) -> Any:
    data = tf.data.Dataset.from_generator(
        yielding_backwards if other else yielding,
        args=(24,),
        output_signature=(tf.TensorSpec((None, 3)), tf.TensorSpec((None, 1))),
    )
    return trained(dense(), data, batch_size=None)


@case
def generator(run: Any, other: bool) -> Any:
    return trained(dense(), (yielding_backwards if other else yielding)(24), batch_size=None)


class Batches(keras.utils.PyDataset):
    """Batches of so many rows."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __len__(self) -> int:
        return 24 // self.size

    def __getitem__(self, index: int) -> Any:
        return X[index * self.size :][: self.size], Y[index * self.size :][: self.size]


@case
def pydataset(run: Any, other: bool) -> Any:
    return trained(dense(), Batches(6 if other else 8), batch_size=None)


@case
def dtype_of_a_batch(run: Any, other: bool) -> Any:
    data = tf.data.Dataset.from_tensor_slices((X.astype("float64") if other else X, Y))
    return trained(dense(), data.batch(8), batch_size=None)


# Code


def scaling(factor: float) -> type[Any]:
    """Return a class of layers whose call has a factor in it."""

    class Scaling(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * factor

    return Scaling


@case
def code_of_a_layer(run: Any, other: bool) -> Any:
    scale = scaling(0.5 if other else 0.25)()
    model = keras.Sequential([keras.Input((3,)), scale, layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    return trained(model)


def half(x: Any) -> Any:
    return x / 2


def third(x: Any) -> Any:
    return x / 3


@case
def code_of_an_activation(run: Any, other: bool) -> Any:
    layer = layers.Dense(1, activation=third if other else half)
    model = keras.Sequential([keras.Input((3,)), layer, layers.Lambda(lambda x: x + 1)])
    model.compile("sgd", squared, jit_compile=False)
    return trained(model)


# A loop


@case
def loop(run: Any, other: bool) -> Any:
    model = dense()
    optimizer = keras.optimizers.Adam(0.02 if other else 0.01)
    run.watch(model)
    for at in range(0, 24, 8):
        batch = X[at : at + 8], Y[at : at + 8]
        with tf.GradientTape() as tape:
            loss = squared(batch[1], model(batch[0], training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        run.step(model, batch, loss)
    run.epoch(model, {"loss": float(loss)})
    model.kept = optimizer
    return model


@contextlib.contextmanager
def recording(name: str) -> Iterator[Any]:
    """Record, or do nothing where the run is bare."""
    if not RECORDED:
        yield Bare()
        return
    import repro_audit

    with repro_audit.record(f"{name}.json") as run:
        yield run


def main() -> None:
    """Run every case both ways."""
    digests, said = {}, []
    for name, train in CASES.items():
        for other in (False, True):
            keras.backend.clear_session()
            keras.utils.set_random_seed(SEED)
            title = f"{name}-other" if other else name
            with warnings.catch_warnings(record=True) as caught, recording(title) as run:
                warnings.simplefilter("always")
                model = train(run, other)
            said += [str(item.message) for item in caught if "repro-audit" in str(item.message)]
            digest = hashlib.sha256()
            for variable in model.variables:
                digest.update(np.asarray(variable).tobytes())
            digests[title] = digest.hexdigest()
    print(json.dumps({"digests": digests, "warnings": said}))


if __name__ == "__main__":
    main()
