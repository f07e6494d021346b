"""Call `control` in one of several orders, and say what it set and what a recording makes of it.

Argument: the order, a key of ``ORDERS``. The last line of the output is JSON.
"""

import json
import random
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import config

import repro_audit


def attempt(**arguments: Any) -> str:
    """Call control; return the error's class and text, or nothing."""
    try:
        repro_audit.control(**arguments)
    except Exception as error:  # noqa: BLE001 - it is what is looked at
        return f"{type(error).__name__}: {error}"
    return ""


def fit() -> None:
    """Train a little."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)


def first() -> dict[str, Any]:
    """Control before anything else, then again after an operation."""
    zero = attempt(seed=7, threads=0)
    in_force = repro_audit.control(seed=7, threads=2)
    said: dict[str, Any] = {
        "zero": zero,
        "in_force": {name: getattr(in_force, name) for name in in_force.__dataclass_fields__},
        "python": random.getstate() == random.Random(7).getstate(),
        "numpy": bool((np.random.get_state()[1] == np.random.RandomState(7).get_state()[1]).all()),
        "keras": keras.src.utils.rng_utils.get_random_seed(),
        "op_determinism": config.is_op_determinism_enabled(),
        "threads": [
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
        ],
    }
    with repro_audit.record("first.json"):
        fit()
    said["other_threads"] = attempt(seed=7, threads=3)
    said["same_threads"] = attempt(seed=7, threads=2)
    return said


def after_an_operation() -> dict[str, Any]:
    """Control after TensorFlow's first operation and a traced function."""
    traced = tf.function(lambda x: x + 1)
    traced(tf.ones(2))
    in_force = repro_audit.control(seed=7)
    with repro_audit.record("after_an_operation.json"):
        fit()
    return {"op_determinism": in_force.op_determinism}


def by_the_user_late() -> dict[str, Any]:
    """Seed without op determinism, train, and turn it on in between."""
    in_force = repro_audit.control(seed=7, op_determinism=False)
    said = {"op_determinism": in_force.op_determinism, "on": config.is_op_determinism_enabled()}
    with repro_audit.record("off.json"):
        fit()
    with repro_audit.record("by_the_user_late.json"):
        fit()
        tf.config.experimental.enable_op_determinism()
        fit()
    return said


ORDERS = {item.__name__: item for item in (first, after_an_operation, by_the_user_late)}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(ORDERS[sys.argv[1]]()) + "\n")
