"""Run scripts in children of one process that has imported Keras: each then starts in a blink.

Started by itself this is the server; imported it is the client. A child finds what a fresh
process would find, but for Keras being imported already and the hash seed, which is the
server's. What is about a process's start, or its own children, needs a fresh process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Forked", "Server"]

_TIMEOUT_S = 600


class Forked(NamedTuple):
    """How a child ended.

    Attributes:
        code: Its exit code; negative for a signal.
        output: What it wrote to standard output.
        errors: What it wrote to standard error.
        weights: Digests of the models and variables that the script has left, by their names.
    """

    code: int
    output: str
    errors: str
    weights: dict[str, str]


class Server:
    """A process that has imported Keras, and forks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            environment: Its environment; what Keras and TensorFlow read as they are imported
                counts for all children.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="forking-")
        self._address = str(Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._address],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if self._process.stdout is None or self._process.stdout.readline() != b"ready\n":
            message = "the server did not start"
            raise RuntimeError(message)

    def run(
        self,
        script: Path,
        *arguments: str,
        cwd: Path,
        environment: Mapping[str, str],
        seed: int | None = None,
    ) -> Forked:
        """Run a script in a child and return how it ended.

        Args:
            script: The script.
            arguments: Its arguments.
            cwd: Where it starts.
            environment: Its whole environment.
            seed: Seeds everything before the script begins, if it is given.
        """
        with tempfile.TemporaryDirectory(prefix="forked-") as made:
            folder = Path(made)
            request = {
                "argv": [str(script), *arguments], "cwd": str(cwd), "folder": made,
                "environment": dict(environment), "seed": seed,
            }  # fmt: skip
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self._address)
                connection.sendall(json.dumps(request).encode() + b"\n")
                code = int(connection.makefile("rb").readline())
            weights = folder / "weights.json"
            return Forked(
                code=code,
                output=(folder / "output").read_text(encoding="utf-8", errors="replace"),
                errors=(folder / "errors").read_text(encoding="utf-8", errors="replace"),
                weights=json.loads(weights.read_text()) if weights.exists() else {},
            )

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        self._folder.cleanup()


def serve(address: str) -> None:
    """Fork for each request, until the input is closed."""
    import select

    import keras  # noqa: F401 - what children find imported
    import tensorflow as tf  # noqa: F401 - as above

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                attend(connection)
                os._exit(0)
            connection.close()


def attend(connection: socket.socket) -> None:
    """Run one script and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = json.loads(connection.makefile("rb").readline())
    child = os.fork()
    if child == 0:
        connection.close()
        os.setsid()
        become(request)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.alarm(_TIMEOUT_S)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(f"{code}\n".encode())


def become(request: Mapping[str, Any]) -> None:
    """Be the process of a script, and end with it."""
    import atexit
    import random
    import traceback

    import numpy as np

    folder = Path(request["folder"])
    for number, name in ((1, "output"), (2, "errors")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    script = Path(request["argv"][0])
    sys.argv, sys.path[0] = list(request["argv"]), str(script.parent)
    random.seed()
    np.random.seed()
    atexit._clear()
    watched(request["environment"])
    if request["seed"] is not None:
        import keras

        keras.utils.set_random_seed(request["seed"])
    main = types.ModuleType("__main__")
    main.__file__ = str(script)
    sys.modules["__main__"] = main
    code = 0
    try:
        exec(compile(script.read_bytes(), script, "exec"), vars(main))  # noqa: S102 - a test's
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:  # noqa: BLE001 - as Python itself does
        sys.last_value, code = error, 1
        traceback.print_exc()
    left = {name: digest(value) for name, value in sorted(vars(main).items())}
    known = {name: value for name, value in left.items() if value}
    (folder / "weights.json").write_text(json.dumps(known), encoding="utf-8")
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # TensorFlow's own end takes as long as all the rest


def watched(environment: Mapping[str, str]) -> None:
    """Begin what the launcher's hook begins in a fresh process."""
    from repro_audit.recording import launched
    from repro_audit.recording.process import process
    from repro_audit.recording.request import VARIABLE

    if VARIABLE not in environment:
        return
    process.is_child = False
    launched.install()
    # In a fresh process functions are replaced before other modules copy their names.
    stands = {
        id(value.__wrapped__): value
        for module in list(sys.modules.values())
        for value in list(vars(module).values())
        if isinstance(value, types.FunctionType)
        and value.__code__.co_filename.endswith("patching.py")
        and hasattr(value, "__wrapped__")
    }
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if id(value) in stands and stands[id(value)].__wrapped__ is value:
                setattr(module, name, stands[id(value)])


def digest(value: Any) -> str:
    """Return a digest of a model's, an optimizer's or a variable's values; empty for the rest."""
    import hashlib

    import keras
    import numpy as np
    import tensorflow as tf

    if isinstance(value, keras.Model | keras.layers.Layer):
        optimizer = getattr(value, "optimizer", None)
        variables = [*value.variables, *(optimizer.variables if optimizer is not None else ())]
    elif isinstance(value, keras.optimizers.Optimizer):
        variables = value.variables
    elif isinstance(value, keras.Variable | tf.Variable):
        variables = [value]
    else:
        return ""
    hasher = hashlib.sha256()
    for variable in variables:
        hasher.update(np.asarray(variable).tobytes())
    return hasher.hexdigest()


if __name__ == "__main__":
    serve(sys.argv[1])
