"""A small regression on batches that a generator makes, of a seed and a size."""

import sys

import keras
import numpy as np
import tensorflow as tf

import repro_audit

repro_audit.control(seed=812, threads=2)
seed, size = map(int, sys.argv[1:])
x = np.random.default_rng(seed).normal(size=(64, 4)).astype("float32")
y = x[:, :1]


def batches():
    """Yield the batches."""
    for start in range(0, 64, size):
        yield x[start : start + size], y[start : start + size]


dataset = tf.data.Dataset.from_generator(
    batches, output_signature=(tf.TensorSpec((None, 4)), tf.TensorSpec((None, 1)))
)
with repro_audit.record() as run:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(dataset, epochs=2, verbose=0)
