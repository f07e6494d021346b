"""Train many small models, bare or recorded, and say in which bits each ends.

Arguments: ``bare`` or ``recorded``, and for the latter nothing else; manifests go to the current
folder, one a case. The last line of the output is JSON: per case the digest of every variable
and of every shared generator afterwards, and what Keras itself says of the training.
"""

import hashlib
import json
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

SEED = 31
CLASSES = 3
BATCH = 16
MOMENTUM = {"class_name": "SGD", "config": {"momentum": 0.9}}
"""An optimizer with slots whose step is traced in half the time of Adam's."""

Case = Callable[["Seen", Any], None]
CASES: dict[str, Case] = {}


class Seen:
    """What a case shows of itself: bits, and Keras's own account."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.facts: dict[str, Any] = {"histories": [], "evaluations": [], "iterations": []}

    def model(self, model: Any) -> None:
        for variable in (*model.variables, *model.optimizer.variables):
            self.digest.update(np.asarray(variable).tobytes())
        self.facts["iterations"].append(int(model.optimizer.iterations))

    def fit(self, model: Any, *args: Any, **kwargs: Any) -> None:
        history = model.fit(*args, verbose=0, **kwargs)
        self.facts["histories"].append(history.history)

    def evaluate(self, model: Any, *args: Any, **kwargs: Any) -> None:
        result = model.evaluate(*args, return_dict=True, verbose=0, **kwargs)
        self.facts["evaluations"].append(result)

    def generators(self) -> None:
        from tensorflow.python.eager import context

        numpy = np.random.get_state(legacy=False)["state"]
        shared = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
        for state in (
            random.getstate(),
            [numpy["pos"], numpy["key"].tolist()],
            context.global_seed(),
            context.context()._rng.getstate(),
            None if shared is None else np.asarray(shared.state).tolist(),
        ):
            self.digest.update(repr(state).encode())


class Bare:
    """Stands for a recording where there is none."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def case(function: Case) -> Case:
    """Register a case."""
    CASES[function.__name__] = function
    return function


def arrays(*shape: int, count: int = 64) -> tuple[Any, Any]:
    """Return float32 samples of a shape, and their labels: four whole batches."""
    generator = np.random.default_rng(5)
    x = generator.normal(size=(count, *(shape or (8,)))).astype("float32")
    return x, generator.integers(0, CLASSES, count)


def compiled(model: Any, **options: Any) -> Any:
    """Compile a classifier."""
    model.compile(
        **{
            "optimizer": MOMENTUM,
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        }
        | {"jit_compile": False}
        | options
    )
    return model


def stack(*first: Any) -> list[Any]:
    """Return the layers of a small classifier with dropout."""
    return [
        *first,
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(CLASSES, activation="softmax"),
    ]


def classifier(**options: Any) -> Any:
    """Return a built and compiled classifier."""
    return compiled(keras.Sequential(stack(keras.Input((8,)))), **options)


@case
def functional(seen: Seen, run: Any) -> None:
    inputs = keras.Input((8,))
    hidden = layers.Dropout(0.3)(layers.Dense(16, activation="relu")(inputs))
    outputs = layers.Dense(CLASSES, activation="softmax")(layers.concatenate([inputs, hidden]))
    model = compiled(keras.Model(inputs, outputs), optimizer="adam", jit_compile="auto")
    x, y = arrays(count=70)  # the last batch is one of 6
    run.data("train", x, y)
    seen.fit(model, x, y, batch_size=BATCH, epochs=2, validation_data=(x[:20], y[:20]))
    seen.model(model)


@case
def sequential_unbuilt(seen: Seen, run: Any) -> None:
    model = compiled(keras.Sequential(stack()))
    seen.fit(model, *arrays(), batch_size=BATCH, epochs=2)
    seen.model(model)


@case
def sequential_unbuilt_eager(seen: Seen, run: Any) -> None:
    model = compiled(keras.Sequential(stack()), run_eagerly=True)
    seen.fit(model, *arrays(), batch_size=BATCH, epochs=2)
    seen.model(model)


@case
def subclassed_train_step(seen: Seen, run: Any) -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.stack = keras.Sequential(stack())

        def call(self, inputs: Any, *, training: bool = False) -> Any:
            return self.stack(inputs, training=training)

        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"loss": loss}

    model = compiled(Own(), metrics=None)
    seen.fit(model, *arrays(), batch_size=BATCH, epochs=2)
    seen.model(model)


@case
def recurrent_dropout(seen: Seen, run: Any) -> None:
    lstm = layers.LSTM(6, dropout=0.2, recurrent_dropout=0.2)
    model = compiled(
        keras.Sequential([keras.Input((5, 4)), lstm, layers.Dense(CLASSES, "softmax")])
    )
    seen.fit(model, *arrays(5, 4), batch_size=BATCH, epochs=2)
    seen.model(model)


@case
def batch_normalization(seen: Seen, run: Any) -> None:
    model = compiled(keras.Sequential(stack(keras.Input((8,)), layers.BatchNormalization())))
    seen.fit(model, *arrays(), batch_size=BATCH, epochs=2, validation_split=0.2)
    seen.model(model)


@case
def mixed_float16(seen: Seen, run: Any) -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = classifier()
    finally:
        keras.config.set_dtype_policy("float32")
    seen.fit(model, *arrays(), batch_size=BATCH, epochs=2)
    seen.model(model)


@case
def generator_input(seen: Seen, run: Any) -> None:
    x, y = arrays()
    # Of its own: Keras reads ahead in a thread, by chance more or less far.
    generator = np.random.default_rng(9)

    def batches() -> Iterator[tuple[Any, Any]]:
        while True:
            chosen = generator.permutation(len(x))[:BATCH]
            yield x[chosen], y[chosen]

    model = classifier()
    seen.fit(model, batches(), steps_per_epoch=4, epochs=2)
    seen.model(model)


@case
def pydataset_input(seen: Seen, run: Any) -> None:
    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            x, y = arrays()
            chosen = slice(index * BATCH, (index + 1) * BATCH)
            return x[chosen] * np.float32(1 + index / 10), y[chosen]

    model = classifier()
    seen.fit(model, Batches(workers=1), shuffle=False, epochs=2)
    seen.model(model)


@case
def dataset_input(seen: Seen, run: Any) -> None:
    options = tf.data.Options()
    options.deterministic = False
    dataset = tf.data.Dataset.from_tensor_slices(arrays()).shuffle(64).batch(BATCH)
    model = classifier()
    seen.fit(model, dataset.with_options(options), epochs=2)
    seen.model(model)


@case
def steps_per_execution(seen: Seen, run: Any) -> None:
    model = classifier(steps_per_execution=4)
    seen.fit(model, *arrays(count=90), batch_size=BATCH, epochs=2)
    seen.model(model)


@case
def jit_compile(seen: Seen, run: Any) -> None:
    model = classifier(jit_compile=True)
    seen.fit(model, *arrays(), batch_size=BATCH, epochs=2)
    seen.model(model)


@case
def two_fits_and_evaluate_between(seen: Seen, run: Any) -> None:
    model = classifier()
    x, y = arrays()
    seen.fit(model, x, y, batch_size=BATCH, epochs=2, validation_data=(x[:20], y[:20]))
    seen.evaluate(model, x[:30], y[:30])
    seen.fit(model, x, y, batch_size=10, epochs=1)
    seen.evaluate(model, x, y)
    seen.model(model)


@case
def evaluate_inside_fit(seen: Seen, run: Any) -> None:
    x, y = arrays()
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: model.evaluate(x, y, verbose=0)
    )
    model = classifier()
    seen.fit(model, x, y, batch_size=BATCH, epochs=2, callbacks=callback)
    seen.model(model)


@case
def weighted(seen: Seen, run: Any) -> None:
    x, y = arrays()
    model = classifier()
    seen.fit(model, x, y, batch_size=BATCH, class_weight={0: 1.0, 1: 0.5, 2: 2.0})
    weights = np.linspace(0.1, 2, len(x)).astype("float32")
    seen.fit(model, x, y, batch_size=BATCH, sample_weight=weights)
    seen.model(model)


@case
def early_stopping(seen: Seen, run: Any) -> None:
    x, y = arrays()
    stop = keras.callbacks.EarlyStopping(
        "loss", min_delta=10.0, patience=1, restore_best_weights=True
    )
    model = classifier()
    seen.fit(model, x, y, batch_size=BATCH, epochs=9, callbacks=[stop])
    seen.model(model)


@case
def callback_list(seen: Seen, run: Any) -> None:
    model = classifier()
    own = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1))
    given = keras.callbacks.CallbackList([own], add_history=True, model=model, epochs=2, steps=4)
    before = list(given.callbacks)
    seen.fit(model, *arrays(), batch_size=BATCH, epochs=2, callbacks=given)
    seen.facts["list_kept"] = given.callbacks == before
    seen.model(model)


@case
def k_folds(seen: Seen, run: Any) -> None:
    x, y = arrays()
    for fold in range(2):
        chosen = np.arange(len(x)) // 32 != fold
        model = classifier()
        seen.fit(model, x[chosen], y[chosen], batch_size=BATCH, epochs=fold + 1)
        seen.evaluate(model, x[~chosen], y[~chosen])
        seen.model(model)
        del model


@case
def hand_written_loop(seen: Seen, run: Any) -> None:
    x, y = arrays()
    model = classifier()
    loss_of = keras.losses.SparseCategoricalCrossentropy()
    run.watch(model)
    history: list[float] = []
    for _ in range(2):
        for begin in range(0, len(x), BATCH):
            with tf.GradientTape() as tape:
                loss = loss_of(
                    y[begin : begin + BATCH], model(x[begin : begin + BATCH], training=True)
                )
            model.optimizer.apply(
                tape.gradient(loss, model.trainable_variables), model.trainable_variables
            )
            run.step(model, (x[begin : begin + BATCH],), loss)
        history.append(float(loss))
        run.epoch(model, {"loss": loss})
    seen.facts["histories"].append({"loss": history})
    seen.model(model)


@case
def loop_never_watched(seen: Seen, run: Any) -> None:
    x, y = arrays()
    model = classifier()
    for _ in range(2):
        model.train_on_batch(x, y)
        run.step(model)
    run.epoch(model, {})
    seen.model(model)


@case
def names_first(seen: Seen, run: Any) -> None:
    seen.fit(model := classifier(), *arrays(), batch_size=BATCH, epochs=1)
    seen.model(model)


@case
def names_second(seen: Seen, run: Any) -> None:
    classifier()
    keras.utils.set_random_seed(SEED)
    names_first(seen, run)


@case
def names_other_seed(seen: Seen, run: Any) -> None:
    keras.utils.set_random_seed(SEED + 1)
    names_first(seen, run)


def trained(name: str, mode: str) -> dict[str, Any]:
    """Run one case from a clean slate."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    seen = Seen()
    began = time.monotonic()
    caught: list[Any] = []
    if mode == "recorded":
        import repro_audit

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", repro_audit.errors.RecordingWarning)
            if name == "functional":  # once by start and stop
                run = repro_audit.record(f"{name}.json").start()
                CASES[name](seen, run)
                run.stop()
            else:
                with repro_audit.record(f"{name}.json") as run:
                    CASES[name](seen, run)
    else:
        if mode == "drawing":
            random.random()
        CASES[name](seen, Bare())
    seen.generators()
    said = [str(item.message) for item in caught if "repro-audit" in str(item.message)]
    print(name, round(time.monotonic() - began, 2), file=sys.stderr)
    return {"digest": seen.digest.hexdigest(), "warnings": said, **seen.facts}


def main() -> None:
    """Run every case, and in ``bare`` mode a few behind an extra draw."""
    result = {name: trained(name, sys.argv[1]) for name in CASES}
    if sys.argv[1] == "bare":
        for name in ("sequential_unbuilt", "hand_written_loop"):
            result[f"{name} after a draw"] = trained(name, "drawing")
    else:
        with_two = Path("functional-with.json")  # the same once more, by `with`
        import repro_audit

        keras.backend.clear_session()
        keras.utils.set_random_seed(SEED)
        with repro_audit.record(with_two) as run:
            functional(Seen(), run)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
