"""Run scripts in children of one process that has imported Keras: each then starts in a blink.

Started by itself this is the server; imported it is the client. `Server.python` is a program to
start in the place of Python. A child finds what a fresh process would find, but for Keras being
imported already and the hash seed, which is the server's. Where a variable that is read on import
is another, the server names one of its own kind that was started so. Where an option asks for more,
that program starts Python itself. What is about how a process starts or ends, or about the
processes that it starts, needs a fresh one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Forked", "Server", "started"]

_TIMEOUT_S = 3600
_STARTS_S = 0.2
_LOOK_S = 0.02
_MAX_SIBLINGS = 12
_CLIENT = '''#!{python} -IS
"""Stands for Python: has its arguments run by a process that has imported Keras."""
import sys
sys.path.append({folder!r})
from forking import ask
ask({address!r})
'''
_DECIDING = (
    "CUDA_", "DNNL_", "KERAS_", "MKL_", "MPL", "NPY_", "OMP_", "ONEDNN_", "PYTHON", "TF_", "XLA_",
)  # fmt: skip
"""How the names of variables begin that are read as Python, NumPy or TensorFlow are imported."""
_UNIMPORTANT = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL"}


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
    """A process that imports Keras when it is first asked for a child, and forks.

    Attributes:
        folder: Where it is reached: whoever knows the folder may use the server.
        python: A program to start in the place of Python.
    """

    def __init__(self, folder: Path) -> None:
        """Reach the server of a folder."""
        self.folder = folder
        self.python = str(folder / "python")
        self._address = str(folder / "socket")

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
        with (
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as errors,
            tempfile.NamedTemporaryFile() as weights,
            open(os.devnull, "rb") as nothing,  # noqa: PTH123 - no folder of ours
        ):
            request = {
                "words": [str(script), *arguments], "cwd": str(cwd), "weights": weights.name,
                "environment": dict(environment), "seed": seed,
            }  # fmt: skip
            code = _asked(self._address, request, [nothing, output, errors])
            if code is None:
                message = "Keras cannot be imported in that environment"
                raise RuntimeError(message)
            for file in (output, errors):
                file.seek(0)
            return Forked(
                code=code,
                output=output.read().decode(errors="replace"),
                errors=errors.read().decode(errors="replace"),
                weights=json.loads(weights.read() or b"{}"),
            )


@contextlib.contextmanager
def started(environment: Mapping[str, str]) -> Iterator[Server]:
    """Start a server, and end it.

    Args:
        environment: Its environment; what Keras and TensorFlow read as they are imported counts
            for all children.

    Yields:
        The server.
    """
    with tempfile.TemporaryDirectory(prefix="forking-") as name:
        server = Server(Path(name))
        client = _CLIENT.format(
            python=sys.executable, folder=str(Path(__file__).parent), address=f"{name}/socket"
        )
        Path(server.python).write_text(client, encoding="utf-8")
        Path(server.python).chmod(0o700)
        process = subprocess.Popen(
            [sys.executable, __file__, f"{name}/socket", "when asked"],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            message = "the server did not start"
            raise RuntimeError(message)
        yield server
        process.communicate()


def ask(address: str) -> None:
    """Have this process's command run by a server, and end as it ends.

    Args:
        address: The server's.
    """
    words = sys.argv[1:]
    fresh = [sys.executable, *words]
    if not words or (words[0].startswith("-") and words[0] not in {"-m", "-c"}):
        os.execv(fresh[0], fresh)  # noqa: S606 - no shell
    request = {"words": words, "cwd": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 - light
    code = _asked(address, request, [0, 1, 2])
    if code is None:
        os.execv(fresh[0], fresh)  # noqa: S606 - as above
    if code < 0:
        if -code == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def deciding(variables: Mapping[str, str]) -> str:
    """Return, as text, the variables that are read as Python, NumPy or TensorFlow is imported."""
    paths = variables.get("PYTHONPATH", "").split(os.pathsep)
    kept = {
        name: value
        for name, value in variables.items()
        if name.startswith(_DECIDING) and name not in _UNIMPORTANT
    }
    # Without a hash seed one is drawn, and any will do.
    kept.setdefault("PYTHONHASHSEED", "0")
    return json.dumps([kept, [path for path in paths if not _begins(path)]], sort_keys=True)


def _begins(path: str) -> bool:
    """Whether it is empty, or the folder with which a recording begins: a child sees to that."""
    return not path or path.endswith(os.path.join("process", "startup"))  # noqa: PTH118 - light


def _asked(address: str, request: Mapping[str, Any], files: list[Any]) -> int | None:
    """Send a request, with standard input, output and error, and return the exit code.

    None where no server can do what is asked.
    """
    request = {**request, "cores": sorted(os.sched_getaffinity(0))} if _HAS_CORES else request
    numbers = [file if isinstance(file, int) else file.fileno() for file in files]
    own = address
    while True:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(address)
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(_STARTS_S)  # it is being started, or has failed, which the first knows
                address = own
                continue
            socket.send_fds(connection, [b"\n"], numbers)
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline())
        if not isinstance(answer, str):
            return answer if answer is None else int(answer)
        address = answer


_HAS_CORES = hasattr(os, "sched_setaffinity")


def serve(address: str, *, when_asked: bool) -> None:
    """Fork for each request, until the input is closed.

    Args:
        address: Where requests come in.
        when_asked: Whether Keras is imported for the first request; else at once, so that nobody
            reaches a server that cannot import it.
    """
    if not when_asked:
        import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    own = deciding(os.environ)
    siblings: dict[str, subprocess.Popen[bytes]] = {}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            import_all()
            connection, _ = listening.accept()
            _, files, _, _ = socket.recv_fds(connection, 1, 3)
            request = json.loads(connection.makefile("rb").readline())
            if (wanted := deciding(request["environment"])) != own:
                connection.sendall(json.dumps(sibling(address, wanted, request, siblings)).encode())
            elif os.fork() == 0:
                listening.close()
                attend(connection, files, request)
                os._exit(0)
            connection.close()
            for file in files:
                os.close(file)
    for process in siblings.values():
        process.communicate()


@functools.cache
def import_all() -> None:
    """Import what children find imported, and do what a process does once."""
    import archspec.cpu  # noqa: F401 - what children find imported
    import keras  # noqa: F401 - as above
    import tensorflow as tf  # noqa: F401 - as above

    from repro_audit.capture.environment import capture_environment  # noqa: F401 - as above
    from repro_audit.capture.packages import capture_packages
    from repro_audit.manifest.records import VERSION
    from repro_audit.manifest.validation import _deciding
    from repro_audit.recording.process import launched  # noqa: F401 - as above
    from repro_audit.recording.session import recorder  # noqa: F401 - as above

    capture_packages(None, lambda *_: None)
    _deciding(VERSION, strict=True).is_valid({})


def sibling(
    address: str,
    wanted: str,
    request: Mapping[str, Any],
    siblings: dict[str, subprocess.Popen[bytes]],
) -> str | None:
    """Return the address of a server that imported Keras with other variables, started if need be.

    None where it has ended: Keras cannot be imported so. Of many the one that was asked for
    longest ago is ended.
    """
    own = f"{address}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    if wanted not in siblings:
        if len(siblings) >= _MAX_SIBLINGS:
            siblings.pop(next(iter(siblings))).communicate()
        Path(own).unlink(missing_ok=True)
        variables = {
            name: value
            for name, value in request["environment"].items()
            if not name.startswith("REPRO_AUDIT_")
        }
        paths = variables.get("PYTHONPATH", "").split(os.pathsep)
        variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if not _begins(path))
        siblings[wanted] = subprocess.Popen(
            [sys.executable, __file__, own],
            env={"PYTHONHASHSEED": "0"} | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    siblings[wanted] = siblings.pop(wanted)
    return own if siblings[wanted].poll() is None else None


def attend(connection: socket.socket, files: list[int], request: Mapping[str, Any]) -> None:
    """Run one command and say how it ended; end it where nobody waits for that any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        connection.close()
        os.setsid()
        for number, file in enumerate(files):
            os.dup2(file, number)
        for file in files:
            os.close(file)
        become(request)
    for file in files:
        os.close(file)
    until = time.monotonic() + _TIMEOUT_S
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if select.select([connection], [], [], _LOOK_S)[0]:
            os.killpg(child, signal.SIGKILL)
            return
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
    connection.sendall(f"{os.waitstatus_to_exitcode(ended[1])}\n".encode())


def become(request: Mapping[str, Any]) -> None:
    """Be the process of a command, and end with it."""
    import atexit
    import multiprocessing.process
    import random
    import threading
    import traceback

    import numpy as np

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if _HAS_CORES:
        os.sched_setaffinity(0, request["cores"])
    random.seed()
    np.random.seed()
    sys.orig_argv = [sys.executable, *request["words"]]
    multiprocessing.process.ORIGINAL_DIR = os.getcwd()  # noqa: PTH109 - as it does itself
    watched(request["environment"])
    if request.get("seed") is not None:
        import keras

        keras.utils.set_random_seed(request["seed"])
    code = 0
    try:
        execute(request["words"])
    except SystemExit as error:
        code = exit_code(error)
    except BaseException as error:  # noqa: BLE001 - as Python itself does
        sys.last_value, code = error, 1
        traceback.print_exc()
    if "weights" in request:
        left = vars(sys.modules["__main__"])
        known = {name: digest(value) for name, value in sorted(left.items())}
        text = json.dumps({name: value for name, value in known.items() if value})
        Path(request["weights"]).write_text(text, encoding="utf-8")
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # TensorFlow's own end takes as long as all the rest


def execute(words: list[str]) -> None:
    """Run a script, a module or a text as Python would."""
    import runpy
    import types

    main = types.ModuleType("__main__")
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main
    if words[0] == "-m":
        sys.argv, sys.path[0] = ["-m", *words[2:]], os.getcwd()  # noqa: PTH109 - as text
        runpy._run_module_as_main(words[1])
        return
    if words[0] == "-c":
        sys.argv, sys.path[0] = ["-c", *words[2:]], ""
        exec(words[1], vars(main))  # noqa: S102 - a test's
        return
    script = Path(words[0])
    main.__file__ = str(script.absolute())
    sys.argv, sys.path[0] = words, str(script.resolve().parent)
    exec(compile(script.read_bytes(), words[0], "exec"), vars(main))  # noqa: S102 - a test's


def exit_code(error: SystemExit) -> int:
    """Return what Python exits with; it prints what is no number."""
    if isinstance(error.code, int):
        return int(error.code) & 0xFF
    if error.code is not None:
        print(error.code, file=sys.stderr)
        return 1
    return 0


def watched(environment: Mapping[str, str]) -> None:
    """Begin what the launcher's hook begins in a fresh process."""
    import runpy
    import types

    from repro_audit.recording.process import launcher
    from repro_audit.recording.process.current import process
    from repro_audit.recording.request import VARIABLE

    if VARIABLE not in environment:
        return
    process.is_child = False
    with contextlib.suppress(ImportError):  # by which it says that there is no other
        runpy.run_path(str(Path(launcher.__file__).with_name("startup") / "sitecustomize.py"))
    # In a fresh process functions are replaced before other modules copy their names.
    stands = {
        id(inner): value
        for module in list(sys.modules.values())
        for value in list(vars(module).values())
        if isinstance(value, types.FunctionType)
        and "repro_audit/recording/" in value.__code__.co_filename
        for inner in behind(value)
    }
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if id(value) in stands:
                setattr(module, name, stands[id(value)])


def behind(function: Any) -> list[Any]:
    """Return the functions that one stands for: several may stand in the place of one."""
    found = []
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
        found.append(function)
    return found


def digest(value: Any) -> str:
    """Return a digest of a model's, an optimizer's or a variable's values; empty for the rest."""
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
    serve(sys.argv[1], when_asked="when asked" in sys.argv)
