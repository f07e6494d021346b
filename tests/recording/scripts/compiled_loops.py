"""Train a model in each of many ways to call a compiled step; print the weights each ends with.

With an argument one number of the second batch is another.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X[:, :1] * 2
EPOCHS, SIZE = 2, 8


class Loop:
    """A model, its update, and the ways of calling it; each is given a `tf.data.Dataset`."""

    def __init__(self, x):
        keras.utils.set_random_seed(1)
        self.x = x
        self.model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        self.optimizer = keras.optimizers.SGD(0.01)

    def update(self, x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.model(x) - y) ** 2)
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    def batches(self):
        return tf.data.Dataset.from_tensor_slices((self.x, Y)).batch(SIZE)

    def run(self, step):
        for _ in range(EPOCHS):
            for x, y in self.batches():
                step(x, y)

    def x_and_y(self):
        self.run(tf.function(self.update))

    def of_a_class(self):
        self.run(self.compiled)

    @tf.function
    def compiled(self, x, y):
        self.update(x, y)

    def one_pair(self):
        step = tf.function(lambda pair: self.update(*pair))
        self.run(lambda x, y: step((x, y)))

    def one_dict(self):
        step = tf.function(lambda batch: self.update(batch["image"], batch["label"]))
        self.run(lambda x, y: step({"image": x, "label": y}))

    def three(self):
        step = tf.function(lambda one, two, y: self.update(one + two, y))
        self.run(lambda x, y: step(x, 0 * x, y))

    def by_name(self):
        @tf.function
        def step(images, labels):
            self.update(images, labels)

        self.run(lambda x, y: step(labels=y, images=x))

    def beside_a_model(self):
        step = tf.function(lambda _model, x, y, _training: self.update(x, y))
        self.run(lambda x, y: step(self.model, x, y, "training"))

    def arrays(self):
        step = tf.function(self.update)
        self.run(lambda x, y: step(x.numpy(), y.numpy()))

    def ragged(self):
        step = tf.function(lambda x, y: self.update(x.to_tensor(), y))
        self.run(lambda x, y: step(tf.RaggedTensor.from_tensor(x), y))

    def run_eagerly(self):
        tf.config.run_functions_eagerly(run_eagerly=True)
        self.x_and_y()
        tf.config.run_functions_eagerly(run_eagerly=False)

    # What says nothing of the batch.

    def numbers_of_samples(self):
        x, y = tf.constant(self.x), tf.constant(Y)
        step = tf.function(lambda place: self.update(tf.gather(x, place), tf.gather(y, place)))
        for _ in range(EPOCHS):
            for place in range(0, len(X), SIZE):
                step(tf.range(place, place + SIZE))

    def an_iterator(self):
        step = tf.function(lambda iterator: self.update(*next(iterator)))
        for _ in range(EPOCHS):
            iterator = iter(self.batches())
            for _ in range(len(X) // SIZE):
                step(iterator)

    def beside_an_object(self):
        step = tf.function(lambda x, held: self.update(x, held["y"]()))
        self.run(lambda x, y: step(x, {"y": lambda: y}))

    def a_whole_epoch(self):
        @tf.function
        def epoch(batches):
            for x, y in batches:
                self.update(x, y)

        for _ in range(EPOCHS):
            epoch(self.batches())

    def gradients(self):
        variables = self.model.trainable_variables
        step = tf.function(lambda found: self.optimizer.apply(found, variables))

        def outside(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self.model(x) - y) ** 2)
            step(tape.gradient(loss, variables))

        self.run(outside)

    def a_concrete_function(self):
        x, y = next(iter(self.batches()))
        step = tf.function(self.update).get_concrete_function(x, y)
        evaluate = tf.function(lambda x, y: tf.reduce_mean((self.model(x) - y) ** 2))

        def and_evaluate(x, y):
            step(x, y)
            evaluate(self.x[:3], Y[:3])

        self.run(and_evaluate)


WAYS = (
    "x_and_y", "of_a_class", "one_pair", "one_dict", "three", "by_name", "beside_a_model",
    "arrays", "ragged", "run_eagerly", "numbers_of_samples", "an_iterator", "beside_an_object",
    "a_whole_epoch", "gradients", "a_concrete_function",
)  # fmt: skip

if sys.argv[1:]:
    X[9, 2] += 1
ends = []
for way in WAYS:
    loop = Loop(X)
    getattr(loop, way)()
    ends.append([value.tobytes().hex() for value in loop.model.get_weights()])
print(json.dumps(ends))
