"""Fit a line to points with nothing but two variables and a gradient tape."""

import hashlib

import numpy as np
import tensorflow as tf

tf.random.set_seed(3)
x = np.random.default_rng(3).normal(size=(64,)).astype("float32")
y = 3.0 * x + 2.0
slope, offset = tf.Variable(tf.random.normal([])), tf.Variable(0.0)


@tf.function
def train_step(features, targets):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(slope * features + offset - targets))
    for variable, gradient in zip(
        (slope, offset), tape.gradient(loss, (slope, offset)), strict=True
    ):
        variable.assign_sub(0.1 * gradient)
    return loss


for start in (0, 16, 32, 48):
    current = train_step(x[start : start + 16], y[start : start + 16])
print("loss:", float(current))

digest = hashlib.sha256(slope.numpy().tobytes() + offset.numpy().tobytes())
print("weights:", digest.hexdigest())
