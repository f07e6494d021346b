"""Several threads draw from NumPy's one generator: who comes first gets the first numbers."""

import numpy as np
import tensorflow as tf
from digit_network import SEED, load_digits, network, scaled

import repro_audit


def noisy(image):
    """Return an image with noise of its own."""
    return image + np.random.normal(scale=0.1, size=image.shape).astype("float32")


def augment(image, label):
    """Add noise within the pipeline."""
    return tf.ensure_shape(tf.numpy_function(noisy, [image], tf.float32), image.shape), label


# Op determinism would run the map in one thread.
repro_audit.control(seed=SEED, threads=2, op_determinism=False)
images, labels = load_digits()
dataset = tf.data.Dataset.from_tensor_slices((scaled(images), labels))
dataset = dataset.map(augment, num_parallel_calls=4).batch(32)
with repro_audit.record() as run:
    run.data("train", images, labels)
    network().fit(dataset, epochs=2, verbose=0)
