"""Predict a price from numbers and a category, with a functional model fed by tf.data."""

import hashlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BATCH_SIZE = 16

keras.utils.set_random_seed(11)
numbers = np.random.normal(size=(80, 3)).astype("float32")
category = np.random.randint(0, 5, size=(80,))
price = (numbers.sum(axis=1) + category).astype("float32")


def make_dataset(start, stop, *, training):
    features = {"numbers": numbers[start:stop], "category": category[start:stop]}
    dataset = tf.data.Dataset.from_tensor_slices((features, price[start:stop]))
    if training:
        dataset = dataset.shuffle(64, seed=2).map(lambda row, target: (row, target * 0.1))
    return dataset.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


first = keras.Input(shape=(3,), name="numbers")
second = keras.Input(shape=(), name="category", dtype="int64")
merged = layers.concatenate([first, layers.Embedding(5, 2)(second)])
hidden = layers.BatchNormalization()(layers.Dense(8, activation="relu")(merged))
outputs = layers.Dense(1)(hidden)
model = keras.Model(inputs=[first, second], outputs=outputs, name="prices")

model.compile(optimizer=keras.optimizers.RMSprop(1e-2), loss="mse", metrics=["mae"])
history = model.fit(
    make_dataset(0, 64, training=True),
    validation_data=make_dataset(64, 80, training=False),
    epochs=2,
    callbacks=[keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=1)],
    verbose=2,
)
print("best validation loss:", min(history.history["val_loss"]))

digest = hashlib.sha256()
for weight in model.get_weights():
    digest.update(weight.tobytes())
print("weights:", digest.hexdigest())
