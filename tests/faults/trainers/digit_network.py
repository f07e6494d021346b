"""What the trainers share: a few hundred digits, and a small network that learns them.

A trainer holds what its fault is about; the word ``planted`` on its command line plants it.
"""

import sys

import keras
import numpy as np

import digits

SEED = 812
PLANTED = "planted" in sys.argv


def load_digits():
    """Return 256 digits of all classes, uint8 ``(256, 28, 28)``, and their labels."""
    data = digits.load("mnist-5k")
    # The classes stand one after the other there.
    return data.x_train[::15][:256], data.y_train[::15][:256]


def scaled(images):
    """Return images as the network takes them: float32 ``(samples, 28, 28, 1)``, 0 to 1."""
    return images[..., np.newaxis].astype("float32") / 255


def network(*first, dropout=0.2, learning_rate=0.01, jit_compile=False):
    """Return a compiled convolutional network with Dropout, behind layers that come first."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *first,
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(learning_rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return model
