"""A small classifier on a tf.data pipeline, trained with care."""

import keras
import numpy as np
import tensorflow as tf

import repro_audit

repro_audit.control(seed=812, threads=2)
rng = np.random.default_rng(1)
x = rng.normal(size=(60, 8)).astype("float32")
y = rng.integers(3, size=60)
dataset = tf.data.Dataset.from_tensor_slices((x, y))
dataset = dataset.shuffle(60, seed=1)
dataset = dataset.batch(16, drop_remainder=True)
with repro_audit.record() as run:
    run.data("train", x, y)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(dataset, epochs=2, verbose=0)
