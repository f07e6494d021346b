"""Warm a model up batch by batch, fit it, and tune it in a loop of its own."""

import hashlib

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(6)
x = np.random.normal(size=(16, 3)).astype("float32")
y = x.sum(axis=1, keepdims=True)

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
for _ in range(2):
    model.train_on_batch(x, y)
model.fit(x, y, batch_size=4, epochs=2, verbose=0)
print("predicted:", model.predict(x, verbose=0).shape)


def tune():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.abs(model(x, training=True) - y))
    gradients = tape.gradient(loss, model.trainable_variables)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))


traced = tf.function(tune)
tune()
traced()
traced()
model.fit(x, y, epochs=4, verbose=0)
model.predict(x, verbose=0)

digest = hashlib.sha256()
for weight in model.get_weights():
    digest.update(weight.tobytes())
print("weights:", digest.hexdigest())
