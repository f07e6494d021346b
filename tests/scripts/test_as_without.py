"""What a script finds under `record` is what it finds without."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.minutes(2)

SEES = {
    "its arguments": "import sys; print(sys.argv, sys.orig_argv)",
    "its name and file": "print(__name__, __file__, __package__, __spec__, __cached__, __doc__)",
    "what __main__ holds": "import __main__; print(sorted(vars(__main__)), type(__loader__))",
    "where modules come from": "import sys; print(sys.path, sys.prefix, sys.path_hooks[0])",
    "how Python was started": "import sys; print(sys.flags, sys.executable, sys.warnoptions)",
    "no sitecustomize": "import sys; print('sitecustomize' in sys.modules)",
    "no sitecustomize to import": """
try:
    import sitecustomize
except ImportError as error:
    print(repr(error), error.name)
else:
    print(sitecustomize.__file__)
""",
    "its environment": """
import os
print(sorted(item for item in os.environ.items() if item[0] != "REPRO_AUDIT_RUN"))
""",
    "its folder and mask": "import os; print(os.getcwd(), os.umask(0), os.getpriority(0, 0))",
    "the handlers of signals": """
import signal
print({number: signal.getsignal(number) for number in signal.valid_signals()} | {"alarm": 0})
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
""",
    "its threads": "import threading; print([type(item) for item in threading.enumerate()])",
    "its open files": "import os; print(sorted(os.listdir('/proc/self/fd')))",
    "its warnings": "import warnings; print(warnings.filters)",
    "its limits": "import gc, sys; print(gc.get_threshold(), sys.getrecursionlimit())",
    "its hooks": """
import sys
print(sys.excepthook, sys.displayhook, sys.gettrace(), sys.getprofile(), sys.stdout.encoding)
print(sys.unraisablehook is sys.__unraisablehook__, sys.breakpointhook, sys.stdout.line_buffering)
""",
    "seeded generators": """
import random
random.seed(7); print(random.random())
random.seed(); random.seed("text"); print(random.random())
random.seed(a=3, version=2); print(random.random(), random.Random(1).random())
""",
    "a Python it starts": """
import subprocess, sys
code = (
    "import os, sys; os.environ.pop('REPRO_AUDIT_RUN', None); "
    "print(sys.path, sorted(sys.modules), sorted(os.environ.items()))"
)
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
""",
    "the order of what is called at exit": """
import atexit, threading, time
for name in "abc":
    atexit.register(lambda name=name: print("at exit", name, globals().get("__file__")))
threading.Thread(target=lambda: (time.sleep(0.1), print("the thread ends"))).start()
print("the script ends")
""",
    "its standard input": "import sys; print(sys.stdin.isatty(), repr(sys.stdin.read()))",
    "its standard error": "import sys; sys.stderr.write('a line\\n'); print('other')",
    "bytes that are no text": "import sys; sys.stdout.buffer.write(bytes(range(128)))",
}
POOL = """
import copy, multiprocessing, pickle, sys

class Job:
    def __init__(self, size):
        self.size = size

def work(job):
    import __main__
    return type(job).__module__, job.size ** 2, "sitecustomize" in sys.modules, sys.argv, sys.path

if __name__ == "__main__":
    again = pickle.loads(pickle.dumps(Job(3)))
    print(type(again) is Job, copy.deepcopy(again).size, pickle.dumps(Job))
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(work, [Job(size) for size in range(4)]))
"""


@pytest.fixture
def both(bare: Any, record: Any, tmp_path: Path) -> Callable[..., tuple[Any, Any]]:
    """Return a function that runs one script with its arguments bare and recorded."""

    def run(text: str, *arguments: str, name: str = "script.py", **options: Any) -> Any:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        # Once for nothing: its own bytecode is then there for both.
        return tuple(run(name, *arguments, cwd=tmp_path, **options) for run in (bare, record))

    return run


@pytest.mark.parametrize("what", SEES)
def test_a_script_sees_what_it_sees_without(both: Any, what: str) -> None:
    """Output and errors are the same, but for the line that says that nothing was trained."""
    arguments = ("--epochs", "2", "-o", "x", "--help", "--", "-q", "--version", "-m", "")
    before, under = both(SEES[what], *arguments, input=b"one line\nand another")
    assert before.output
    assert (under.output, under.errors) == (before.output, before.errors)
    assert (before.code, before.said) == (0, "")
    assert under.code == 2
    assert under.said.startswith("repro-audit: script.py: no training detected.")


def test_a_recorder_that_a_script_could_see_would_be_found(both: Any) -> None:
    """The negative: its one variable, and the modules that it loads, are seen."""
    seen = "import os, sys; print('REPRO_AUDIT_RUN' in os.environ, 'repro_audit' in sys.modules)"
    before, under = both(seen)
    assert (before.output, under.output) == ("False False\n", "True True\n")


@pytest.mark.parametrize("name", ["a folder/with spaces.py", "-dash.py", "no_extension", "ü.py"])
def test_a_script_may_be_called_anything(bare: Any, record: Any, tmp_path: Path, name: str) -> None:
    """What stands behind -- is the script; it finds its own folder first."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("import sys; print(sys.argv, __file__, sys.path[0])", encoding="utf-8")
    target = f"./{name}" if name.startswith("-") else name
    before = bare(target, "x", cwd=tmp_path)
    assert before.code == 0
    assert record("--", target, "x", cwd=tmp_path).output == before.output
    assert record("-q", str(path), "x", cwd=tmp_path).output == (
        bare(str(path), "x", cwd=tmp_path).output
    )


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("print('mine'); works = True", "mine\n"),
        ("raise ValueError('mine')", ""),
        ("import absent_module", ""),
        ("raise ImportError('mine')", ""),
    ],
)
def test_another_sitecustomize_is_run_in_its_turn(
    bare: Any, record: Any, tmp_path: Path, what: str, expected: str
) -> None:
    """It is the module of that name, says what it says without, and costs no recording."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(what, encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "print(getattr(sys.modules.get('sitecustomize'), '__file__', None))\n"
        "print(sys.path, os.environ['PYTHONPATH'])\n"
        "if 'repro_audit.recording.process.current' in sys.modules:\n"
        "    from repro_audit.recording.process.current import process\n"
        "    print('recorded', process.automatic is not None, file=sys.stderr)\n",
        encoding="utf-8",
    )
    paths = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    before, under = (
        run("script.py", cwd=tmp_path, variables={"PYTHONPATH": paths.strip(os.pathsep)})
        for run in (bare, record)
    )
    # The command is Python too, and runs it first.
    assert under.output == expected + before.output
    assert before.output.startswith(expected + (str(tmp_path / "site") if expected else "None"))
    command = before.errors
    assert under.errors == command + before.errors + "recorded True\n"
    assert (before.errors == "") == (expected != "")


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONSAFEPATH", "PYTHONUNBUFFERED"])
def test_a_variable_of_python_is_what_it_was(
    bare: Any, record: Any, tmp_path: Path, variable: str
) -> None:
    """Empty, it changes nothing: the script finds it as it was given."""
    script = tmp_path / "script.py"
    script.write_text(
        f"import os, sys; print(repr(os.environ.get({variable!r})), sys.path, sys.flags)",
        encoding="utf-8",
    )
    value = os.pathsep.join(
        [os.environ.get("PYTHONPATH", ""), "relative", str(tmp_path)]
        if variable == "PYTHONPATH"
        else ["1"]
    )
    before, under = (
        run("script.py", cwd=tmp_path, variables={variable: value}) for run in (bare, record)
    )
    assert under.output == before.output
    assert repr(value) in before.output


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit('a text')", 1),
        ("sys.exit(True)", 1),
        ("sys.exit(2)", 2),
        ("raise ValueError('a value')", 1),
        ("raise KeyboardInterrupt", 130),
        ("os._exit(5)", 5),
        ("atexit.register(os._exit, 6)", 6),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("os.abort()", 134),
        ("def broken(:", 1),
    ],
)
def test_a_script_ends_as_it_ends_without(both: Any, end: str, code: int) -> None:
    """The exit code is its own, its last words are its own, and one line of ours says how."""
    before, under = both(f"import atexit, os, signal, sys\nprint('here', flush=True)\n{end}\n")
    assert (before.code, under.code) == (code, code)
    assert (under.output, under.errors) == (before.output, before.errors)
    assert under.said.startswith("repro-audit: script.py ")
    assert under.said.endswith("; no training detected.\n")
    assert under.said.count("\n") == 1


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_what_a_script_defines_can_be_pickled_and_sent(both: Any, method: str) -> None:
    """Its classes are those of __main__, in a pool too."""
    before, under = both(POOL, method)
    assert before.errors == under.errors == ""
    assert under.output == before.output
    assert "main__', 9, " in before.output


def test_functions_that_seed_can_be_pickled_and_copied(both: Any) -> None:
    """What stands in their place is found again by its name, and seeds."""
    before, under = both("""
import copy, inspect, pickle, random
import numpy as np
for function, draw in ((random.seed, random.random), (np.random.seed, np.random.rand)):
    for other in (pickle.loads(pickle.dumps(function)), copy.deepcopy(function)):
        print(function.__name__, function.__doc__, inspect.signature(function), other(5))
    function(5)
    print(draw())
print(random.seed.__module__, pickle.loads(pickle.dumps(np.random.seed)) is np.random.seed)
""")
    assert before.errors == under.errors == ""
    assert under.output == before.output


WAITING = """
import os, signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: print("saved", flush=True))
signal.signal(signal.SIGHUP, lambda *_: print("hung up", flush=True))
interrupts = 0
deadline = time.monotonic() + 30
while time.monotonic() < deadline:
    try:
        if not interrupts:
            print("ready", flush=True)
        time.sleep(deadline - time.monotonic())
    except KeyboardInterrupt:
        interrupts += 1
        deadline = time.monotonic() + 0.5
        print("interrupted", interrupts, flush=True)
sys.exit(7)
"""


def _interruptible() -> None:
    # A shell has its background jobs ignore Ctrl-C, and nohup SIGHUP; so do all that they start.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def waiting(command: list[str], environment: dict[str, str], tmp_path: Path) -> Any:
    """Start a script that waits for signals, recorded; return its process."""
    (tmp_path / "script.py").write_text(WAITING, encoding="utf-8")
    started = []

    def start(**options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command, "record", "script.py"],
            cwd=tmp_path,
            env=environment,
            text=True,
            **{
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "preexec_fn": _interruptible,
                **options,
            },
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()  # which ends the script, too
        process.communicate()


def test_an_interrupt_reaches_the_script_as_keyboardinterrupt(waiting: Any) -> None:
    """Once; the script may go on, and its exit code counts."""
    process = waiting()
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (output, process.returncode) == ("interrupted 1\n", 7)
    assert errors == "repro-audit: script.py ended with exit code 7; no training detected.\n"


def test_an_interrupt_of_a_terminal_comes_once(waiting: Any) -> None:
    """The terminal sends it to the command and to the script; it is not passed on again."""
    ours, theirs = os.openpty()
    process = waiting(
        stdin=theirs,
        stdout=theirs,
        start_new_session=True,
        preexec_fn=lambda: (_interruptible(), fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)),
    )
    os.close(theirs)
    with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123 - a descriptor has no Path
        assert terminal.readline() == b"ready\r\n"
        os.write(ours, b"\x03")
        text = b""
        while b"interrupted" not in text.rpartition(b"\n")[0]:
            text += terminal.read(1)
        assert process.wait(30) == 7
        os.set_blocking(ours, False)
        with contextlib.suppress(OSError):  # nobody is left who could write
            text += terminal.read(1000) or b""
    assert text.count(b"interrupted") == 1


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGUSR1, "saved\n"), (signal.SIGHUP, "hung up\n")]
)
def test_a_signal_that_a_script_handles_reaches_it(waiting: Any, number: int, word: str) -> None:
    """As the one by which a scheduler tells that the time is nearly over."""
    process = waiting()
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == word
    assert process.poll() is None


def test_a_signal_that_a_script_leaves_alone_ends_it(waiting: Any) -> None:
    """Exit 143 as a shell tells it, and no process stays behind."""
    process = waiting()
    assert process.stdout.readline() == "ready\n"
    own = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    (child,) = own.read_text(encoding="utf-8").split()
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=30)
    assert (output, process.returncode) == ("", 143)
    how = "was killed by signal 15 (SIGTERM); no training detected."
    assert errors == f"repro-audit: script.py {how}\n"
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_a_module_sees_what_it_sees_without(bare: Any, record: Any, tmp_path: Path) -> None:
    """With -m: relative imports, its own name and package, its arguments and this folder."""
    package = tmp_path / "pack"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "inner/__init__.py").write_text("value = 3", encoding="utf-8")
    (package / "run.py").write_text(
        "import sys\nfrom .inner import value\nfrom . import inner\n"
        "print(value, inner, __name__, __package__, __spec__.name, sys.argv, sys.path)\n",
        encoding="utf-8",
    )
    (package / "__main__.py").write_text("from . import run", encoding="utf-8")
    for module in ("pack", "pack.run"):
        before = bare("-m", module, "--epochs", "2", "-m", cwd=tmp_path)
        under = record("-m", module, "--epochs", "2", "-m", cwd=tmp_path)
        assert before.output.startswith("3 <module 'pack.inner'")
        assert (under.output, under.errors) == (before.output, before.errors)


TRAINS = """
import atexit, copy, inspect, pickle, sys, threading, warnings
import keras
import numpy as np
from keras.utils import set_random_seed

def model_of(units):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
    model.compile("sgd", "mse", jit_compile=False)
    return model

assert pickle.loads(pickle.dumps(set_random_seed)) is set_random_seed is keras.utils.set_random_seed
assert copy.deepcopy([set_random_seed])[0] is set_random_seed
print(inspect.signature(set_random_seed), set_random_seed.__doc__)
print(inspect.signature(keras.Model.fit), inspect.signature(keras.Model.compile))
set_random_seed(seed=4)
atexit.register(lambda: print("at exit", float(model.get_weights()[0][0, 0])))
x = np.ones((8, 3), "float32")
model = model_of(2)
before = threading.active_count()
history = model.fit(x, x[:, :2], epochs=2, verbose=2)
print(history.history, history.params, [type(item) for item in model.metrics])
print(model.predict(x[:1], verbose=0), model.evaluate(x, x[:, :2], verbose=0))
for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
    print(type(again), again.compiled, again.evaluate(x, x[:, :2], verbose=0))
print("sitecustomize" in sys.modules, __name__, warnings.filters == warnings.filters[:])
raise ValueError(sys.argv[1])
"""


@pytest.mark.keras
def test_a_script_that_trains_sees_what_it_sees_without(both: Any, tmp_path: Path) -> None:
    """Output, history, models that it loads again, and the error that it ends with."""
    before, under = both(TRAINS, "a reason")
    assert before.code == under.code == 1
    assert "ValueError: a reason" in under.errors

    def without_times(text: str) -> list[str]:
        """Return its lines; the one that Keras writes each epoch says how long it took."""
        return [
            line.rpartition("/step")[2] if "/step" in line else line for line in text.splitlines()
        ]

    assert without_times(under.output) == without_times(before.output)
    assert _of_script(under.errors) == _of_script(before.errors)
    how, what = under.said.splitlines()
    assert how == "repro-audit: script.py ended with exit code 1."
    assert what.startswith("repro-audit: manifest.json: failed: 1 fit, 2 steps, evidence: trace.")
    assert (tmp_path / "manifest.trace").exists()


def _of_script(errors: str) -> list[str]:
    """Return the lines that tell no time."""
    return [line for line in errors.splitlines() if not line.startswith(("I0", "WARNING", "E0"))]


def test_the_python_that_runs_a_script_is_this_one(record: Any, tmp_path: Path) -> None:
    """Whatever PATH says."""
    (tmp_path / "script.py").write_text("import sys; print(sys.executable)", encoding="utf-8")
    under = record("script.py", cwd=tmp_path, variables={"PATH": "/nowhere"})
    assert under.output == f"{sys.executable}\n"
