"""Cut a series into windows."""

import numpy as np
import tensorflow as tf

LENGTH = 12


def series(n=260):
    t = np.arange(n)
    noise = np.random.default_rng(5).normal(0, 0.1, n)
    return (np.sin(t / 6) + 0.5 * np.sin(t / 17) + noise).astype("float32")


def cut(values):
    starts = np.arange(len(values) - LENGTH)
    x = np.stack([values[s : s + LENGTH] for s in starts])[..., None]
    return x, values[starts + LENGTH][:, None]


def centre(window, target):
    level = tf.reduce_mean(window)
    return window - level, target - level


def to_dataset(x, y, batch):
    return tf.data.Dataset.from_tensor_slices((x, y)).map(centre).batch(batch).prefetch(1)
