"""Train on data that is prepared in many ways, and say in which bits each ends.

Arguments: ``bare`` or ``recorded``, then ``off`` or ``on`` for op determinism; manifests go to
the current folder, one a case. With it on, only cases run that it could make repeat. The last
line of the output is JSON: per case digests of the weights, and of all variables and shared
generators afterwards, and how many ends the case had; and how long reading took.
"""

import hashlib
import json
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

SEED = 31
COUNT = 192
FEATURES = 24
BATCH = 16
BINS = 8
MAX_TRIES = {"off": 8, "on": 3}

Case = Callable[[], Any]
CASES: dict[str, Case] = {}
RACING: set[str] = set()
READING_MS: list[float] = []


def case(function: Case) -> Case:
    """Register a case that repeats where op determinism is on, and where it is off."""
    CASES[function.__name__] = function
    return function


def racing(function: Case) -> Case:
    """Register a case that ends in other bits from run to run, at least without op determinism."""
    RACING.add(function.__name__)
    return case(function)


def arrays() -> tuple[Any, Any]:
    """Return float32 samples, and a target each."""
    generator = np.random.default_rng(5)
    x = generator.normal(size=(COUNT, FEATURES)).astype("float32")
    return x, x[:, :1]


def model_of(*layers: Any, optimizer: Any = "sgd", loss: Any = "mse") -> Any:
    """Return a small compiled model."""
    model = keras.Sequential([keras.Input((FEATURES,)), *layers, keras.layers.Dense(1)])
    model.compile(optimizer, loss, jit_compile=False)
    return model


def fitted(data: Any, *arguments: Any, model: Any = None, **options: Any) -> Any:
    """Train on data, and return the model."""
    model = model_of() if model is None else model
    model.fit(data, *arguments, verbose=0, **options)
    return model


def slices() -> Any:
    """Return a pipeline of single samples."""
    return tf.data.Dataset.from_tensor_slices(arrays())


def work(index: Any) -> Any:
    """Return next to nothing after a while that depends on the index."""
    steps = tf.random.stateless_uniform((), (1, index), 0, 60_000, tf.int32)
    return 1e-30 * tf.reduce_sum(tf.sin(tf.range(tf.cast(steps, tf.float32))))


# Arrays


@case
def arrays_for_three_epochs() -> Any:
    return fitted(*arrays(), batch_size=BATCH, epochs=3)


@case
def arrays_in_two_fits() -> Any:
    model = fitted(*arrays(), batch_size=BATCH)
    return fitted(*arrays(), batch_size=BATCH, model=model)


@case
def arrays_for_one_epoch() -> Any:
    return fitted(*arrays(), batch_size=BATCH)


@case
def arrays_in_order() -> Any:
    return fitted(*arrays(), batch_size=BATCH, epochs=3, shuffle=False)


# tf.data


@case
def sound_pipeline() -> Any:
    data = slices().shuffle(64, seed=3).batch(BATCH, num_parallel_calls=2)
    data = data.map(lambda x, y: (x * 2, y), num_parallel_calls=tf.data.AUTOTUNE)
    data = data.prefetch(2).with_options(tf.data.Options())
    x, y = arrays()
    validation = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)
    return fitted(data, epochs=2, validation_data=validation)


def mapped(function: Any, **options: Any) -> Any:
    return fitted(slices().map(function, **options).batch(BATCH))


PARALLEL = {"num_parallel_calls": 4, "deterministic": True}


def by_tensorflow(x: Any, y: Any) -> Any:
    return x + tf.random.normal((FEATURES,)), y


def by_numpy(x: Any, y: Any) -> Any:
    return tf.ensure_shape(tf.numpy_function(noisy, [x], tf.float32), (FEATURES,)), y


def noisy(x: Any) -> Any:
    return (x + np.random.normal(size=x.shape)).astype("float32")


@racing
def tensorflow_in_a_parallel_map() -> Any:
    return mapped(by_tensorflow, **PARALLEL)


@case
def tensorflow_in_a_serial_map() -> Any:
    return mapped(by_tensorflow)


@case
def stateless_in_a_parallel_map() -> Any:
    data = slices().enumerate()
    data = data.map(
        lambda index, item: (
            item[0] + tf.random.stateless_normal((FEATURES,), (SEED, index)),
            item[1],
        ),
        **PARALLEL,
    )
    return fitted(data.batch(BATCH))


@racing
def keras_in_a_parallel_map() -> Any:
    layer = keras.layers.GaussianNoise(0.5, seed=3)
    return mapped(lambda x, y: (layer(x, training=True), y), **PARALLEL)


@case
def keras_in_a_serial_map() -> Any:
    layer = keras.layers.GaussianNoise(0.5, seed=3)
    return mapped(lambda x, y: (layer(x, training=True), y))


@racing
def numpy_in_a_parallel_map() -> Any:
    return mapped(by_numpy, **PARALLEL)


@case
def numpy_in_a_serial_map() -> Any:
    return mapped(by_numpy)


@racing
def numpy_said_to_be_stateless() -> Any:
    def noise(x: Any, y: Any) -> Any:
        noised = tf.numpy_function(noisy, [x], tf.float32, stateful=False)
        return tf.ensure_shape(noised, (FEATURES,)), y

    return mapped(noise)


@racing
def generator_in_a_parallel_map() -> Any:
    class Augment:
        def __init__(self) -> None:
            self.rng = np.random.default_rng(7)

        def __call__(self, x: Any) -> Any:
            return (x + self.rng.normal(size=x.shape)).astype("float32")

    augment = Augment()

    def noise(x: Any, y: Any) -> Any:
        noised = tf.py_function(lambda value: augment(value.numpy()), [x], tf.float32)
        return tf.ensure_shape(noised, (FEATURES,)), y

    return mapped(noise, **PARALLEL)


@racing
def tensorflow_in_an_interleave() -> Any:
    data = tf.data.Dataset.range(12).interleave(
        lambda _: tf.data.Dataset.range(16).map(lambda _: tf.random.normal((FEATURES,))),
        cycle_length=4,
        num_parallel_calls=4,
    )
    return fitted(data.map(lambda x: (x, x[:1])).batch(BATCH))


def worked(**options: Any) -> Any:
    """Return a pipeline whose elements are ready in any order.

    The prefetch keeps tf.data from fusing map and batch, which would restore the order.
    """
    data = tf.data.Dataset.zip((tf.data.Dataset.range(COUNT), slices()))
    data = data.map(
        lambda index, item: (item[0] + work(index), item[1]), num_parallel_calls=4, **options
    )
    return data.prefetch(1).batch(BATCH)


@racing
def map_in_any_order() -> Any:
    return fitted(worked(deterministic=False))


@racing
def pipeline_in_any_order() -> Any:
    options = tf.data.Options()
    options.deterministic = False
    return fitted(worked().with_options(options))


@case
def from_generator() -> Any:
    def samples() -> Iterator[Any]:
        rng = np.random.default_rng(11)
        for _ in range(COUNT):
            x = rng.normal(size=FEATURES)
            yield x, x[:1]

    shapes = tf.TensorSpec((FEATURES,), tf.float64), tf.TensorSpec((1,), tf.float64)
    return fitted(tf.data.Dataset.from_generator(samples, output_signature=shapes).batch(BATCH))


@racing
def from_generator_without_a_seed() -> Any:
    def samples() -> Iterator[Any]:
        rng = np.random.default_rng()
        for _ in range(COUNT):
            x = rng.normal(size=FEATURES)
            yield x, x[:1]

    shapes = tf.TensorSpec((FEATURES,), tf.float64), tf.TensorSpec((1,), tf.float64)
    return fitted(tf.data.Dataset.from_generator(samples, output_signature=shapes).batch(BATCH))


# Python


class Batches(keras.utils.PyDataset):
    """Batches with noise from a source of one's choice."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rng = np.random.default_rng(13)

    def __len__(self) -> int:
        return COUNT // BATCH

    def __getitem__(self, index: int) -> Any:
        chosen = slice(index * BATCH, (index + 1) * BATCH)
        x, y = arrays()
        sum(range(4000 * ((index * 7919) % 5)))  # so that workers take turns in any order
        return (x[chosen] + self.noise(index)).astype("float32"), y[chosen]

    def noise(self, index: int) -> Any:
        return np.zeros((BATCH, FEATURES))


class FromNumpy(Batches):
    """Noise from np.random."""

    def noise(self, index: int) -> Any:
        return np.random.normal(size=(BATCH, FEATURES))


class FromItsOwn(Batches):
    """Noise from one generator."""

    def noise(self, index: int) -> Any:
        return self.rng.normal(size=(BATCH, FEATURES))


class Keyed(Batches):
    """Noise from a generator for each batch."""

    def noise(self, index: int) -> Any:
        return np.random.default_rng([SEED, index]).normal(size=(BATCH, FEATURES))


@racing
def workers_that_share_numpy() -> Any:
    return fitted(FromNumpy(workers=4), shuffle=False)


@racing
def workers_that_share_a_generator() -> Any:
    return fitted(FromItsOwn(workers=4), shuffle=False)


@case
def one_worker() -> Any:
    return fitted(FromNumpy(workers=1), shuffle=False)


@case
def keyed_workers() -> Any:
    return fitted(Keyed(workers=4), shuffle=False)


@case
def workers_without_noise() -> Any:
    return fitted(Batches(workers=4), shuffle=False)


def batches(rng: Any) -> Iterator[Any]:
    """Yield batches for ever."""
    x, y = arrays()
    while True:
        chosen = rng.permutation(COUNT)[:BATCH]
        yield x[chosen], y[chosen]


@case
def python_generator() -> Any:
    return fitted(batches(np.random.default_rng(17)), steps_per_epoch=4)


@racing
def python_generator_without_a_seed() -> Any:
    return fitted(batches(np.random.default_rng()), steps_per_epoch=4)


@case
def module_with_generators() -> Any:
    children = np.random.default_rng(19).spawn(2)
    globals().update(rng=np.random.default_rng(23), first=children[0], second=children[1])
    try:
        return fitted(*arrays(), batch_size=BATCH)
    finally:
        for name in ("rng", "first", "second"):
            del globals()[name]


@case
def module_with_a_generator_without_a_seed() -> Any:
    globals().update(rng=np.random.default_rng())
    try:
        return fitted(*arrays(), batch_size=BATCH)
    finally:
        del globals()["rng"]


# Steps


def counted(x: Any, y: Any) -> Any:
    """Return a loss with a long sum of weights by bin: 40,000 values."""
    weights = tf.tile(tf.reshape(tf.abs(y - x), [-1]), [40_000])[:40_000]
    values = tf.cast(tf.range(40_000) % BINS, tf.int32)
    sums = tf.math.bincount(values, weights=weights, minlength=BINS, maxlength=BINS)
    return tf.reduce_mean(y - x) ** 2 + 1e-9 * tf.reduce_sum(tf.stop_gradient(sums))


def counted_few(x: Any, y: Any) -> Any:
    """Return a loss with a short sum, and one of integers."""
    values = tf.cast(tf.range(BATCH) % BINS, tf.int32)
    sums = tf.math.bincount(values, weights=tf.ones(BATCH), minlength=BINS, maxlength=BINS)
    many = tf.math.bincount(tf.cast(tf.range(40_000) % BINS, tf.int32))
    return tf.reduce_mean(y - x) ** 2 + 0 * tf.reduce_sum(sums) + 0 * tf.cast(many[0], tf.float32)


@case
def weighted_bincount() -> Any:
    return fitted(*arrays(), batch_size=BATCH, model=model_of(loss=counted))


@case
def short_bincount() -> Any:
    return fitted(*arrays(), batch_size=BATCH, model=model_of(loss=counted_few))


@racing
def embedding_by_sgd() -> Any:
    layers = [keras.layers.Embedding(50, 16), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential([keras.Input((100,), dtype="int32"), *layers, keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    generator = np.random.default_rng(5)
    x, y = generator.integers(0, 50, (2048, 100)), generator.normal(size=(2048, 1))
    return fitted(x, y, model=model, batch_size=1024, epochs=2)


@case
def eager_step() -> Any:
    model = model_of()
    model.compile("sgd", "mse", run_eagerly=True)
    return fitted(*arrays(), batch_size=BATCH, model=model)


# Layers that draw


def dropping() -> Any:
    return model_of(keras.layers.Dropout(0.5, seed=4))


@case
def resumed_from_a_file() -> Any:
    model = fitted(*arrays(), batch_size=BATCH, epochs=2, shuffle=False, model=dropping())
    model.save("resumed.keras")
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    again = keras.models.load_model("resumed.keras")
    return recorded_alone(
        "resumed_from_a_file",
        lambda: fitted(
            *arrays(), batch_size=BATCH, epochs=4, initial_epoch=2, shuffle=False, model=again
        ),
    )


@case
def resumed_with_its_generators() -> Any:
    model = fitted(*arrays(), batch_size=BATCH, epochs=2, shuffle=False, model=dropping())
    model.save("resumed.keras")
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    again = keras.models.load_model("resumed.keras")
    again.layers[0].seed_generator.state.assign([4, 2 * (COUNT // BATCH)])
    return recorded_alone(
        "resumed_with_its_generators",
        lambda: fitted(
            *arrays(), batch_size=BATCH, epochs=4, initial_epoch=2, shuffle=False, model=again
        ),
    )


@case
def never_interrupted() -> Any:
    return fitted(*arrays(), batch_size=BATCH, epochs=4, shuffle=False, model=dropping())


@case
def with_a_backup() -> Any:
    backup = keras.callbacks.BackupAndRestore("backup")
    return fitted(*arrays(), batch_size=BATCH, model=dropping(), callbacks=[backup])


@case
def with_a_backup_and_nothing_that_draws() -> Any:
    backup = keras.callbacks.BackupAndRestore("backup")
    layers = [keras.layers.Reshape((4, -1)), keras.layers.LSTM(3)]
    return fitted(*arrays(), batch_size=BATCH, model=model_of(*layers), callbacks=[backup])


@racing
def nothing_seeded() -> Any:
    keras.backend.clear_session()
    random.seed()
    tf.random.set_seed(None)
    return fitted(
        *arrays(), batch_size=BATCH, shuffle=False, model=model_of(keras.layers.Dropout(0.5))
    )


MODE, DETERMINISM = sys.argv[1:]


def recorded_alone(name: str, train: Case) -> Any:
    """Record one part of a case under its name, where a recording is wanted."""
    if MODE == "bare":
        return train()
    import repro_audit

    with repro_audit.record(f"{name}.json"):
        return train()


def trained(name: str, *, bare: bool = False) -> dict[str, Any]:
    """Run one case from a clean slate; say how it ended and what the recorder complained of."""
    global MODE  # noqa: PLW0603 - cases ask for it
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    mode, MODE = MODE, "bare" if bare else MODE
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        alone = name.startswith("resumed")
        model = CASES[name]() if alone else recorded_alone(name, CASES[name])
    MODE = mode
    weights, everything = hashlib.sha256(), hashlib.sha256()
    for weight in model.trainable_variables:
        weights.update(np.asarray(weight).tobytes())
    for variable in (*model.variables, *model.optimizer.variables):
        everything.update(np.asarray(variable).tobytes())
    state = np.random.get_state(legacy=False)["state"]
    everything.update(repr([random.getstate(), state["pos"], state["key"].tolist()]).encode())
    kinds = [str(item.message) for item in caught if item.category.__name__ == "RecordingWarning"]
    return {"weights": weights.hexdigest(), "all": everything.hexdigest(), "warnings": kinds}


def ends(name: str, first: str) -> int:
    """Run a case again until it ends otherwise; return how many ends it had."""
    found = {first}
    for _ in range(MAX_TRIES[DETERMINISM]):
        found.add(trained(name, bare=True)["weights"])
        if len(found) > 1:
            break
    return len(found)


def sums() -> dict[str, int]:
    """Return how many results a long weighted bincount has, and what is to be used in its place."""
    generator = np.random.default_rng(5)
    values = tf.constant(generator.integers(0, BINS, 1_000_000), tf.int32)
    weights = tf.constant(generator.normal(size=1_000_000), tf.float32)

    def results(function: Any) -> int:
        return len({function().numpy().tobytes() for _ in range(200)})

    return {
        "bincount": results(
            lambda: tf.math.bincount(values, weights=weights, minlength=BINS, maxlength=BINS)
        ),
        "unsorted_segment_sum": results(
            lambda: tf.math.unsorted_segment_sum(weights, values, BINS)
        ),
    }


def watch_reading() -> None:
    """Take the time of everything that is read of data, and of each search of a step."""
    from repro_audit.recording.backends.tensorflow import data
    from repro_audit.recording.session import conditions

    def timed(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                READING_MS.append(1000 * (time.thread_time() - began))

        return call

    for owner, name in (
        (conditions.ConditionReader, "dataset"),
        (conditions.ConditionReader, "_generators"),
        (data, "racing_ops"),
    ):
        setattr(owner, name, timed(getattr(owner, name)))


def main() -> None:
    """Run every case once, and those that race until they end otherwise."""
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(4)
    names = list(CASES)
    if DETERMINISM == "on":
        tf.config.experimental.enable_op_determinism()
        # Without a seed TensorFlow then refuses to shuffle.
        names = [
            name for name in names if name in RACING - {"nothing_seeded"} | {"weighted_bincount"}
        ]
    if MODE == "recorded":
        watch_reading()
    result: dict[str, Any] = {}
    for name in names:
        began = time.monotonic()
        result[name] = trained(name)
        if name in RACING and (MODE == "bare" or DETERMINISM == "on"):
            result[name]["ends"] = ends(name, result[name]["weights"])
        print(name, round(time.monotonic() - began, 2), file=sys.stderr)
    result["sums"] = sums()
    result["reading_ms"] = READING_MS
    print(json.dumps(result))


if __name__ == "__main__":
    main()
