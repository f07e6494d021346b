"""Train a model by a fit, and something else in the way that is asked for."""

import multiprocessing
import subprocess
import sys
import threading

import keras
import numpy as np
import tensorflow as tf

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")


def fitted():
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], epochs=2, verbose=0)


def nothing():
    """Train nothing else."""


def assign_sub():
    weight = tf.Variable(tf.ones((4, 1)))
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((X @ weight - X[:, :1]) ** 2)
        weight.assign_sub(0.1 * tape.gradient(loss, weight))


def assign_in_a_function():
    weights = [tf.Variable(tf.ones((4, 1))), tf.Variable(0.0)]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((X @ weights[0] + weights[1] - X[:, :1]) ** 2)
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign(weight - 0.1 * gradient)

    for _ in range(3):
        step()


def assign_what_was_fitted():
    """By hand, a model that is gone at the end."""
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], epochs=2, verbose=0)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X) - X[:, :1]) ** 2)
        variables = model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign(variable - 0.1 * gradient)
    del model, variables, variable
    keras.utils.clear_session()


def accumulate():
    """Many gradients for one update, of a variable that is gone at the end."""
    weight, total = tf.Variable(tf.ones((4, 1))), tf.zeros((4, 1))
    for at in range(16):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((X[at : at + 4] @ weight - X[at : at + 4, :1]) ** 2)
        total += tape.gradient(loss, weight)
    weight.assign(weight - 0.1 * total)


def threads_of_one_model():
    """Two fits of it at once."""
    threads(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)]))


def threads(shared=None):
    """Two fits at once, each in a thread of its own."""
    barrier = threading.Barrier(2)

    class Together(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            barrier.wait(60)

    def made():
        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    if shared is not None:
        shared.compile("sgd", "mse", run_eagerly=True)

    def fit():
        model = made() if shared is None else shared
        model.fit(X, X[:, :1], epochs=2, verbose=0, callbacks=[Together()])

    both = [threading.Thread(target=fit) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()


def spawned():
    """Leave the worker there, as a script does that uses it again later."""
    pool = multiprocessing.get_context("spawn").Pool(1)
    pool.apply(fitted)
    return pool


def another_program():
    subprocess.run([sys.executable, __file__, "nothing"], check=True)


if __name__ == "__main__":
    fitted()
    kept = globals()[sys.argv[1]]()
