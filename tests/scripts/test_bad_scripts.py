"""Scripts that cannot be run, fail, are killed or train nothing: one clear line, and the truth."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import repro_audit

NEVER = "print('nothing to learn here')\n"
SEEN = (
    "Recorded are fit, evaluate, train_on_batch and loops that call optimizer.apply or "
    "apply_gradients of a keras.Model, in the process that was started."
)
BAD = {
    "never trains": (NEVER, 2, "script.py: no training detected. " + SEEN),
    "raises": ("raise ValueError('too high')", 1, "script.py ended with exit code 1"),
    "exits": ("import sys; sys.exit(3)", 3, "script.py ended with exit code 3"),
    "is no Python": ("def broken(:", 1, "script.py ended with exit code 1"),
    "imports what is absent": ("import absent_module", 1, "script.py ended with exit code 1"),
    "is killed": (
        "import os; os.kill(os.getpid(), 9)",
        137,
        "script.py was killed by signal 9 (SIGKILL), as the system does when memory runs out",
    ),
}
KILLED = """
import os, sys
import keras
import numpy as np

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            print("about to be killed", flush=True)
            os.kill(os.getpid(), 9)

x = np.ones((8, 3), "float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", "mse", jit_compile=False)
model.fit(x, x[:, :2], epochs=3, verbose=0, callbacks=[Kill()])
"""


@pytest.fixture
def folder(tmp_path: Path, example: Path) -> Path:
    """Return a folder with an older manifest and its trace."""
    shutil.copy(example, tmp_path / "manifest.json")
    shutil.copy(example.with_suffix(".trace"), tmp_path / "manifest.trace")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_script_is_told_of_in_one_line(record: Any, folder: Path, kind: str) -> None:
    """The exit code tells, and an older manifest stays as it is and is not taken for its own."""
    text, code, line = BAD[kind]
    (folder / "script.py").write_text(text, encoding="utf-8")
    before = contents(folder)
    done = record("script.py", cwd=folder)
    assert done.code == code
    expected = line if line.endswith(".") else f"{line}; no training detected."
    assert done.said == f"repro-audit: {expected}\n"
    assert "repro_audit" not in done.errors
    assert contents(folder) == before


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_script_does_not_repeat(repeat: Any, tmp_path: Path, kind: str) -> None:
    """Exit 2, inconclusive after one run, the reason and the tail of its log."""
    text, _, line = BAD[kind]
    first = "print('this is the log', flush=True)\n" if "broken" not in text else ""
    (tmp_path / "script.py").write_text(first + text, encoding="utf-8")
    done = repeat("-q", "-d", "out", "script.py", cwd=tmp_path)
    assert done.code == 2
    reason = line.replace("script.py", "run-1").partition(". Recorded")[0]
    said = json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8"))
    assert (said["verdict"], said["reason"]) == ("inconclusive", reason)
    assert [run["name"] for run in said["runs"]] == ["run-1"]
    assert done.output.startswith(f"inconclusive  {reason[:60]}")
    tail = done.errors.splitlines()
    assert tail
    assert all(line.startswith("  | ") for line in tail)
    assert "  | this is the log" in tail or "SyntaxError" in tail[-1]
    assert not list(tmp_path.rglob(".*.tmp"))


@pytest.mark.parametrize("how", ["record", "repeat"])
@pytest.mark.parametrize("name", ["absent.py", "a/b.py", ".", "abs\x1bent.py"])
def test_a_script_that_is_missing_is_named(
    request: pytest.FixtureRequest, tmp_path: Path, how: str, name: str
) -> None:
    """Exit 2, one line, and nothing is made."""
    done = request.getfixturevalue(how)(name, cwd=tmp_path)
    shown = name.replace("\x1b", "\\x1b")
    assert (done.code, done.output, done.errors) == (2, "", "")
    assert done.said == f"repro-audit: {shown}: there is no such script.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_is_missing_is_named(record: Any, repeat: Any, tmp_path: Path) -> None:
    """Python says so, and one line of ours with its exit code; a repeat shows Python's line."""
    done = record("-m", "absent_module", cwd=tmp_path)
    assert done.code == 1
    assert done.errors.endswith(": No module named absent_module\n")
    assert done.said == (
        "repro-audit: absent_module ended with exit code 1; no training detected.\n"
    )
    done = repeat("-q", "-d", "out", "-m", "absent_module", cwd=tmp_path)
    assert done.code == 2
    assert done.errors.endswith(": No module named absent_module\n")
    assert "run-1 ended with exit code 1" in done.output


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("absent/m.json", "absent/m.json: cannot be written: No such file or directory."),
        ("script.py/m.json", "script.py/m.json: cannot be written: Not a directory."),
        ("folder", "File 'folder' is a directory."),
    ],
)
def test_a_manifest_that_has_no_place_is_refused_before_the_script_runs(
    record: Any, tmp_path: Path, output: str, reason: str
) -> None:
    """Exit 2, one line, and the script has not begun."""
    (tmp_path / "script.py").write_text("open('made', 'w').close()", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    done = record("-o", output, "script.py", cwd=tmp_path)
    assert (done.code, done.output, done.errors) == (2, "", "")
    assert reason in done.said
    assert done.said.count("\n") == 1
    assert not (tmp_path / "made").exists()
    assert record("-o", "folder/m.json", "script.py", cwd=tmp_path).code == 2
    assert (tmp_path / "made").exists(), "the negative: a place that is there lets it run"


@pytest.mark.parametrize("words", [[], ["-m"], ["-o", "x"]])
def test_a_command_that_names_no_target_is_told_what_may_be_one(
    record: Any, tmp_path: Path, words: list[str]
) -> None:
    """Exit 2 and one line."""
    done = record(*words, cwd=tmp_path)
    assert (done.code, done.output, done.errors) == (2, "", "")
    assert done.said == (
        "repro-audit: There is nothing to run: give a script, or a module after -m.\n"
    )


def test_a_wrong_value_of_an_option_is_told_where_help_is(record: Any, tmp_path: Path) -> None:
    """Exit 2 and one line."""
    done = record("--trace", "often", "script.py", cwd=tmp_path)
    assert (done.code, done.output, done.errors) == (2, "", "")
    assert done.said.count("\n") == 1
    assert done.said.endswith("See: repro-audit record --help\n")


@pytest.mark.parametrize("which", ["stdout", "stderr"])
def test_a_closed_output_brings_no_traceback_of_ours(
    environment: dict[str, str], command: list[str], tmp_path: Path, which: str
) -> None:
    """Exit 2 in either case: without standard output nothing is run."""
    (tmp_path / "script.py").write_text(NEVER, encoding="utf-8")
    closed = {"stdout": ">&-", "stderr": "2>&-"}[which]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *command, "record", "script.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    if which == "stdout":
        assert done.stderr == "repro-audit: standard output is closed\n"
    else:
        assert done.stdout == NEVER.split("'")[1] + "\n"


def test_a_reader_that_goes_away_is_the_affair_of_the_script(
    environment: dict[str, str], command: list[str], tmp_path: Path
) -> None:
    """Its BrokenPipeError and its exit code are what they are without; ours is one line."""
    (tmp_path / "script.py").write_text(
        "for number in range(100_000):\n    print(number)\n", encoding="utf-8"
    )

    def piped(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", '"$@" | head -1; exit ${PIPESTATUS[0]}', "bash", *words, "script.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout == "0\n"
        return done.returncode, done.stderr

    code, errors = piped(command[0])
    under, said = piped(*command, "record")
    assert "BrokenPipeError" in errors
    assert (under, said) == (
        code,
        f"{errors}repro-audit: script.py ended with exit code {code}; no training detected.\n",
    )


@pytest.mark.keras
def test_a_script_that_is_killed_in_training_leaves_a_manifest_that_says_so(
    record: Any, repeat: Any, folder: Path
) -> None:
    """Exit 137 and status failed; of a repeat exit 2, the reason and the tail of the log."""
    (folder / "script.py").write_text(KILLED, encoding="utf-8")
    older = repro_audit.load(folder / "manifest.json").run_id
    done = record("script.py", cwd=folder)
    how = "was killed by signal 9 (SIGKILL), as the system does when memory runs out"
    assert done.code == 137
    assert done.said.splitlines()[0] == f"repro-audit: script.py {how}."
    assert "manifest.json: failed: 1 fit, 1 step" in done.said
    manifest = repro_audit.load(folder / "manifest.json")
    assert manifest.run_id != older
    assert manifest.status == "failed"
    assert manifest.information.failure is not None
    assert manifest.information.failure.message == f"the process {how}"
    assert len(manifest.outcomes.fits[0].epochs) == 1
    assert set(contents(folder)) == {"manifest.json", "manifest.trace", "script.py"}

    done = repeat("-q", "-d", "out", "script.py", cwd=folder)
    assert done.code == 2
    assert f"run-1 {how}"[:70] in done.output
    assert "  | about to be killed" in done.errors.splitlines()
    assert set(contents(folder / "out")) == {
        ".gitignore",
        "audit.json",
        "report.html",
        "run-1/log.txt",
        "run-1/manifest.json",
        "run-1/manifest.trace",
    }
