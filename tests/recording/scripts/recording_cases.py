"""Train models whose recordings begin, end, fail or meet obstacles in many ways.

Argument: ``bare`` or ``recorded``. Manifests go to the current folder, named after the case.
The last line of the output is JSON, as that of ``observed_cases.py``.
"""

import contextlib
import errno
import gc
import json
import os
import struct
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import xxhash
from keras import layers
from matrix_cases import Own
from observed_cases import BATCH, CLASSES, SEED, Seen, arrays, classifier, compiled

RECORDED = sys.argv[1] == "recorded"
X, Y = arrays(count=70)  # five batches, the last one of 6
CASES: dict[str, Callable[[Seen], None]] = {}


def case(function: Callable[[Seen], None]) -> Callable[[Seen], None]:
    """Register a case."""
    CASES[function.__name__] = function
    return function


@contextlib.contextmanager
def recording(name: str, **options: Any) -> Iterator[Any]:
    """Record, or do nothing where the run is bare."""
    if not RECORDED:
        yield None
        return
    import repro_audit

    with repro_audit.record(f"{name}.json", **options) as run:
        yield run


def noisy(**options: Any) -> Any:
    """Return an unbuilt model whose step draws from an operation that holds its own state.

    Tracing that step once more would begin its stream again, and end in other bits.
    """
    model = Own()
    model.noise = True
    return compiled(model, metrics=None, **options)


def at_batch(function: Callable[[int], None]) -> Any:
    """Return a callback that calls `function` at the end of each batch."""
    return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, **_: function(batch))


@case
def trained_before(seen: Seen) -> None:
    model = noisy()
    seen.fit(model, X, Y, batch_size=BATCH)
    with recording("trained_before"):
        seen.fit(model, X, Y, batch_size=BATCH, epochs=2)
        seen.evaluate(model, X, Y)
    seen.model(model)


@case
def trained_before_and_only_epochs(seen: Seen) -> None:
    model = noisy()
    seen.fit(model, X, Y, batch_size=BATCH)
    with recording("trained_before_and_only_epochs", trace="epoch"):
        seen.fit(model, X, Y, batch_size=BATCH, epochs=2)
    seen.model(model)


@case
def recorded_twice_and_then_bare(seen: Seen) -> None:
    model = noisy()
    for name in ("recorded_once", "recorded_twice"):
        with recording(name):
            seen.fit(model, X, Y, batch_size=BATCH)
    seen.fit(model, X, Y, batch_size=BATCH)
    seen.model(model)


@case
def traced_anew(seen: Seen) -> None:  # the negative of the one above: bare, too
    model = noisy()
    for _ in range(3):
        model.train_function = None
        seen.fit(model, X, Y, batch_size=BATCH)
    seen.model(model)


@case
def compiled_anew_outside(seen: Seen) -> None:
    model = noisy()
    with recording("compiled_anew_before"):
        seen.fit(model, X, Y, batch_size=BATCH)
    compiled(model, metrics=None)
    seen.fit(model, X, Y, batch_size=BATCH)
    with recording("compiled_anew_outside"):
        seen.fit(model, X, Y, batch_size=BATCH)
    seen.model(model)


@case
def compiled_anew_inside(seen: Seen) -> None:
    model = classifier()
    with recording("compiled_anew_inside"):
        seen.fit(model, X, Y, batch_size=BATCH)
        compiled(model, optimizer="sgd", steps_per_execution=2)
        seen.fit(model, X, Y, batch_size=BATCH)
        model.layers[0].trainable = False
        compiled(model, jit_compile=True)
        seen.fit(model, X, Y, batch_size=BATCH)
    seen.model(model)


@case
def own_train_function(seen: Seen) -> None:
    class Mine(Own):
        def make_train_function(self, *, force: bool = False) -> None:
            step = tf.function(self.train_step)
            self.train_function = lambda iterator: step(next(iterator))

    model = compiled(Mine(), metrics=None)
    with recording("own_train_function"):
        seen.fit(model, *arrays(), batch_size=BATCH)
    seen.model(model)


@case
def saved_and_loaded(seen: Seen) -> None:
    model = classifier()
    saving = keras.callbacks.ModelCheckpoint(f"{sys.argv[1]}-{{epoch}}.keras")
    with recording("saved"):
        seen.fit(model, X, Y, batch_size=BATCH, epochs=2, callbacks=[saving])
    seen.model(model)
    loaded = keras.models.load_model(f"{sys.argv[1]}-2.keras")
    with recording("loaded"):
        seen.fit(loaded, X, Y, batch_size=BATCH, epochs=4, initial_epoch=2)
    seen.model(loaded)


@case
def others_trained_in_a_callback(seen: Seen) -> None:
    model, other = classifier(), classifier()

    def train(*_: Any) -> None:
        other.fit(X, Y, verbose=0)
        model.train_on_batch(X, Y)

    callback = keras.callbacks.LambdaCallback(on_epoch_end=train)
    with recording("others_trained_in_a_callback"):
        seen.fit(model, X, Y, batch_size=BATCH, epochs=2, callbacks=[callback])
    seen.model(model)
    seen.model(other)


@case
def functions_run_eagerly(seen: Seen) -> None:
    tf.config.run_functions_eagerly(True)  # noqa: FBT003 - TensorFlow's signature
    try:
        model = classifier(steps_per_execution=3)
        with recording("functions_run_eagerly"):
            seen.fit(model, X, Y, batch_size=BATCH)
    finally:
        tf.config.run_functions_eagerly(False)  # noqa: FBT003 - as above
    seen.model(model)


@case
def unrolled(seen: Seen) -> None:
    model = noisy(steps_per_execution=4)
    model.unrolled_steps_per_execution = 2
    with recording("unrolled"):
        seen.fit(model, *arrays(count=90), batch_size=BATCH)
    seen.model(model)


@case
def own_optimizer_and_generator(seen: Seen) -> None:
    class Mine(Own):
        def __init__(self) -> None:
            super().__init__()
            self.own = keras.optimizers.SGD(0.1, momentum=0.9)
            self.generator = tf.random.Generator.from_seed(3)

        def train_step(self, data: Any) -> Any:
            x, y = data
            x += self.generator.normal(tf.shape(x))
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            self.own.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}

    model = compiled(Mine(), metrics=None)
    with recording("own_optimizer_and_generator"):
        seen.fit(model, X, Y, batch_size=BATCH)
    seen.model(model)


@case
def two_optimizers(seen: Seen) -> None:  # each of one network, and built before or not
    class Pair(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.one = keras.Sequential([keras.Input((8,)), layers.Dense(6)])
            self.other = keras.Sequential([keras.Input((6,)), layers.Dense(CLASSES, "softmax")])
            self.of_one = keras.optimizers.SGD(0.1, momentum=0.9)
            self.of_other = keras.optimizers.Adagrad(0.1)

        def call(self, inputs: Any) -> Any:
            return self.other(self.one(inputs))

        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape(persistent=True) as tape:
                loss = self.compute_loss(y=y, y_pred=self(x))
            for network, optimizer in ((self.one, self.of_one), (self.other, self.of_other)):
                weights = network.trainable_variables
                optimizer.apply(tape.gradient(loss, weights), weights)
            return {"loss": loss}

    for built in ("later", "before"):
        model = compiled(Pair(), metrics=None)
        if built == "before":
            model.of_one.build(model.one.trainable_variables)
            model.of_other.build(model.other.trainable_variables)
        for time in ("first", "second"):
            with recording(f"two_optimizers-{built}-{time}"):
                seen.fit(model, X, Y, batch_size=BATCH)
        seen.model(model)


@case
def loop_that_tells(seen: Seen) -> None:
    model = keras.Sequential([keras.Input((8,)), layers.Dense(CLASSES)])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    with recording("loop_that_tells") as run:
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model(X) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            if run is not None:
                run.step(model, X, loss)
    for variable in (*model.variables, *optimizer.variables):
        seen.digest.update(np.asarray(variable).tobytes())


@case
def odd_logs(seen: Seen) -> None:
    for name, logs in (("flat", {"loss": 1.5, "size": 2}), ("deep", {"deep": {"loss": 1.5}})):

        class Mine(Own):
            def train_step(self, data: Any) -> Any:
                super().train_step(data)
                return logs  # noqa: B023 - called within this turn

        model = compiled(Mine(), metrics=None)
        with recording(f"{name}_logs"):
            model.fit(X, Y, batch_size=BATCH, verbose=0)
        seen.model(model)


@case
def growing(seen: Seen) -> None:  # shapes that change: Keras traces the step more than once
    generator = np.random.default_rng(1)

    def batches() -> Iterator[Any]:
        for length in (3, 5, 5, 7, 3, 9):
            x = generator.normal(size=(4, length, 4)).astype("float32")
            yield x, generator.integers(0, CLASSES, 4)

    for eager in (False, True):
        stack = [keras.Input((None, 4)), layers.GRU(5), layers.Dense(CLASSES, "softmax")]
        model = compiled(keras.Sequential(stack), run_eagerly=eager)
        with recording(f"growing-eager={eager}"):
            seen.fit(model, batches())
        seen.model(model)


@case
def odd_batches(seen: Seen) -> None:  # a dictionary alone, with nothing in one of its tensors
    class Mine(Own):
        def train_step(self, data: Any) -> Any:
            return super().train_step((data["x"], data["y"]))

    data = {"x": X, "y": Y, "nothing": np.zeros((len(X), 0))}
    model = compiled(Mine(), metrics=None)
    model.build((None, 8))
    with recording("odd_batches"):
        seen.fit(model, tf.data.Dataset.from_tensor_slices(data).batch(BATCH))
    seen.model(model)


@case
def no_dtype_of_a_trace(seen: Seen) -> None:  # a batch of quantized integers
    class Batch(Own):
        def train_step(self, data: Any) -> Any:
            return super().train_step((tf.cast(tf.bitcast(data[0], "int8"), "float32"), data[1]))

    x = tf.data.Dataset.from_tensor_slices(X.astype("int8"))
    labels = tf.data.Dataset.from_tensor_slices(Y)
    data = tf.data.Dataset.zip((x.map(lambda row: tf.bitcast(row, tf.qint8)), labels)).batch(BATCH)
    for eager in (False, True):
        model = compiled(Batch(), metrics=None, run_eagerly=eager)
        model.build((None, 8))
        with recording(f"no_dtype-eager={eager}"):
            seen.fit(model, data)
        seen.model(model)


@case
def workers(seen: Seen) -> None:
    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
            chosen = slice(index * BATCH, (index + 1) * BATCH)
            return X[chosen], Y[chosen], np.full(len(X[chosen]), index + 0.5, "float32")

    model = classifier()
    with recording("workers"):
        seen.fit(model, Batches(workers=3), shuffle=False, epochs=2)
    seen.model(model)


@case
def executions_across_the_end_of_an_epoch(seen: Seen) -> None:
    dataset = tf.data.Dataset.from_tensor_slices(arrays()).shuffle(64, seed=1).repeat().batch(8)
    model = classifier(steps_per_execution=4)
    with recording("executions_across_the_end_of_an_epoch"):
        seen.fit(model, dataset, steps_per_epoch=6, epochs=2)
    seen.model(model)


@case
def stopped_and_raised(seen: Seen) -> None:
    model = classifier()

    def stop(batch: int) -> None:
        model.stop_training = batch == 2

    def fail(batch: int) -> None:
        if batch == 2:
            raise KeyError

    with recording("stopped_and_raised"):
        seen.fit(model, X, Y, batch_size=BATCH, epochs=2, callbacks=[at_batch(stop)])
        with contextlib.suppress(KeyError):
            seen.fit(model, X, Y, batch_size=BATCH, epochs=2, callbacks=[at_batch(fail)])
        seen.fit(model, X, Y, batch_size=BATCH)
    seen.model(model)


@case
def settings(seen: Seen) -> None:
    for setting in ("step", 3, 1000, "epoch", None):
        keras.utils.set_random_seed(SEED)
        model = noisy(steps_per_execution=2)
        with recording(f"setting-{setting}", trace=setting):
            seen.fit(model, *arrays(count=160), batch_size=BATCH, epochs=2)
        seen.model(model)


@case
def one_replica(seen: Seen) -> None:
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        model = classifier()
    with recording("one_replica"):
        seen.fit(model, X, Y, batch_size=BATCH)
    seen.model(model)


@case
def told_by_keras(seen: Seen) -> None:  # each word a row must hold, from its specification alone
    weights = np.linspace(0.1, 2, len(X)).astype("float32")
    told: list[Any] = []

    def word(value: Any) -> int:
        array = np.asarray(value)
        code = {"uint32": 6, "int32": 5, "int64": 7, "float32": 11}[array.dtype.name]
        head = struct.pack(f"<BB{array.ndim}Q", code, array.ndim, *array.shape)
        return xxhash.xxh3_64_intdigest(head + array.tobytes())

    def tell(batch: int, logs: Any = None) -> None:
        drawn = slice(batch * BATCH, (batch + 1) * BATCH)
        variables = [*model.variables, *model.optimizer.variables]
        told.append(
            {
                "x": word(X[drawn]),
                "y": word(Y[drawn]),
                "sample_weight": word(weights[drawn]),
                **{
                    name: int.from_bytes(struct.pack("<f", value), "little")
                    for name, value in logs.items()
                },
                "state": [word(variable) for variable in variables],
            }
        )

    model = classifier()
    with recording("told_by_keras"):
        model.fit(
            X,
            Y,
            batch_size=BATCH,
            sample_weight=weights,
            shuffle=False,
            epochs=2,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=tell)],
        )
    seen.model(model)
    seen.facts["told"] = told


@case
def given_back(seen: Seen) -> None:
    model = noisy()
    with recording("given_back"):
        seen.fit(model, X, Y, batch_size=BATCH)
        seen.model(model)
        reference = weakref.ref(model)
        del model
        keras.backend.clear_session()
        gc.collect()
        seen.facts["gone"] = reference() is None


def full(seen: Seen, name: str, rows: int) -> None:
    """Train while the disk has room for so many records of the trace and half a one more."""
    original = os.write
    room = [rows + 3]  # the first line, that of the block, and a probe each at steps 1 and 2

    def write(descriptor: int, content: Any) -> int:
        if not str(Path(f"/proc/self/fd/{descriptor}").readlink()).endswith(".trace"):
            return original(descriptor, content)
        room[0] -= 1
        if room[0] == 0:
            return original(descriptor, bytes(content)[: len(content) // 2])
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(descriptor, content)

    model = noisy()
    os.write = write
    try:
        with recording(name):
            seen.fit(model, X, Y, batch_size=BATCH, epochs=2)
            seen.fit(model, X, Y, batch_size=BATCH)
    finally:
        os.write = original
    seen.facts["was_full"] = room[0] < 0
    seen.facts["left"] = Path(f"{name}.trace").exists()
    seen.model(model)


@case
def full_in_the_first_epoch(seen: Seen) -> None:
    full(seen, "full_in_the_first_epoch", 3)


@case
def full_in_the_second_fit(seen: Seen) -> None:
    full(seen, "full_in_the_second_fit", 18)


def trained(name: str) -> dict[str, Any]:
    """Run one case from a clean slate."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    seen = Seen()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CASES[name](seen)
    seen.generators()
    said = [str(item.message) for item in caught if "repro-audit" in str(item.message)]
    return {"digest": seen.digest.hexdigest(), "warnings": said, **seen.facts}


if __name__ == "__main__":
    print(json.dumps({name: trained(name) for name in CASES}))
