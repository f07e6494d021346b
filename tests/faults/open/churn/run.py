#!/usr/bin/env python
"""Who will leave? HIDDEN_UNITS and EPOCHS may be set in the environment."""

import os

import keras
import numpy as np
import tensorflow as tf


class Settings:
    hidden = int(os.environ.get("HIDDEN_UNITS", 16))
    epochs = int(os.getenv("EPOCHS", "2"))
    seed = 31


class Customers:
    def __init__(self, count=320):
        rng = np.random.default_rng(2)
        self.x = rng.normal(size=(count, 6)).astype(np.float32)
        risk = self.x @ np.array([1.5, -1, 0.5, 0, 0, 0.3]) + rng.normal(size=count) - 1
        self.y = (risk > 0).astype(np.float32)


class Trainer:
    def __init__(self, settings):
        self.settings = settings
        keras.utils.set_random_seed(settings.seed)
        tf.config.experimental.enable_op_determinism()
        self.data = Customers()

    def build(self):
        i = keras.layers.Input(shape=(6,))
        h = keras.layers.Dense(self.settings.hidden, activation="relu")(i)
        h = keras.layers.BatchNormalization()(h)
        o = keras.layers.Dense(1, activation="sigmoid")(h)
        self.model = keras.Model(inputs=i, outputs=o, name="churn")
        self.model.compile("adam", "binary_crossentropy", metrics=["accuracy"])

    def fit(self):
        self.model.fit(
            self.data.x,
            self.data.y,
            batch_size=40,
            epochs=self.settings.epochs,
            validation_split=0.25,
            verbose=2,
        )


if __name__ == "__main__":
    trainer = Trainer(Settings)
    trainer.build()
    trainer.fit()
