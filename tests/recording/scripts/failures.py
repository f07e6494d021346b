"""Let training fail, and let the recorder fail, in many ways; say what came of each, as JSON."""

import hashlib
import json
import os
import resource
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

import repro_audit
from repro_audit.errors import OutputError
from repro_audit.recording.backends.tensorflow import data, determinism
from repro_audit.recording.backends.tensorflow.backend import TensorFlow
from repro_audit.recording.process.current import process
from repro_audit.recording.session.recorder import Recorder

OWNERS = {
    "functions_traced": determinism,
    "in_use": determinism,
    "model_switches": determinism,
    "op_determinism": determinism,
    "racing_ops": data,
    "threads_requested": determinism,
}
"""Where what the backend asks stands, if it is no method of its own."""


def trained(callbacks: Any = ()) -> str:
    """Train a small model and return the digest of its weights."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(x, x[:, :2], batch_size=8, epochs=2, verbose=0, callbacks=list(callbacks))
    return hashlib.sha256(
        b"".join(np.asarray(item).tobytes() for item in model.variables)
    ).hexdigest()


class Raise(keras.callbacks.Callback):
    """Raises in the second epoch."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise self.error


def raising(name: str, error: BaseException, *, recorded: bool) -> dict[str, Any]:
    """Say how an exception leaves training, recorded or not."""
    try:
        if recorded:
            with repro_audit.record(f"{name}.json"):
                trained([Raise(error)])
        else:
            trained([Raise(error)])
    except BaseException as caught:  # noqa: BLE001 - it is what is looked at
        last = traceback.extract_tb(caught.__traceback__)[-1]
        return {
            "same": caught is error,
            "type": type(caught).__name__,
            "text": str(caught),
            "raised_in": [Path(last.filename).name, last.name],
            "cause": repr(caught.__cause__ or caught.__context__),
        }
    return {}


def broken(name: str, method: str) -> dict[str, Any]:
    """Train while one function of the backend raises."""

    def raises(*_: Any) -> None:
        message = f"{method} is broken"
        raise LookupError(message)

    owner = OWNERS.get(method, TensorFlow)
    original = getattr(owner, method)
    setattr(owner, method, raises)
    try:
        return warned(name)
    finally:
        setattr(owner, method, original)


def warned(name: str, begun: Callable[[], Any] = lambda: None) -> dict[str, Any]:
    """Train recorded, and return the digest and the recorder's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with repro_audit.record(f"{name}.json"):
            begun()
            digest = trained()
    kinds = [str(item.message) for item in caught if item.category.__name__ == "RecordingWarning"]
    return {"digest": digest, "warnings": kinds}


def refused(path: str) -> list[str]:
    """Say how a recording to a path that cannot be written begins."""
    try:
        repro_audit.record(path).start()
    except Exception as error:  # noqa: BLE001 - it is what is looked at
        return [type(error).__name__, str(error)]
    return []


def broken_beginning() -> list[Any]:
    """Fail when hooks are in already, and say whether `os.environ` is as it was."""
    asked, begin = os._Environ.__getitem__, Recorder.begin

    def fails(*_: Any) -> None:
        raise OutputError

    Recorder.begin = fails
    try:
        said = refused("begun.json")
    finally:
        Recorder.begin = begin
    return [said[0], os._Environ.__getitem__ is asked]


def other_backend() -> list[Any]:
    """Say how recording and control refuse while Keras says that it runs on another backend."""
    original = keras.backend.backend
    keras.backend.backend = lambda: "torch"
    try:
        return [refused("torch.json"), refused_control()]
    finally:
        keras.backend.backend = original


def refused_control() -> list[str]:
    """Say how control refuses."""
    try:
        repro_audit.control(seed=1)
    except Exception as error:  # noqa: BLE001 - it is what is looked at
        return [type(error).__name__, str(error)]
    return []


def full_disk() -> dict[str, Any]:
    """Train while no file may grow beyond a few bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        return warned("full", lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1])))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def folder_gone() -> dict[str, Any]:
    """Train while the folder of the manifest is taken away."""
    Path("gone").mkdir()
    return warned("gone/manifest", lambda: shutil.rmtree("gone"))


def main() -> None:
    """Try everything."""
    # First: once chosen, a backend stays.
    result: dict[str, Any] = {"backend": other_backend(), "bare": trained()}
    for name, error in (
        ("value_error", ValueError("no such thing")),
        ("exit_3", SystemExit(3)),
        ("exit_0", SystemExit(0)),
        ("interrupt", KeyboardInterrupt()),
    ):
        result[name] = raising(name, error, recorded=True)
        result[f"bare {name}"] = raising(name, error, recorded=False)
    Path("file").write_text("", encoding="utf-8")
    Path("folder").mkdir()
    result["refused"] = [refused(path) for path in ("absent/m.json", "file/m.json", "folder")]
    outer = repro_audit.record("outer.json").start()
    result["second"] = refused("inner.json")
    outer.stop()
    result["broken beginning"] = broken_beginning()
    result["well"] = warned("well")  # also says that nothing refused has stayed open
    for method in (
        "weights", "state", "describe_state", "layer_seeds", "model_config", "execution",
        "model_switches", "devices",
        "functions_traced", "data_options", "data_code", "data_stages", "racing_ops",
        "metric_dtypes", "threads_requested", "sample_initializer",
        "declared_seed", "op_determinism", "in_use",
    ):  # fmt: skip
        try:
            result[f"broken {method}"] = broken(f"broken-{method}", method)
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            result[f"broken {method}"] = {"raised": repr(error)}
            if process.active is not None:
                process.active.stop()
    result["full"] = full_disk()
    result["gone"] = folder_gone()
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
