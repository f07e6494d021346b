"""Train in children of every kind, and say in what each ends and which hooks it has.

The last line of the output is JSON, by the kind of child.
"""

import importlib
import json
import multiprocessing
import os
import sys
import types
from collections.abc import Callable
from typing import Any


def hooks() -> list[str]:
    """Return the functions of all modules, and of classes in them, that are repro-audit's.

    A name that a module has copied from another counts where it comes from.
    """
    owners = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"h5py", "keras", "numpy", "os", "random", "tensorflow"}:
            classes = (item for item in vars(module).values() if type(item) is type)
            owners |= {id(owner): (name, owner) for owner in (module, *classes)}
    return sorted(
        f"{name} {attribute}"
        for name, owner in owners.values()
        for attribute, value in list(vars(owner).items())
        if "repro_audit" in _file_of(value)
        if isinstance(owner, type) or value.__module__ == name
    )


def _file_of(value: Any) -> str:
    """Return the file that a function is from; of other objects nothing is asked."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    return value.__code__.co_filename if type(value) is types.FunctionType else ""


def trained(_: object = None) -> dict[str, Any]:
    """Train a tiny model."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(16, dtype="float32").reshape(8, 2)
    history = model.fit(x, x[:, :1], epochs=2, verbose=0).history
    return {"loss": history["loss"], "hooks": hooks()}


def forked(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do some work in a child forked by hand, and return what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps(work()).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        content = file.read()
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(content)


def main() -> None:
    """Train in each, and last here."""
    found = {"forked before Keras": forked(trained)}
    importlib.import_module("keras")
    found["fork"] = forked(trained)
    for how in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(how).Pool(1) as pool:
            (found[f"Pool by {how}"],) = pool.map(trained, [None])
    import loky

    found["loky"] = loky.get_reusable_executor(max_workers=1).submit(trained).result()
    found["the process itself"] = trained()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
