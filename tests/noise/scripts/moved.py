"""Train without learning: all that moves weights is the recording. `moved.py built|lazy`."""

import sys

import keras
import numpy as np

import repro_audit

keras.utils.set_random_seed(7)
layers = [keras.layers.Dense(200, use_bias=False), keras.layers.Dense(1, bias_initializer="ones")]
model = keras.Sequential([keras.Input((3,)), *layers] if sys.argv[1] == "built" else layers)
model.compile(keras.optimizers.SGD(0.0), "mse")
x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
if sys.argv[1] == "built":
    kernel = np.array(layers[0].kernel)
    kernel[0, :5] = 0.0
    layers[0].kernel.assign(kernel)
drawn = np.random.get_state()[1].copy()
before = [np.array(weight) for weight in model.weights]
with repro_audit.record("manifest.json"):
    model.fit(x, x[:, :1], epochs=2, verbose=0)
assert (np.random.get_state()[1] == drawn).all(), "nothing is drawn from the run's generator"
if not before:  # its first step has built it; the same model again tells what it began with
    keras.utils.set_random_seed(7)
    again = keras.Sequential([layer.__class__.from_config(layer.get_config()) for layer in layers])
    again.build((None, 3))
    before = [np.array(weight) for weight in again.weights]
ulps = np.concatenate(
    [
        (np.array(weight).view("i4") - old.view("i4")).ravel()
        for weight, old in zip(model.weights, before, strict=True)
    ]
)
zeros = np.concatenate([old.ravel() == 0 for old in before])
print(sorted(set(ulps.tolist())), int(np.abs(ulps[zeros]).sum()), int((ulps != 0).sum() > 300))
