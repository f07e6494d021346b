"""Fit with and without a trace, and say what stands in the steps and what is known of batches."""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

import repro_audit


def built():
    """Return a model of one layer."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse", steps_per_execution=steps)
    return model


def host_calls(model):
    """Return how many operations of a model's step call Python."""
    (function,) = [
        cell.cell_contents
        for cell in model.train_function.__closure__
        if hasattr(cell.cell_contents, "get_concrete_function")
    ]
    (concrete,) = function._list_all_concrete_functions_for_serialization()
    # All functions that it calls lie flat in its library.
    functions = concrete.graph.as_graph_def().library.function
    inner = [node.op for function in functions for node in function.node_def]
    outer = [operation.type for operation in concrete.graph.get_operations()]
    return (inner + outer).count("PyFunc")


x, y = np.ones((10, 3), "float32"), np.ones((10, 2), "float32")
data = {
    "arrays": (x, y),
    "pipeline": (tf.data.Dataset.from_tensor_slices((x, y)).batch(4),),
}
said = {}
for steps in (1, 4):
    for name, given in data.items():
        for trace in ("step", None):
            model = built()
            how = {"batch_size": 4} if name == "arrays" else {}
            with repro_audit.record("m.json", trace=trace):
                model.fit(*given, epochs=2, shuffle=False, verbose=0, **how)
            (fit,) = repro_audit.load("m.json").conditions.training.fits
            batch = [[item.role, item.dtype, *item.shape] for item in fit.batch or ()]
            weights = [item.numpy().tobytes().hex() for item in model.weights]
            said[f"{name}, {steps}, {trace}"] = batch, host_calls(model), weights

steps = 1
model = built()
how = {"batch_size": 4, "verbose": 0}
with repro_audit.record("m.json", trace=None):
    model.fit(x, y, **how)
    model.fit(x[:3], y[:3], **how)
fits = repro_audit.load("m.json").conditions.training.fits
said["two fits"] = [fit.batch[0].shape for fit in fits]
with repro_audit.record("m.json", trace="step"):
    model.fit(x, y, **how)
manifest = repro_audit.load("m.json")
reasons = {item.path: item.reason for item in manifest.missing}
said["traced later"] = [reasons.get("$.outcomes.fits[0].trace"), manifest.outcomes.trace.rows]
model.compile(keras.optimizers.SGD(0.1), "mse")
with repro_audit.record("m.json", trace="step"):
    model.fit(x, y, **how)
said["compiled anew"] = repro_audit.load("m.json").outcomes.trace.rows

# A graph that an earlier fit has made is used again, and tells of its own kind of batch.
model = built()
with repro_audit.record("m.json", trace=None):
    model.fit(x, y, **how)
    model.fit(x, y, sample_weight=np.ones(10), **how)
    model.fit(x, y, **how)
fits = repro_audit.load("m.json").conditions.training.fits
said["used again"] = [[item.role for item in fit.batch] for fit in fits]

# What cannot be seen is not what was seen before.
model = built()
with repro_audit.record("m.json", trace=None):
    model.fit(x, y, **how)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.train_on_batch(x[:5], y[:5])
    model.fit(x, y, batch_size=3, verbose=0)
said["unseen"] = [
    fit.batch and fit.batch[0].shape for fit in repro_audit.load("m.json").conditions.training.fits
]

# A step that was made with a trace hands over whatever batch comes later.
model = built()
with repro_audit.record("m.json", trace="step"):
    model.fit(x, y, **how)
with repro_audit.record("m.json", trace=None):
    model.fit(x[:6], y[:6], batch_size=2, verbose=0)
(fit,) = repro_audit.load("m.json").conditions.training.fits
with repro_audit.record("m.json", trace="step"):
    model.fit(x[:6], y[:6], batch_size=2, verbose=0)
said["made with a trace"] = [fit.batch[0].shape, repro_audit.load("m.json").outcomes.trace.rows]

# One fit within another.
model = built()


class Inner(keras.callbacks.Callback):
    """Fits the model that is about to be fitted."""

    def on_train_begin(self, logs=None):
        model.fit(x, y, batch_size=3, verbose=0)


with repro_audit.record("m.json", trace=None):
    model.fit(x, y, callbacks=[Inner()], **how)
said["within"] = [
    fit.batch and fit.batch[0].shape for fit in repro_audit.load("m.json").conditions.training.fits
]
json.dump(said, sys.stdout)
