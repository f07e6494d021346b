import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

HERE = Path(__file__).parent
config = json.loads((HERE / "config.json").read_text())

keras.utils.set_random_seed(config["seed"])
tf.config.experimental.enable_op_determinism()

table = np.genfromtxt(HERE / "wine.csv", delimiter=",", skip_header=1, dtype="float32")
features, cultivar = table[:, :-1], table[:, -1].astype("int32")
features = (features - features.mean(axis=0)) / features.std(axis=0)

inputs = keras.Input(shape=(features.shape[1],), name="analysis")
x = inputs
for units in config["hidden"]:
    x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(config["dropout"])(x)
outputs = layers.Dense(3, activation="softmax", name="cultivar")(x)
model = keras.Model(inputs, outputs)

model.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=config["learning_rate"]),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
history = model.fit(
    features,
    cultivar,
    batch_size=config["batch_size"],
    epochs=config["epochs"],
    verbose=0,
)
print(history.history["loss"])
