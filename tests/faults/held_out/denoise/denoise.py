import os

import keras
import tensorflow as tf
from keras import layers, ops

import digits

NOISE_STD = float(os.environ.get("NOISE_STD") or 0.3)
STEPS = os.environ.get("STEPS_PER_EPOCH")


class Denoiser(keras.Model):
    """Learns to take away the noise that it adds."""

    def __init__(self, std):
        super().__init__()
        self.std = std
        self.random = keras.random.SeedGenerator(5)
        self.down = layers.Dense(32, activation="relu")
        self.up = layers.Dense(196, activation="sigmoid")
        self.seen = keras.metrics.Mean("loss")

    def call(self, x):
        return self.up(self.down(x))

    def train_step(self, clean):
        dirty = clean + self.std * keras.random.normal(ops.shape(clean), seed=self.random)
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(self(dirty, training=True) - clean))
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(grads, self.trainable_weights)
        self.seen.update_state(loss)
        return {"loss": self.seen.result()}

    @property
    def metrics(self):
        return [self.seen]


if __name__ == "__main__":
    keras.utils.set_random_seed(120)
    tf.config.experimental.enable_op_determinism()
    small = digits.load("mnist-5k").x_train[::20, ::2, ::2].reshape(-1, 196) / 255
    ds = tf.data.Dataset.from_tensor_slices(small[:200].astype("float32")).batch(25)
    model = Denoiser(NOISE_STD)
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    model.fit(ds, epochs=2, steps_per_epoch=int(STEPS) if STEPS else None, verbose=0)
