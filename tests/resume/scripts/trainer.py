"""Train one of a dozen models, saved and restored in one of the ways that scripts do it.

``trainer.py KIND WAY``: started again in the same folder it goes on from what it finds there.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import repro_audit

KIND, WAY = sys.argv[1:3]
SEED, EPOCHS, SAMPLES, BATCH = 812, 4, 64, 16
BACKUP, MODEL, WEIGHTS = "backup", pathlib.Path("m.keras"), pathlib.Path("m.weights.h5")
REACHED, ARRAYS = pathlib.Path("epoch.txt"), pathlib.Path("weights.npz")

repro_audit.control(seed=SEED, threads=2)
drawn = np.random.default_rng(7)
FLAT = KIND not in {"lstm", "flip", "cnn"}
shape = {"lstm": (6, 3), "flip": (8, 8, 1), "cnn": (8, 8, 1)}.get(KIND, (12,))
x = drawn.normal(size=(SAMPLES, *shape)).astype("float32")
y = drawn.integers(0, 3, SAMPLES)


class Noisy(keras.utils.PyDataset):
    """Shuffles its samples after each epoch, and adds noise to them."""

    def __init__(self):
        super().__init__()
        self.order = np.arange(SAMPLES)

    def __len__(self):
        return SAMPLES // BATCH

    def __getitem__(self, index):
        chosen = self.order[index * BATCH : (index + 1) * BATCH]
        return x[chosen] + np.random.normal(0, 0.1, x[chosen].shape).astype("float32"), y[chosen]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


def build():
    """Return the compiled model of a kind."""
    inside = {
        "dropout": [layers.Dense(16, activation="relu"), layers.Dropout(0.5)],
        "lstm": [layers.LSTM(8, recurrent_dropout=0.3, dropout=0.2)],
        "flip": [layers.RandomFlip(), layers.Flatten(), layers.Dense(16, activation="relu")],
        "cnn": [
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.5),
        ],
    }.get(KIND, [layers.Dense(16, activation="relu")])
    model = keras.Sequential([layers.Input(shape), *inside, layers.Dense(3, activation="softmax")])
    rate = 0.01
    if KIND == "decay":
        rate = keras.optimizers.schedules.ExponentialDecay(0.01, 4, 0.7)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def restore():
    """Return the model, and the epoch that it begins with, from 0."""
    if WAY in {"backup", "none"} or not REACHED.exists():
        return build(), 0
    reached = int(REACHED.read_text())
    if WAY == "full":
        return keras.saving.load_model(MODEL), reached
    model = build()
    if WAY == "built":
        model.optimizer.build(model.trainable_variables)
    if WAY in {"weights", "built"}:
        model.load_weights(WEIGHTS)
    elif WAY == "arrays":
        model.set_weights([array for _, array in sorted(np.load(ARRAYS).items())])
    else:
        tf.train.Checkpoint(model=model, optimizer=model.optimizer).restore(
            tf.train.latest_checkpoint(".")
        )
    return model, reached


class Save(keras.callbacks.Callback):
    """Saves after each epoch what the way of this run keeps."""

    def on_epoch_end(self, epoch, logs=None):
        if WAY == "full":
            self.model.save(MODEL)
        elif WAY in {"weights", "built"}:
            self.model.save_weights(WEIGHTS)
        elif WAY == "arrays":
            arrays = self.model.get_weights()
            np.savez(ARRAYS, **{f"{n:03}": array for n, array in enumerate(arrays)})
        elif WAY == "tf":
            checkpoint = tf.train.Checkpoint(model=self.model, optimizer=self.model.optimizer)
            checkpoint.save("tf")
        REACHED.write_text(str(epoch + 1))


model, begun = restore()
callbacks = {
    "scheduler": [keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 * 0.7**epoch)],
    "plateau": [keras.callbacks.ReduceLROnPlateau("loss", 0.1, patience=1, min_delta=9.0)],
    "stopping": [
        keras.callbacks.EarlyStopping("loss", patience=9, mode="max", restore_best_weights=True)
    ],
}.get(KIND, [])
if WAY == "backup":
    callbacks.append(keras.callbacks.BackupAndRestore(BACKUP))
elif WAY != "none":
    callbacks.append(Save())
if KIND == "shuffle":
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(SAMPLES, seed=SEED).batch(BATCH)
elif KIND == "cnn":
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(SAMPLES).batch(BATCH)
elif KIND == "sequence":
    data = Noisy()
else:
    data = None
with repro_audit.record() as run:
    if KIND != "sequence":
        run.data("train", x, y)
    given = (x, y) if data is None else (data,)
    options = {"batch_size": BATCH, "shuffle": KIND == "arrays"} if data is None else {}
    options |= {"epochs": EPOCHS, "initial_epoch": begun, "callbacks": callbacks, "verbose": 0}
    model.fit(*given, **options)
    if KIND == "two":
        for layer in model.layers[:-1]:
            layer.trainable = False
        model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=2, batch_size=BATCH, shuffle=False, verbose=0)
    model.evaluate(x, y, batch_size=BATCH, verbose=0)
