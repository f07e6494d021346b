"""A script that records itself, started by a command that would record it."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from forking import Server

import repro_audit

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

SCRIPT = """
import json, os, sys
import keras
import numpy as np
import repro_audit

repro_audit.control(seed=5, threads=1)
x = np.random.default_rng(1).normal(size=(16, 3)).astype("float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
# Before it records itself it does what begins an automatic recording, and trains a little.
model.compile("sgd", "mse", jit_compile=False)
if "before" in sys.argv:
    model.fit(x, x[:, :1], epochs=1, verbose=0)
with repro_audit.record("own.json", trace="epoch") as run:
    run.data("train", x)
    model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0)
model.fit(x, x[:, :1], epochs=1, verbose=0)  # what it leaves out is left out
print(json.dumps({"path": str(run.path.resolve()), "files": sorted(os.listdir("."))}))
"""


@pytest.fixture(scope="module")
def runs(
    bare: Any, record: Any, repeat: Any, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Run the script bare, recorded and repeated, two at a time; return ends and folders."""
    # A repeat fixes it, and it is a condition.
    variables = {"PYTHONHASHSEED": "0"}

    def one(name: str) -> tuple[Any, Path]:
        folder = folders[name]
        (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
        command, *words = name.split("-")
        start = {"bare": bare, "record": record, "repeat": repeat}[command]
        options = {"bare": [], "record": ["-o", "m.json"], "repeat": ["-q", "-d", "out"]}[command]
        how = {"cwd": folder, "variables": variables, "python": server.python}
        return start(*options, "script.py", *words, **how), folder

    names = ["repeat", "bare", "record", "bare-before", "record-before"]
    folders = {name: tmp_path_factory.mktemp(name) for name in names}
    with ThreadPoolExecutor(2) as workers:
        return dict(zip(names, workers.map(one, names), strict=True))


@pytest.mark.parametrize("before", ["", "-before"])
def test_it_leaves_one_manifest_and_one_trace_where_the_command_says(
    runs: Any, before: str
) -> None:
    """None where the script says, no second one, and nothing of the recording that gave way."""
    done, folder = runs["record" + before]
    assert done.code == 0, done.errors
    said = json.loads(done.output.splitlines()[-1])
    assert said["path"] == str(folder / "m.json")
    assert said["files"] == ["m.json", "m.trace", "script.py"]
    assert done.said == (
        "repro-audit: m.json: complete: 1 fit, 8 steps, evidence: trace. "
        "Read it: repro-audit m.json\n"
    )
    assert runs["bare" + before][0].output.count("own.trace") == 1, "the negative"


def test_it_is_recorded_as_it_records_itself(runs: Any) -> None:
    """What it chose counts: the part that is recorded, its data and which steps are traced."""
    own = repro_audit.load(runs["bare"][1] / "own.json")
    under = repro_audit.load(runs["record"][1] / "m.json")
    assert under.outcomes == own.outcomes
    assert under.trace == own.trace
    assert under.conditions.data == own.conditions.data
    assert under.conditions.seeds == own.conditions.seeds
    # Only the command has seen what was read before.
    unseen = [item for item in own.missing if item.path.startswith("$.conditions.read.")]
    assert len(unseen) == 2
    assert set(under.missing) == set(own.missing) - set(unseen)
    assert repro_audit.compare(own, under).verdict == "identical"
    assert (runs["record"][1] / "m.trace").read_bytes() == (
        (runs["bare"][1] / "own.trace").read_bytes()
    )


def test_what_was_trained_before_it_records_is_no_part_of_it(runs: Any) -> None:
    """The recording that had begun by then has left nothing in the other one."""
    own = repro_audit.load(runs["bare-before"][1] / "own.json").outcomes
    under = repro_audit.load(runs["record-before"][1] / "m.json").outcomes
    # Only the place of an epoch's row in the trace differs: steps could be counted.
    assert under.digests._replace(trace="") == own.digests._replace(trace="")
    assert [fit._replace(trace=()) for fit in under.fits] == [
        fit._replace(trace=()) for fit in own.fits
    ]
    without = repro_audit.load(runs["bare"][1] / "own.json").outcomes
    assert own.digests.epochs != without.digests.epochs, "the negative: it had been trained"


def test_a_repeat_of_it_has_one_manifest_and_one_trace_a_run(runs: Any) -> None:
    """Identical, the control caught, and no file where the script names one."""
    done, folder = runs["repeat"]
    assert done.code == 0, done.output + done.errors
    said = json.loads((folder / "out/audit.json").read_text(encoding="utf-8"))
    assert (said["verdict"], said["control"]["caught"]) == ("identical", True)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    files = ("log.txt", "manifest.json", "manifest.trace")
    assert found == {
        "script.py",
        "out/.gitignore",
        "out/audit.json",
        "out/report.html",
        *(f"out/{run}/{file}" for run in ("run-1", "run-2", "control") for file in files),
    }
    own = repro_audit.load(runs["bare"][1] / "own.json")
    assert repro_audit.load(folder / "out/run-1/manifest.json").outcomes == own.outcomes


CONTROLLED = """
import keras, numpy as np, repro_audit
if {by!r} == "repro_audit.control":
    repro_audit.control(seed=7, threads=2)
else:
    keras.utils.set_random_seed(7)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
logger = keras.callbacks.CSVLogger("log.csv", append=True)
model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0, callbacks=[logger])
model.save("best.keras")
model.save_weights("last.weights.h5")
"""


@pytest.mark.parametrize("by", ["repro_audit.control", "keras.utils.set_random_seed"])
def test_who_set_the_seed_is_known_to_what_records_a_script(
    record: Any, server: Server, tmp_path: Path, by: str
) -> None:
    """By its name; and what the run writes makes no repository dirty, though it was committed."""

    def git(*words: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True)

    (tmp_path / "train.py").write_text(CONTROLLED.format(by=by), encoding="utf-8")
    git("init", "--quiet", ".")
    git("add", ".")
    git("commit", "--quiet", "-m", "x")
    for place in ("manifest.json", "new/folder/m.json"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        assert record("-o", place, "train.py", cwd=tmp_path, python=server.python).code == 0
        conditions = repro_audit.load(tmp_path / place).conditions
        assert conditions.seeds.declared_by == by
        assert (conditions.code.git.dirty, conditions.code.git.diff_digest) == (False, None)
        (tmp_path / place).with_suffix(".trace").unlink()
        (tmp_path / place).unlink()
        git("add", "--all")
        git("commit", "--quiet", "-m", "what the run has left")
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    assert record("-o", "m.json", "train.py", cwd=tmp_path, python=server.python).code == 0
    assert repro_audit.load(tmp_path / "m.json").conditions.code.git.dirty is True
