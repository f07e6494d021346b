import configparser
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

settings = configparser.ConfigParser()
settings.read(Path(__file__).with_name("settings.ini"))

keras.utils.set_random_seed(settings.getint("model", "seed"))
tf.config.experimental.enable_op_determinism()


def customers(n):
    rng = np.random.RandomState(90)
    visits = rng.poisson(4, (n, 4)).astype("float32")
    season = rng.randint(0, 4, (n, 1))
    spent = visits @ np.array([[3.0], [1.0], [0.5], [2.0]]) + 4 * (season == 3) + rng.randn(n, 1)
    returns = (spent > np.median(spent)).astype("float32")
    return {"visits": visits, "season": season}, {
        "spent": spent.astype("float32"),
        "returns": returns,
    }


x, y = customers(320)

visits = keras.Input(shape=(4,), name="visits")
season = keras.Input(shape=(1,), name="season", dtype="int32")
seasonal = keras.layers.Flatten()(keras.layers.Embedding(4, 3)(season))
shared = keras.layers.Concatenate()([keras.layers.BatchNormalization()(visits), seasonal])
shared = keras.layers.Dense(settings.getint("model", "units"), activation="relu")(shared)
spent = keras.layers.Dense(1, name="spent")(shared)
returns = keras.layers.Dense(1, activation="sigmoid", name="returns")(shared)
model = keras.Model([visits, season], {"spent": spent, "returns": returns})

model.compile(
    optimizer=keras.optimizers.Adam(settings.getfloat("training", "rate")),
    loss={"spent": "mse", "returns": "binary_crossentropy"},
    loss_weights={"spent": 0.1, "returns": 1.0},
)
model.fit(
    x,
    y,
    batch_size=settings.getint("training", "batch"),
    epochs=settings.getint("training", "epochs"),
    callbacks=[
        keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=50),
        keras.callbacks.TerminateOnNaN(),
    ],
    verbose=0,
)
