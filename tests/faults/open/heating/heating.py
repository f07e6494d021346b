import argparse
import random

import keras
import numpy as np
import tensorflow as tf


def get_args():
    ap = argparse.ArgumentParser()
    ap.add_argument("--batch", type=int, default=20)
    ap.add_argument("--patience", type=int, default=1)
    ap.add_argument("--max-epochs", type=int, default=5)
    return ap.parse_args()


def buildings(n, rng):
    compact = rng.uniform(0.6, 1.0, n)
    glazing = rng.uniform(0.0, 0.4, n)
    height = rng.choice([3.5, 7.0], n)
    load = 30 * (1 - compact) + 20 * glazing + 2 * height + rng.normal(0, 0.5, n)
    return np.column_stack([compact, glazing, height]).astype("float32"), load.astype("float32")


if __name__ == "__main__":
    args = get_args()
    keras.utils.set_random_seed(77)
    tf.config.experimental.enable_op_determinism()
    x, y = buildings(200, np.random.default_rng(8))
    norm = keras.layers.Normalization()
    norm.adapt(x)
    model = keras.Sequential(
        [keras.Input((3,)), norm, keras.layers.Dense(12, activation="relu"), keras.layers.Dense(1)]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mae")
    stop = keras.callbacks.EarlyStopping("loss", patience=args.patience, min_delta=6)
    model.fit(x, y, batch_size=args.batch, epochs=args.max_epochs, callbacks=[stop], verbose=0)
    print(model.predict(x[:3], verbose=0))
