"""A generator and a discriminator, trained in turn by hand, each with its optimizer."""

import hashlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers

LATENT = 3

keras.utils.set_random_seed(33)
real = np.random.normal(2.0, 0.5, size=(48, 2)).astype("float32")
dataset = tf.data.Dataset.from_tensor_slices(real).batch(16, drop_remainder=True)

generator = keras.Sequential(
    [keras.Input((LATENT,)), layers.Dense(6), layers.LeakyReLU(0.2), layers.Dense(2)],
    name="generator",
)
discriminator = keras.Sequential(
    [
        keras.Input((2,)),
        layers.Dense(6),
        layers.LeakyReLU(0.2),
        layers.Dropout(0.2),
        layers.Dense(1),
    ],
    name="discriminator",
)
cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
generator_optimizer = keras.optimizers.Adam(1e-3)
discriminator_optimizer = keras.optimizers.Adam(1e-3)


@tf.function
def train_step(samples):
    noise = tf.random.normal([16, LATENT])
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        fakes = generator(noise, training=True)
        on_real = discriminator(samples, training=True)
        on_fakes = discriminator(fakes, training=True)
        gen_loss = cross_entropy(tf.ones_like(on_fakes), on_fakes)
        disc_loss = cross_entropy(tf.ones_like(on_real), on_real) + cross_entropy(
            tf.zeros_like(on_fakes), on_fakes
        )
    gen_gradients = gen_tape.gradient(gen_loss, generator.trainable_variables)
    disc_gradients = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    generator_optimizer.apply_gradients(
        zip(gen_gradients, generator.trainable_variables, strict=True)
    )
    discriminator_optimizer.apply_gradients(
        zip(disc_gradients, discriminator.trainable_variables, strict=True)
    )
    return gen_loss, disc_loss


for epoch in range(2):
    for batch in dataset:
        losses = train_step(batch)
    print("epoch", epoch, [round(float(loss), 4) for loss in losses])

digest = hashlib.sha256()
for network in (generator, discriminator):
    for weight in network.get_weights():
        digest.update(weight.tobytes())
print("weights:", digest.hexdigest())
