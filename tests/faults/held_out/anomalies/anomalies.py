"""Pretrain an encoder on unlabelled traffic, then classify."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

tf.config.experimental.enable_op_determinism()
keras.utils.set_random_seed(8)


def traffic(n, seed):
    rng = np.random.default_rng(seed)
    normal = rng.normal(0, 1, (n, 10))
    odd = rng.random(n) < 0.3
    normal[odd] += rng.normal(1.5, 0.5, (odd.sum(), 10))
    return normal.astype("float32"), odd.astype("float32")


def make_encoder():
    return keras.Sequential(
        [keras.Input((10,)), layers.Dense(8, "relu"), layers.Dense(4, "tanh")], name="encoder"
    )


def pretrain(encoder, x):
    auto = keras.Sequential([encoder, layers.Dense(10, name="decoder")], name="auto")
    auto.compile("adam", "mse")
    auto.fit(x, x, epochs=2, batch_size=32, verbose=0)


def classify(encoder, x, y):
    encoder.trainable = False
    inputs = keras.Input((10,))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid", name="odd")(encoder(inputs)))
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=2, batch_size=20, verbose=0)
    return model


encoder = make_encoder()
pretrain(encoder, traffic(192, 1)[0])
classify(encoder, *traffic(120, 2))
