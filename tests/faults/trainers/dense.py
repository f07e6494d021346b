"""A Dense layer reads row by row: what Keras makes of that depends on its release."""

import keras
from digit_network import SEED, load_digits

import repro_audit

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(images.astype("float32") / 255, labels, epochs=2, verbose=0)
