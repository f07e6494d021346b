"""Short trainings of many kinds, each of which must repeat: ``python models.py KIND``."""

from __future__ import annotations

import sys

import keras
import numpy as np
import tensorflow as tf

import digits
import repro_audit

layers = keras.layers
SAMPLES, BATCH, EPOCHS = 320, 32, 2


class CustomStep(keras.Model):
    """A subclassed model whose step is its own, and which is built while it is traced."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(32, "relu"), layers.Dense(10, "softmax")

    def call(self, x):
        return self.out(self.hidden(keras.ops.reshape(x, (-1, 784))))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        weights = self.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


class Batches(keras.utils.PyDataset):
    """Batches by number, prepared by one worker."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x) // BATCH

    def __getitem__(self, index):
        part = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[part], self.y[part]


def sequential(*hidden):
    return keras.Sequential([keras.Input((28, 28, 1)), *hidden, layers.Dense(10, "softmax")])


def flat():
    return sequential(layers.Flatten(), layers.Dense(64, "relu"))


def convolutional():
    return sequential(
        layers.Conv2D(16, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Dropout(0.3),
        layers.Conv2D(16, 3, activation="relu"),
        layers.Flatten(),
    )


def recurrent():
    return sequential(layers.Reshape((28, 28)), layers.LSTM(24, dropout=0.2, recurrent_dropout=0.2))


def attentive():
    inputs = keras.Input((28, 28, 1))
    rows = layers.Dense(16)(layers.Reshape((28, 28))(inputs))
    seen = layers.MultiHeadAttention(2, 8, dropout=0.1)(rows, rows)
    pooled = layers.GlobalAveragePooling1D()(layers.Add()([rows, seen]))
    return keras.Model(inputs, layers.Dense(10, "softmax")(pooled))


def augmented():
    return sequential(
        layers.RandomTranslation(0.1, 0.1), layers.GaussianNoise(0.1), layers.Flatten()
    )


def arrays(x, y):
    return {"x": x, "y": y, "batch_size": BATCH}


def pipeline(x, y):
    noise = layers.RandomTranslation(0.1, 0.1)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(SAMPLES)
    dataset = dataset.batch(BATCH).map(
        lambda x, y: (noise(x, training=True), y), num_parallel_calls=4
    )
    return {"x": dataset}


def sequence(x, y):
    return {"x": Batches(x, y)}


def weighted(x, y):
    return {**arrays(x, y), "class_weight": {label: 1 + label / 10 for label in range(10)}}


KINDS = {
    "dense": (flat, arrays, {}),
    "convolutional": (convolutional, arrays, {}),
    "recurrent": (recurrent, arrays, {}),
    "attention": (attentive, arrays, {}),
    "augmenting layers": (augmented, arrays, {}),
    "augmenting pipeline": (convolutional, pipeline, {}),
    "PyDataset": (flat, sequence, {}),
    "class weights": (flat, weighted, {}),
    "custom step": (CustomStep, arrays, {"metrics": None}),
    "four steps a call": (convolutional, arrays, {"steps_per_execution": 4}),
}


def main() -> None:
    make_model, make_data, compiled = KINDS[sys.argv[1]]
    repro_audit.control(seed=812, threads=2)
    data = digits.load("mnist-5k")
    x = (data.x_train[:SAMPLES, ..., None] / 255).astype(np.float32)
    y = data.y_train[:SAMPLES].astype(np.int64)
    with repro_audit.record() as run:
        run.data("train", x, y)
        model = make_model()
        options = {"metrics": ["accuracy"], **compiled}
        model.compile("adam", "sparse_categorical_crossentropy", **options)
        model.fit(**make_data(x, y), epochs=EPOCHS, verbose=0)


if __name__ == "__main__":
    main()
