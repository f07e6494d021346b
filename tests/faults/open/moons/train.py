"""Two half moons, a custom training loop."""

import keras
import numpy as np
import tensorflow as tf

SEED = 7
SHUFFLE = 3
EPOCHS = 2
BATCH = 20

keras.utils.set_random_seed(SEED)
tf.config.experimental.enable_op_determinism()


def make_moons(n):
    rng = np.random.default_rng(11)
    angle = rng.uniform(0, np.pi, n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.concatenate([upper, lower]) + rng.normal(0, 0.1, (2 * n, 2))
    return points.astype("float32"), np.repeat([0.0, 1.0], n).astype("float32")


points, side = make_moons(120)


def stream():
    for i in np.random.RandomState(SHUFFLE).permutation(len(points)):
        yield points[i], side[i : i + 1]


dataset = tf.data.Dataset.from_generator(
    stream,
    output_signature=(
        tf.TensorSpec(shape=(2,), dtype=tf.float32),
        tf.TensorSpec(shape=(1,), dtype=tf.float32),
    ),
).batch(BATCH)

net = keras.Sequential(
    [
        keras.layers.Dense(16, activation="tanh"),
        keras.layers.Dense(16, activation="tanh"),
        keras.layers.Dense(1),
    ]
)
opt = keras.optimizers.SGD(0.2, momentum=0.9)
bce = keras.losses.BinaryCrossentropy(from_logits=True)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = bce(y, net(x, training=True))
    grads = tape.gradient(loss, net.trainable_variables)
    opt.apply_gradients(zip(grads, net.trainable_variables))
    return loss


for epoch in range(EPOCHS):
    total = 0.0
    for x, y in dataset:
        total += float(step(x, y))
    print("epoch", epoch, "loss", total)
