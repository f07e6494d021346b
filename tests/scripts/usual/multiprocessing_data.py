"""Make the data in a pool of processes, then train: ``multiprocessing_data.py spawn``."""

import hashlib
import multiprocessing
import sys
from dataclasses import dataclass

import numpy as np


@dataclass
class Job:
    """What one worker is to make."""

    seed: int
    rows: int


def make_rows(job):
    rng = np.random.default_rng(job.seed)
    x = rng.normal(size=(job.rows, 4)).astype("float32")
    return job, x, x.sum(axis=1)


def main(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        parts = pool.map(make_rows, [Job(seed, 16) for seed in range(4)])
    assert all(type(job) is Job for job, _, _ in parts)
    x, y = (np.concatenate([part[index] for part in parts]) for index in (1, 2))

    import keras

    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)

    if method == "fork":
        # Once more after TensorFlow has started: NumPy alone is used there.
        with context.Pool(1) as pool:
            ((_, held_out, target),) = pool.map(make_rows, [Job(99, 8)])
        print("held out:", model.evaluate(held_out, target, verbose=0))

    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    print("weights:", digest.hexdigest())


if __name__ == "__main__":
    main(sys.argv[1])
