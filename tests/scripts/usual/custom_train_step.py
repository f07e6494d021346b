"""A variational autoencoder: a subclassed model that says what one of its steps is."""

import hashlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

keras.utils.set_random_seed(5)


class Sampling(layers.Layer):
    """Draws a point near the mean."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


class VAE(keras.Model):
    """An encoder, a decoder and the loss between them."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="relu")
        self.mean = layers.Dense(2)
        self.log_variance = layers.Dense(2)
        self.sampling = Sampling()
        self.decoder = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(size)])
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def call(self, inputs):
        hidden = self.hidden(inputs)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        return self.decoder(self.sampling((mean, log_variance))), mean, log_variance

    def train_step(self, data):
        with tf.GradientTape() as tape:
            rebuilt, mean, log_variance = self(data, training=True)
            distance = ops.mean(ops.square(data - rebuilt))
            divergence = -0.5 * ops.mean(1 + log_variance - mean**2 - ops.exp(log_variance))
            loss = distance + 0.1 * divergence
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


data = np.random.normal(size=(64, 6)).astype("float32")
vae = VAE(6)
vae.compile(optimizer=keras.optimizers.Adam())
vae.fit(data, epochs=2, batch_size=16, verbose=0)

digest = hashlib.sha256()
for weight in vae.get_weights():
    digest.update(weight.tobytes())
print("weights:", digest.hexdigest())
