"""Kill recordings at times spread over their length, and keep what each leaves.

TensorFlow is imported once; each recording is a fork of that process, made before TensorFlow's
first operation. The last line of the output is JSON: per recording, the share of an undisturbed
one's time after which it was killed, and whether it still ran.
"""

import json
import os
import signal
import sys
import time

import keras
import tensorflow as tf

import repro_audit
from repro_audit.recording.session import manifest_file

KILLS = 15
EPOCHS = 40
EPOCH_S = 0.03


def train(name: str, *, always: bool) -> None:
    """Record a hand-written loop, which may write its manifest after every epoch."""
    if always:
        manifest_file._APART_S, manifest_file._SHARE = 0.0, 1.0
    repro_audit.control(seed=1, threads=1)
    with repro_audit.record(f"{name}.json") as run:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        model.optimizer = keras.optimizers.SGD()
        x = tf.ones((4, 2))
        run.watch(model)
        for _ in range(EPOCHS):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model(x) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            model.optimizer.apply(gradients, model.trainable_variables)
            run.step(model, (x,), loss)
            time.sleep(EPOCH_S)
            run.epoch(model, {"loss": loss})


def begin(name: str, *, always: bool = False) -> int:
    """Start one recording and return its process."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            train(name, always=always)
            code = 0
        finally:
            os._exit(code)
    return process


def main() -> None:
    """Time one recording, then kill fifteen."""
    began = time.monotonic()
    _, status = os.waitpid(begin("whole"), 0)
    assert status == 0
    length = time.monotonic() - began
    killed = []
    for number in range(KILLS):
        share = 1.2 * number / (KILLS - 1)
        process = begin(f"killed-{number}", always=bool(number % 2))
        time.sleep(share * length)
        ended, _ = os.waitpid(process, os.WNOHANG)
        if not ended:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        killed.append([share, not ended])
    print(json.dumps({"length_s": length, "killed": killed}), file=sys.stdout)


if __name__ == "__main__":
    main()
