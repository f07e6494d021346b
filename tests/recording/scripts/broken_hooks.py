"""Break every hook of a recording, one at a time, and say how the script then ends.

Keras is imported once; each run is a child forked from that, before TensorFlow is in use. The
last line of the output is JSON: for each run the hook, when it raised, the exit code, a digest of
every weight and of what the script printed, and what the manifest says is missing.
"""

import atexit
import hashlib
import itertools
import json
import os
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import config, random_seed
from tensorflow.python.ops import io_ops
from tensorflow.python.training import py_checkpoint_reader

from repro_audit.manifest import load
from repro_audit.recording.backends.patching import Call, Patches, Watch, Watcher
from repro_audit.recording.backends.tensorflow import steps
from repro_audit.recording.process import files, launched
from repro_audit.recording.process.automatic import AutomaticRecording
from repro_audit.recording.request import VARIABLE, Request
from repro_audit.recording.session.fits import FitRecorder
from repro_audit.recording.session.recorder import Recorder

EXIT_CODE = 7
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X[:, :1]

OTHERS: dict[str, tuple[Any, str]] = {
    "callback on_train_begin": (FitRecorder, "train_begins"),
    "callback on_epoch_begin": (FitRecorder, "epoch_begins"),
    "callback on_train_batch_end": (FitRecorder, "batch_ended"),
    "callback on_epoch_end": (FitRecorder, "epoch_ended"),
    "callback on_train_end": (FitRecorder, "train_ended"),
    "callback on_test_end": (Recorder, "evaluated"),
    "a step that is traced": (steps, "_hand_over"),
    "a step that is seen": (FitRecorder, "step"),
    "a step that is counted": (FitRecorder, "should_trace"),
    "a step that cannot be seen": (FitRecorder, "step_failed"),
    "the beginning of the recording": (AutomaticRecording, "begin"),
    "the end of the recording": (Recorder, "end"),
    "a fork": (Patches, "take_out"),
    "what Python tells of files": (files.Files, "_in_mode"),
}
"""Hooks that stand in nobody's place: what they call, and where that is."""


class Shown:
    """What a script shows of itself."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def say(self, *values: Any) -> None:
        for value in values:
            self.digest.update(repr(value).encode())

    def weights(self, *variables: Any) -> None:
        for variable in variables:
            self.digest.update(np.asarray(variable).tobytes())


def by_fit(shown: Shown) -> None:
    """Seed, read files, compile, fit, evaluate and fork."""
    keras.src.utils.rng_utils.set_random_seed(3)
    random.seed(4)
    np.random.mtrand.seed(5)
    random_seed.set_seed(6)
    config.enable_op_determinism()
    shown.say(random.random(), np.random.random())
    Path("note.txt").write_text("a note", encoding="utf-8")
    shown.say(Path("note.txt").read_text(encoding="utf-8"), len(os.listdir(".")) > 0)  # noqa: PTH208 - watched
    with os.scandir(".") as entries:
        shown.say(len(list(entries)) > 0)
    sqlite3.connect(":memory:").close()
    layers = [keras.layers.Dense(3), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("sgd", "mse")
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    shown.say(model.fit(dataset, epochs=2, verbose=0).history)
    shown.say(model.evaluate(X, Y, verbose=0))
    child = os.fork()
    if child == 0:
        os._exit(3)
    os.waitpid(child, 0)
    shown.weights(*model.variables, *model.optimizer.variables)


def by_hand(shown: Shown) -> None:
    """Train by loops, of a model, of variables without one, and with no optimizer at all."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01))
    weight = tf.Variable(np.ones((4, 1), "float32"))
    other = keras.Variable(np.ones((4, 1), "float32"))
    second = keras.optimizers.SGD(0.1)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((X @ other.value - Y) ** 2)
        second.apply([tape.gradient(loss, other.value)], [other])
        return loss

    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X) - Y) ** 2)
        wanted = model.trainable_variables
        optimizer.apply(tape.gradient(loss, wanted), wanted)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((X @ weight - Y) ** 2)
        weight.assign_sub(0.1 * tape.gradient(loss, weight))
        weight.assign_add(tf.zeros((4, 1)))
        other.assign_sub(0.1 * np.ones((4, 1), "float32"))
        other.assign_add(np.zeros((4, 1), "float32"))
        other.assign(other.value)
        weight.assign(weight)
        shown.say(float(step()))
    shown.weights(*model.variables, weight, other)


def by_files(shown: Shown) -> None:
    """Save and load in all ways that are watched, and train a little."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    legacy = keras.src.legacy.saving.legacy_h5_format
    for _ in range(2):
        model.save_weights("w.weights.h5")
        model.load_weights("w.weights.h5")
        model.save("m.keras")
        shown.weights(*keras.saving.load_model("m.keras").weights)
        legacy.save_model_to_hdf5(model, "m.h5")
        shown.weights(*keras.saving.load_model("m.h5", compile=False).weights)
        with h5py.File("m.h5", "r") as file:
            legacy.load_weights_from_hdf5_group_by_name(file["model_weights"], model)
        keras.src.saving.saving_api.load_model("m.keras")
        model.layers[0].set_weights(model.layers[0].get_weights())
        model.set_state_tree(model.get_state_tree(value_format="numpy_array"))
        model.layers[0].load_own_variables({"0": np.ones((4, 1)), "1": np.zeros(1)})
        saved = tf.train.Checkpoint(variable=tf.Variable(2.0))
        saved.restore(saved.save("saved"))
        reader = py_checkpoint_reader.NewCheckpointReader(tf.train.latest_checkpoint("."))
        shown.say(sorted(reader.get_variable_to_shape_map()))
        with tf.io.TFRecordWriter("records") as writer:
            writer.write(b"record")
        shown.say(tf.io.gfile.GFile("checkpoint").read() != "")
    read_by_pipelines(shown)
    model.fit(X, Y, batch_size=16, verbose=0)
    shown.weights(*model.variables)


def read_by_pipelines(shown: Shown) -> None:
    """Read files by each reader of TensorFlow's own."""
    Path("lines.txt").write_text("1.0\n2.0\n", encoding="utf-8")
    tf.data.Dataset.list_files("*.txt", shuffle=False)
    for reader in (
        tf.data.TFRecordDataset("records"),
        tf.data.TextLineDataset("lines.txt"),
        tf.data.FixedLengthRecordDataset("lines.txt", 4),
        tf.data.experimental.CsvDataset("lines.txt", [tf.float32]),
    ):
        shown.say(len(list(reader)))
    shown.say(len(io_ops.read_file("lines.txt").numpy()))
    tf.lookup.TextFileInitializer(
        "lines.txt", tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, 0
    )


SCRIPTS = {"by_fit": by_fit, "by_hand": by_hand, "by_files": by_files}


def raising(*_: Any, **__: Any) -> Any:
    """Raise, whatever is asked."""
    message = "broken"
    raise LookupError(message)


def before(_: Call) -> Watch:
    """Raise before the call that is watched."""
    yield raising()


def after(_: Call) -> Watch:
    """Raise after it."""
    yield None
    raising()


TURNS = itertools.cycle((before, after))


def in_turn(call: Call) -> Watch:
    """Raise now before the call, now after it."""
    return next(TURNS)(call)


def other_arguments(call: Call) -> Watch:
    """Let the call be made with another argument."""
    yield call._replace(kwargs={**call.kwargs, "epochs": 1})


WATCHERS = {
    "before": before,
    "after": after,
    "before and after": in_turn,
    "with other arguments": other_arguments,
}


def watched(hook: str, moment: str, calls: dict[str, int]) -> None:
    """Let a hook raise from now on, and count the calls of all that are put in others' places."""
    watch, replace = Patches.watch, Patches.replace

    def watching(self: Any, module: str, name: str, watcher: Watcher, *, lost: str) -> None:
        label = f"{module}.{name}"
        calls.setdefault(label, 0)
        chosen = WATCHERS.get(moment, watcher) if label == hook else watcher

        def counted(call: Call) -> Watch:
            calls[label] += 1
            return chosen(call)

        watch(self, module, name, counted, lost=lost)

    def replacing(self: Any, module: str, name: str, make: Any, *, lost: str) -> None:
        chosen = f"{module}.{name}" == hook and moment == "at once"
        replace(self, module, name, raising if chosen else make, lost=lost)

    Patches.watch, Patches.replace = watching, replacing
    if hook in OTHERS:
        setattr(*OTHERS[hook], raising)


def run(script: str, hook: str, moment: str, number: int) -> dict[str, Any]:
    """Run a script in a child of its own, and return how it ended."""
    folder = Path(f"run-{number}")
    folder.mkdir()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        calls: dict[str, int] = {}
        if hook != "bare":
            watched(hook, moment, calls)
            request = Request(manifest=str(Path("m.json").absolute()), reverse_folders=False)
            os.environ[VARIABLE] = request.encode()
            launched.install()
        shown = Shown()
        SCRIPTS[script](shown)
        said = {"digest": shown.digest.hexdigest(), "calls": calls}
        Path("said.json").write_text(json.dumps(said), encoding="utf-8")
        if hook in OTHERS:
            sys.exit(EXIT_CODE)
        # As that, but for TensorFlow's own end, which takes as long as all the rest.
        atexit._run_exitfuncs()
        os._exit(EXIT_CODE)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = folder / "said.json"
    found = json.loads(said.read_text(encoding="utf-8")) if said.exists() else {}
    manifest = folder / "m.json"
    missing = [item.path for item in load(manifest).missing] if manifest.exists() else None
    return {
        "script": script,
        "hook": hook,
        "moment": moment,
        "code": code,
        "missing": missing,
    } | found


def main() -> None:
    """Run each script bare and recorded, and then what uses a hook with that hook broken."""
    runs = [(script, hook, "") for script in SCRIPTS for hook in ("bare", "none")]
    found = [run(*item, number) for number, item in enumerate(runs)]
    calls = {item["script"]: item["calls"] for item in found if item["hook"] == "none"}
    faults = []
    for name in calls["by_fit"]:
        script = max(SCRIPTS, key=lambda script: calls[script][name] > 1)
        several = calls[script][name] > 1
        moments = ("before and after",) if several else ("before", "after")
        faults += [(script, name, moment) for moment in moments]
    faults += [("by_fit", "keras.src.models.model.Model.fit", "at once")]
    faults += [("by_fit", name, "when it is called") for name in OTHERS]
    faults += [("by_fit", "keras.src.models.model.Model.fit", "with other arguments")]
    found += [run(*item, number) for number, item in enumerate(faults, start=len(runs))]
    print(json.dumps(found))


main()
