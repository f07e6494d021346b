"""A notebook ends as a script would: how it is stopped, what it leaves, and with which code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from processes import plain_environment

from repro_audit.manifest import load
from repro_audit.notebook.cells import code_cells, failed_cell, printed

pytestmark = pytest.mark.minutes(3)

RUN = [sys.executable, "-E", "-P", "-m", "repro_audit.notebook.running"]


def written(path: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    """Write a notebook, whose last cell has some tags."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.cells[-1].metadata["tags"] = list(tags)
    nbformat.write(notebook, path)
    return path


def started(folder: Path, *cells: str, tags: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    path = written(folder / "a.ipynb", *cells, tags=tags)
    words = [str(path), str(folder / "out.ipynb"), "--kernel", "python3", "--folder", str(folder)]
    return subprocess.Popen(
        [*RUN, *words],
        env={**plain_environment(), "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("cells", "code", "said", "ran"),
    [
        (("print('one')", "print('two')"), 0, "one\ntwo\n", 2),
        (("print('one')", "exit()", "print('on')"), 0, "cell 2 has ended the notebook", 2),
        (("import sys; sys.exit(3)", "print('on')"), 3, "", 1),
        (("1 / 0", "print('on')"), 1, "cell 1 failed: ZeroDivisionError", 1),
        (("raise KeyboardInterrupt", "print('on')"), -signal.SIGINT, "", 1),
        (("import os; os._exit(7)", "print('on')"), 7, "the kernel ended in cell 1", None),
        (("import os; os.kill(os.getpid(), 11)",), -signal.SIGSEGV, "the kernel ended", None),
        (("import atexit, os; atexit.register(lambda: os._exit(9))",), 9, "", 1),
        (("import atexit, os; atexit.register(os.abort)",), 0, "killed by signal 6 (SIGABRT)", 1),
        (("import threading; threading.Thread(target=threading.Event().wait).start()",), 0, "", 1),
        (("import atexit, threading; atexit.register(threading.Event().wait)",), 0, "", 1),
        (("get_ipython().showtraceback = lambda *a, **k: print('mine')", "1 / 0"), 1, "cell 2", 2),
    ],
)
def test_it_ends_with_the_code_of_a_script_and_leaves_what_was_run(folder, cells, code, said, ran):
    """And nothing of the connection to its kernel."""
    process = started(folder, *cells)
    out, _ = process.communicate()
    assert process.returncode == code, out
    assert said in out
    assert ("on\n" in out.splitlines(keepends=True)) is False
    executed = code_cells(folder / "out.ipynb")
    assert ran in {None, sum(cell.ran_as is not None for cell in executed)}
    assert list((folder / "tmp").iterdir()) == []


KILLED_AT_ITS_END = """\
import os, sys, types
ending = types.ModuleType("ending")
ending.end = lambda: os.kill(os.getpid(), 9)
sys.modules["repro_audit.recording.process.ending"] = ending
"""


def test_a_kernel_that_is_killed_while_its_recording_ends_has_not_ended_well(folder):
    """So the system ends one that needs more memory than there is."""
    process = started(folder, KILLED_AT_ITS_END)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


TRAINS_AND_STAYS = """\
import atexit, threading
import keras, numpy as np
keras.utils.set_random_seed(3)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
atexit.register(threading.Event().wait)
"""


@pytest.mark.keras
def test_a_kernel_that_would_not_end_was_recorded_to_its_end(folder):
    """What a notebook registers last is called first, and keeps what is registered before."""
    path = written(folder / "a.ipynb", TRAINS_AND_STAYS)
    command = [sys.executable, "-m", "repro_audit", "record", "-q", path.name]
    subprocess.run(command, cwd=folder, env=plain_environment(), check=True)
    manifest = load(folder / "manifest.json")
    assert manifest.status == "complete"
    assert manifest.outcomes.final_state


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_as_it_ends_a_script(folder, sent):
    """The kernel ends with it, and what was run until then is kept."""
    ready = f"open({str(folder / 'ready')!r}, 'w').write(str(__import__('os').getpid()))"
    process = started(folder, ready, "import time; time.sleep(600)")
    while not (folder / "ready").exists() or not (folder / "ready").read_text():
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(sent)
    process.communicate()
    assert process.returncode == -sent
    kernel = int((folder / "ready").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)
    assert code_cells(folder / "out.ipynb")[0].ran_as == 1


def test_what_a_cell_raised_is_kept_without_colours(folder):
    """A colour within a traceback would hide a secret from what masks secrets."""
    started(
        folder, "def f(password): raise ValueError('no')", "f(password='hunter2')"
    ).communicate()
    text = (folder / "out.ipynb").read_text(encoding="utf-8")
    assert "\\u001b" not in text
    assert "hunter2" in text
    assert failed_cell(folder / "out.ipynb") == "cell 2 failed: ValueError: no"


def test_a_cell_that_may_raise_is_no_failure_though_it_is_the_last(folder):
    """And what it raised is part of what is compared."""
    process = started(folder, "assert False, 'as said'", tags=("raises-exception",))
    process.communicate()
    assert process.returncode == 0
    (cell,) = code_cells(folder / "out.ipynb")
    assert list(printed(cell)) == ["AssertionError: as said"]
    assert json.loads((folder / "out.ipynb").read_text())["metadata"]["repro_audit"] == "executed"
