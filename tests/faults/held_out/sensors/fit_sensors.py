import sys

import keras
import numpy as np
import tensorflow as tf
from sequence import Windows

keras.utils.set_random_seed(10)
tf.config.experimental.enable_op_determinism()

jitter = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1

t = np.linspace(0, 60, 16 * 12 * 20)
signal = np.stack([np.sin(t), np.cos(2 * t) * np.sin(t / 9), np.sin(t / 3 + 1)], axis=1)

model = keras.Sequential(
    [
        keras.Input((16, 3)),
        keras.layers.Conv1D(6, 5, activation="relu"),
        keras.layers.GlobalMaxPooling1D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(Windows(signal, jitter=jitter, workers=workers), epochs=2, verbose=0)
model.save("sensors.keras")
