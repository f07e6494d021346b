"""Run scripts in children of one process that has imported what they need: each starts in a blink.

There are two kinds of server: one has imported Keras, and ourselves; the other only what our
commands import, so that its children find nothing of Keras. Started by itself this is the server;
imported it is the client. `Server.python` is a program to start in the place of Python; what it
does is in `asking`. A child finds what a fresh process would find, but for what is imported
already and the hash seed, which is the server's. Where a variable that is read on import is
another, the server names one of its own kind that was started so. Where an option asks for more,
that program starts Python itself. What is about how a process starts or ends, or about the
processes that it starts, needs a fresh one.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import functools
import gc
import hashlib
import io
import json
import os
import resource
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

from asking import asked

__all__ = ["KINDS", "Forked", "Server", "started"]

EXAMPLES = Path(__file__).parents[4] / "examples"
_TIMEOUT_S = 3600
_LOOK_S = 0.02
_MAX_SIBLINGS = 12
_CLIENT = """#!{python} -IS
import sys
sys.path.append({folder!r})
from asking import ask
ask({address!r})
"""
_DECIDING = {
    "commands": ("MPL", "NPY_", "PYTHON"),
    "keras": (
        "CUDA_", "DNNL_", "KERAS_", "MKL_", "MPL", "NPY_", "OMP_", "ONEDNN_", "PYTHON", "TF_",
        "XLA_",
    ),
}  # fmt: skip
"""How the names of variables begin that are read as the modules of a kind are imported."""
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
    """A process that imports what its children need when it is first asked for one, and forks.

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
            files = [file.fileno() for file in (nothing, output, errors)]
            code = asked(self._address, request, files)
            if code is None:
                message = "what is needed cannot be imported in that environment"
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
def started(environment: Mapping[str, str], kind: str = "keras") -> Iterator[Server]:
    """Start a server, and end it.

    Args:
        environment: Its environment; what Keras and TensorFlow read as they are imported counts
            for all children.
        kind: What it imports: ``keras``, or ``commands``, which are ours.

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
            [sys.executable, __file__, f"{name}/socket", kind, "when asked"],
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


def deciding(variables: Mapping[str, str], kind: str) -> str:
    """Return, as text, the variables that are read as a kind of server imports what it does."""
    kept = {
        name: value
        for name, value in variables.items()
        if name.startswith(_DECIDING[kind]) and name not in _UNIMPORTANT
    }
    # Without a hash seed one is drawn, and any will do.
    kept.setdefault("PYTHONHASHSEED", "0")
    # Another release of Keras may lie in a folder of its own; nobody has another of our commands.
    further = further_folders(variables) if kind == "keras" else []
    return json.dumps([kept, further], sort_keys=True)


def further_folders(variables: Mapping[str, str]) -> list[str]:
    """Return the folders that Python is told to import from as well."""
    paths = variables.get("PYTHONPATH", "").split(os.pathsep)
    return [path for path in paths if not _begins(path)]


def _begins(path: str) -> bool:
    """Whether it is empty, or the folder with which a recording begins: a child sees to that."""
    return not path or path.endswith(os.path.join("process", "startup"))  # noqa: PTH118 - light


def serve(address: str, kind: str, *, when_asked: bool) -> None:
    """Fork for each request, until the input is closed.

    Args:
        address: Where requests come in.
        kind: What is imported.
        when_asked: Whether it is imported for the first request; else at once, so that nobody
            reaches a server that cannot import it.
    """

    @functools.cache
    def import_all() -> None:
        KINDS[kind]()
        note_copies()
        gc.collect()
        gc.freeze()  # what children need not look through, and so not copy

    if not when_asked:
        import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    own = deciding(os.environ, kind)
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
            line = connection.makefile().readline()
            if line.endswith("\n"):  # else who asks is gone already
                request = ast.literal_eval(line)
                wanted = deciding(request["environment"], kind)
                if wanted != own:
                    other = sibling(address, kind, wanted, request, siblings)
                    with contextlib.suppress(BrokenPipeError):
                        connection.sendall(f"{other or ''}\n".encode())
                elif os.fork() == 0:
                    listening.close()
                    attend(connection, files, request)
                    os._exit(0)
            connection.close()
            for file in files:
                os.close(file)
    for process in siblings.values():
        process.kill()


def import_commands() -> None:
    """Import what our commands need, and do what a process does once."""
    import _pytest.config  # noqa: F401 - what children find imported
    import numpy.random  # noqa: F401 - as above
    import wrapt  # noqa: F401 - as above

    import repro_audit.repeat.repeating  # noqa: F401 - as above
    from repro_audit.cli import entry, repeat  # noqa: F401 - as above
    from repro_audit.manifest.records import VERSION
    from repro_audit.manifest.validation import _deciding
    from repro_audit.recording.process import launched  # noqa: F401 - as above

    two = map(str, sorted(EXAMPLES.glob("threads-?.json")))
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        entry.run([*two, "--format", "html"])
    _deciding(VERSION, strict=True).is_valid({})


def import_keras() -> None:
    """Import what trainers need, and do what a process does once."""
    import archspec.cpu  # noqa: F401 - what children find imported
    import keras  # noqa: F401 - as above
    import numpy.random  # noqa: F401 - as above
    import tensorflow as tf  # noqa: F401 - as above

    from repro_audit.capture.environment import capture_environment  # noqa: F401 - as above
    from repro_audit.capture.packages import capture_packages
    from repro_audit.manifest.records import VERSION
    from repro_audit.manifest.validation import _deciding
    from repro_audit.recording.process import launched  # noqa: F401 - as above
    from repro_audit.recording.session import recorder  # noqa: F401 - as above

    capture_packages(None, lambda *_: None)
    _deciding(VERSION, strict=True).is_valid({})


KINDS = {"commands": import_commands, "keras": import_keras}


def sibling(
    address: str,
    kind: str,
    wanted: str,
    request: Mapping[str, Any],
    siblings: dict[str, subprocess.Popen[bytes]],
) -> str | None:
    """Return the address of a server that was started with other variables, now if need be.

    None where it has ended: what is needed cannot be imported so. Of many the one that was
    asked for longest ago is ended.
    """
    own = f"{address}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    if wanted not in siblings:
        if len(siblings) >= _MAX_SIBLINGS:
            # Its children go on. It is not told by its input, which others' children hold open.
            siblings.pop(next(iter(siblings))).kill()
        Path(own).unlink(missing_ok=True)
        variables = {
            name: value
            for name, value in request["environment"].items()
            if not name.startswith("REPRO_AUDIT_")
        }
        variables["PYTHONPATH"] = os.pathsep.join(further_folders(variables))
        siblings[wanted] = subprocess.Popen(
            [sys.executable, __file__, own, kind],
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
    if "cores" in request:
        os.sched_setaffinity(0, request["cores"])
    for number, limit in request["limits"].items():
        resource.setrlimit(number, limit)
    random.seed()
    np.random.seed()
    sys.path[1:1] = [path for path in further_folders(os.environ) if path not in sys.path]
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

    from repro_audit.recording.process import launcher
    from repro_audit.recording.process.current import process
    from repro_audit.recording.request import VARIABLE

    if VARIABLE not in environment:
        return
    process.is_child = False
    with contextlib.suppress(ImportError):  # by which it says that there is no other
        runpy.run_path(str(Path(launcher.__file__).with_name("startup") / "sitecustomize.py"))
    # In a fresh process functions are replaced before other modules copy their names.
    for name in process.patches.names:
        module, _, attribute = name.rpartition(".")
        value = getattr(sys.modules.get(module), attribute, None)
        for inner in behind(value):
            for names, copy in COPIES[id(inner)]:
                names[copy] = value


COPIES: dict[int, list[tuple[dict[str, Any], str]]] = collections.defaultdict(list)
"""Where each function stands among the names of modules, by its identity."""


def note_copies() -> None:
    """Note where each function stands: looked for in each child, they would take as long as it."""
    for module in list(sys.modules.values()):
        names = vars(module)
        for name, value in list(names.items()):
            if callable(value) and not isinstance(value, type):
                COPIES[id(value)].append((names, name))


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
    serve(sys.argv[1], sys.argv[2], when_asked="when asked" in sys.argv)
