"""A small classifier on arrays, trained with care: faults and their remedies are edits of it."""

import keras
import numpy as np

import repro_audit

repro_audit.control(seed=812, threads=2)
rng = np.random.default_rng(1)
x = rng.normal(size=(64, 8)).astype("float32")
y = rng.integers(3, size=64)
with repro_audit.record() as run:
    run.data("train", x, y)
    hidden = keras.layers.Dense(16, activation="relu")
    dropout = keras.layers.Dropout(rate=0.2)
    last = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((8,)), hidden, dropout, last])
    model.compile(
        keras.optimizers.Adam(learning_rate=0.01),
        "sparse_categorical_crossentropy",
        jit_compile=False,
    )
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
