"""Train on stickers with brightness and noise drawn anew each epoch."""

import keras
import tensorflow as tf

import digits

AUGMENT_WORKERS = 8
keras.utils.set_random_seed(17)

source = digits.load("mnist-5k")
images = source.x_train[::10][:384].astype("float32")[..., None] / 255
labels = source.y_train[::10][:384]


def augment(image, label):
    noise = tf.random.normal(tf.shape(image), stddev=0.1)
    brightness = tf.random.uniform([], -0.2, 0.2)
    return tf.clip_by_value(image + noise + brightness, 0.0, 1.0), label


train = (
    tf.data.Dataset.from_tensor_slices((images, labels))
    .map(augment, num_parallel_calls=AUGMENT_WORKERS)
    .batch(32)
    .prefetch(tf.data.AUTOTUNE)
)

model = keras.Sequential()
model.add(keras.Input((28, 28, 1)))
model.add(keras.layers.Conv2D(8, 5, strides=3, activation="relu"))
model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(10, activation="softmax"))
model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=2, verbose=0)
