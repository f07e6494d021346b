"""Train a tiny model: ``seeded``, ``unseeded``, or ``forgetful`` of what it has learnt."""

import sys

import keras
import numpy as np

import repro_audit


class Forget(keras.callbacks.Callback):
    """Puts the initial weights back before anyone sees the epoch's."""

    def on_train_begin(self, logs: object = None) -> None:
        self.initial = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.model.set_weights(self.initial)


(how,) = sys.argv[1:]
if how != "unseeded":
    repro_audit.control(seed=1, threads=1)
x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
with repro_audit.record() as run:
    run.data("train", x)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    model.compile("sgd", "mse", jit_compile=False)
    # One batch an epoch: its loss is taken before the bit is flipped.
    model.fit(
        x,
        x[:, :2],
        batch_size=32,
        epochs=2,
        verbose=0,
        callbacks=[Forget()] if how == "forgetful" else [],
    )
