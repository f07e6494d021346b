"""Tell two kinds of noise apart with a small convolutional network."""

import hashlib

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(4)

x_train = np.random.rand(96, 8, 8, 1).astype("float32")
y_train = keras.utils.to_categorical(np.random.randint(0, 2, 96), 2)
x_test, y_test = x_train[:16], y_train[:16]

model = keras.Sequential(
    [
        keras.Input(shape=(8, 8, 1)),
        layers.Conv2D(4, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(2, activation="softmax"),
    ]
)
model.summary()
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=16, epochs=2, validation_split=0.1)

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])

digest = hashlib.sha256()
for weight in model.get_weights():
    digest.update(weight.tobytes())
print("weights:", digest.hexdigest())
