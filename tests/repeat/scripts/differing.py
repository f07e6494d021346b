"""Train a tiny model. Arguments: seed, order, data, learning rate.

Seed: a number or ``none``. Order: ``given``, ``shuffled``, or a number that seeds the shuffle of a
pipeline. Data: ``same`` or ``anew``, drawn from a generator without a seed.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

seed, order, data, rate = sys.argv[1:]
if seed != "none":
    keras.utils.set_random_seed(int(seed))
generator = np.random.default_rng() if data == "anew" else np.random.default_rng(0)
x = generator.normal(size=(64, 8)).astype("float32")
y = x[:, :1]
layers = keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(1)
model = keras.Sequential([keras.Input((8,)), *layers])
model.compile(keras.optimizers.SGD(float(rate)), "mse", jit_compile=False)
if order in {"given", "shuffled"}:
    model.fit(x, y, batch_size=16, epochs=2, shuffle=order == "shuffled", verbose=0)
else:
    pairs = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(64, seed=int(order))
    model.fit(pairs.batch(16), epochs=2, verbose=0)
