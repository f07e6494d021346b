"""Train a tiny model; each option changes one thing.

Positional arguments: ``record`` options as NAME or NAME=VALUE: ``lr=0.1``, ``draw`` (one
random.random() before the model), ``numpy_and_tf`` (seed those two alone).
"""

import random
import sys

import keras
import numpy as np
import tensorflow as tf

import repro_audit

options = dict(item.partition("=")[::2] for item in sys.argv[1:])
if "numpy_and_tf" in options:
    np.random.seed(812)
    tf.random.set_seed(812)
    tf.config.experimental.enable_op_determinism()
else:
    repro_audit.control(seed=812, threads=1)
x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
with repro_audit.record() as run:
    run.data("train", x)
    if "draw" in options:
        random.random()
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dropout(0.2), keras.layers.Dense(2)]
    )
    optimizer = keras.optimizers.SGD(float(options.get("lr", "0.01")))
    model.compile(optimizer, "mse", jit_compile=False)
    model.fit(x, x[:, :2], batch_size=8, epochs=1, verbose=0)
