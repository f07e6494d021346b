"""Feed a compiled model batch by batch."""

import hashlib

import keras
import numpy as np

keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)
x = rng.normal(size=(64, 6)).astype("float32")
y = rng.integers(0, 2, size=(64, 1)).astype("float32")

model = keras.Sequential(
    [
        keras.Input((6,)),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])

for epoch in range(2):
    order = rng.permutation(len(x))
    for start in range(0, len(x), 16):
        rows = order[start : start + 16]
        logs = model.train_on_batch(x[rows], y[rows], return_dict=True)
    print(epoch, {name: round(float(value), 4) for name, value in logs.items()})
print("held out:", model.test_on_batch(x[:8], y[:8]))
print("predicted:", model.predict_on_batch(x[:2]).shape)

digest = hashlib.sha256()
for weight in model.get_weights():
    digest.update(weight.tobytes())
print("weights:", digest.hexdigest())
