"""Train a tiny model with what must stay private wherever a script can put it.

PLANTED names what it is, as JSON. With OPEN nothing is hidden: then all of it must be found.
"""

import contextlib
import json
import os
import sys

import keras
import numpy as np
import secretly_named  # noqa: F401 - a file of the project with a name in it

import repro_audit
from repro_audit.capture import code
from repro_audit.capture.privacy import arguments, records

planted = json.loads(os.environ["PLANTED"])
if os.environ.get("OPEN"):
    records.mask_secrets = lambda text: text
    records.hide_places = lambda text, *_: text
    records.mask = lambda value: value
    arguments.mask_words = lambda words, *_: words
    code.mask_arguments = lambda words, *_: tuple(words)
os.environ["XLA_FLAGS"] = f"--xla_dump_to={planted['flags']}/dump"
user = planted["user"]
globals()[f"rng_{user}"] = np.random.default_rng(3)


@keras.saving.register_keras_serializable(f"of_{user}")
class Named(keras.layers.Dense):
    """A layer whose configuration tells of its author."""

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary": f"{planted['vocabulary']}/words.txt",
            "api_key": planted["setting"],
        }


Named.__name__ = Named.__qualname__ = f"Dense_{user}"
Hook = type(f"Hook_{user}", (keras.callbacks.Callback,), {})

keras.utils.set_random_seed(7)
x = np.arange(32, dtype="float32").reshape(8, 4) / 32
given = keras.Input((4,), name=f"input_{user}")
doubled = keras.layers.Lambda(lambda value: value * 2, output_shape=(4,))(given)
model = keras.Model(
    {f"feature_{user}": given}, Named(1, name=f"dense_{user}")(doubled), name=f"of_{user}"
)
metric = keras.metrics.MeanAbsoluteError(name=f"error_{user}")
model.compile("sgd", "mse", metrics=[metric])
data = {f"feature_{user}": x}

for line in planted["said"]:
    print(line)
recording = contextlib.nullcontext() if "bare" in sys.argv else repro_audit.record("manifest.json")
with recording as run:
    if run is not None:
        run.data(f"train_{user}", x)
    model.fit(data, x[:, :1], epochs=1, batch_size=4, verbose=0, callbacks=[Hook()])
    model.evaluate(data, x[:, :1], verbose=0)
    if "fail" in sys.argv:
        raise RuntimeError("\n".join(planted["said"]))
