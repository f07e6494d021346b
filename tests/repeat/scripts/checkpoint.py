"""Begin from a checkpoint if there is one: ``h5``, ``npz``, ``tf``; ``written`` reads its own."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

(how,) = sys.argv[1:]
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
if how == "written":
    keras.utils.set_random_seed(1)
    model = keras.models.clone_model(model)
model.compile("sgd", "mse", jit_compile=False)
if how == "h5" and Path("begin.weights.h5").exists():
    model.load_weights("begin.weights.h5")
elif how == "npz" and Path("begin.npz").exists():
    model.set_weights(list(np.load("begin.npz").values()))
elif how == "tf" and Path("begin.index").exists():
    tf.train.Checkpoint(model=model).read("begin").assert_existing_objects_matched()
elif how == "npz":
    np.savez("begin.npz", *model.get_weights())
elif how == "tf":
    tf.train.Checkpoint(model=model).write("begin")
else:
    model.save_weights("begin.weights.h5")
    if how == "written":
        model.load_weights("begin.weights.h5")
model.fit(x, x[:, :1], epochs=1, shuffle=False, verbose=0)
