"""A training loop written by hand; ``--eager`` runs its step without tf.function."""

import argparse
import hashlib

import keras
import numpy as np
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--eager", action="store_true")
eager = parser.parse_args().eager

keras.utils.set_random_seed(17)
x = np.random.normal(size=(48, 4)).astype("float32")
y = np.random.randint(0, 3, size=(48,))
train_dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(48, seed=1).batch(12)

inputs = keras.Input(shape=(4,), name="digits")
outputs = keras.layers.Dense(3)(keras.layers.Dense(8, activation="relu")(inputs))
model = keras.Model(inputs=inputs, outputs=outputs)
optimizer = keras.optimizers.Adam(learning_rate=1e-3)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_acc_metric = keras.metrics.SparseCategoricalAccuracy()


def train_step(features, labels):
    with tf.GradientTape() as tape:
        logits = model(features, training=True)
        loss_value = loss_fn(labels, logits)
    grads = tape.gradient(loss_value, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights, strict=True))
    train_acc_metric.update_state(labels, logits)
    return loss_value


if not eager:
    train_step = tf.function(train_step)

for epoch in range(2):
    for step, (x_batch, y_batch) in enumerate(train_dataset):
        loss = train_step(x_batch, y_batch)
        if step % 2 == 0:
            print(f"epoch {epoch} step {step}: loss {float(loss):.4f}")
    print(f"accuracy over epoch: {float(train_acc_metric.result()):.4f}")
    train_acc_metric.reset_state()

digest = hashlib.sha256()
for weight in model.get_weights():
    digest.update(weight.tobytes())
print("weights:", digest.hexdigest())
