"""Kill fits of 300 short epochs at random moments, and keep what each leaves.

TensorFlow is imported once; each fit is a fork of that process, made before TensorFlow's first
operation. The argument is how many are killed. The last line of the output is JSON: for each, the
seconds after its start at which it was killed and at which each of its epochs ended.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import keras
import numpy as np

import repro_audit

EPOCHS = 300


class Ends(keras.callbacks.Callback):
    """Says when each epoch ended, before the recording is told of it."""

    def __init__(self, name):
        super().__init__()
        self.file = Path(f"{name}.ends").open("wb", buffering=0)  # noqa: SIM115 - to the end

    def on_epoch_end(self, epoch, logs=None):
        self.file.write(np.float64(time.monotonic()).tobytes())


def train(name: str) -> None:
    """Record a fit of 300 epochs of five steps."""
    repro_audit.control(seed=1, threads=1)
    x = np.ones((20, 8), "float32")
    with repro_audit.record(f"{name}.json"):
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
        model.compile("sgd", "mse")
        model.fit(x, x, batch_size=4, epochs=EPOCHS, verbose=0, callbacks=[Ends(name)])


def begin(name: str) -> int:
    """Start one recording and return its process."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            train(name)
            code = 0
        finally:
            os._exit(code)
    return process


def ends(name: str) -> list[float]:
    """Return when each epoch of a recording ended."""
    file = Path(f"{name}.ends")
    return np.fromfile(file, np.float64).tolist() if file.exists() else []


def main() -> None:
    """Time one recording, then kill the others."""
    began = time.monotonic()
    _, status = os.waitpid(begin("whole"), 0)
    assert status == 0
    length = time.monotonic() - began
    draw = random.Random(812)
    killed = []
    for number in range(int(sys.argv[1])):
        name, wait = f"killed-{number}", draw.uniform(0, length)
        process, began = begin(name), time.monotonic()
        time.sleep(wait)
        os.kill(process, signal.SIGKILL)
        at = time.monotonic()
        os.waitpid(process, 0)
        killed.append([at - began, [end - began for end in ends(name)]])
    print(json.dumps({"length_s": length, "killed": killed}), file=sys.stdout)


if __name__ == "__main__":
    main()
