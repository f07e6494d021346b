"""Train twice with Keras's own callbacks, and leave what they log beside the histories.

Words: the folder of the package tensorboard, which the callback needs.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, sys.argv[1])
from tensorboard.summary._tf import summary

tf.summary = summary
SEPARATORS = ",;\t|.: e"

keras.utils.set_random_seed(812)
generator = np.random.default_rng(812)
x = generator.random((64, 4)).astype("float32")
y = (x.sum(1) > 2).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])


def callbacks() -> list[keras.callbacks.Callback]:
    """Return one logger for each separator, and TensorBoard's with all that it can write."""
    loggers = [
        keras.callbacks.CSVLogger(f"training-{number}.log", separator=separator, append=True)
        for number, separator in enumerate(SEPARATORS)
    ]
    return [*loggers, keras.callbacks.TensorBoard("logs", histogram_freq=1, update_freq=1)]


for number in range(2):
    fitted = model.fit(
        x, y, validation_split=0.25, epochs=3, batch_size=16, verbose=0, callbacks=callbacks()
    )
    with open(f"history-{number}.json", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(fitted.history, file)
