"""Scripts that once came out wrong: each ends as it would without, and none is called identical.

Each is started bare and recorded in a process that has imported Keras, and recorded once more.
What is about imports or children is started in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from forking import Forked, Server
from manifests import sealed
from processes import our_command, plain_environment

import repro_audit
from repro_audit.audit import Audit
from repro_audit.manifest import Manifest
from repro_audit.recording.process.launcher import recording_environment
from repro_audit.recording.request import Request
from repro_audit.trace import find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(5)]

CASES = Path(__file__).parent / "cases"
SEED = 7


class Case(NamedTuple):
    """A script, and how two recordings of it compare.

    Attributes:
        name: Its file's name.
        arguments: Its arguments.
        verdict: The verdict on two recordings.
        random: What it leaves that is another each time, even where everything is seeded.
    """

    name: str
    arguments: tuple[str, ...] = ()
    verdict: str = "identical"
    random: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """Its name and arguments."""
        return " ".join((self.name, *self.arguments))


RECORDED = (
    Case("changes_folder", verdict="divergent"),
    Case("fit_or_loop", ("fit",)),
    Case("fit_or_loop", ("loop",)),
    Case("fit_twice", ("2", "2")),
    Case("gan_two_optimizers"),
    Case("mirrored_twice", verdict="divergent"),
    Case("search_picks_model", verdict="divergent"),
    Case("second_training_unseen", verdict="divergent", random=frozenset({"weight"})),
)
UNRECORDED = (
    Case("fork_recursion"),
    Case("numpy_moved", ("record",)),
)


class Runs(NamedTuple):
    """A case bare and recorded with everything seeded before, and recorded as it is, twice."""

    bare: Forked
    recorded: Forked
    folder: Path
    audit: Audit | None


@pytest.fixture(scope="module")
def runs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what runs a case, once."""
    known: dict[Case, Runs] = {}

    def run(case: Case) -> Runs:
        if case not in known:
            known[case] = _runs(server, case, tmp_path_factory.mktemp(case.name))
        return known[case]

    return run


def _runs(server: Server, case: Case, folder: Path) -> Runs:
    def start(name: str, *, seed: int | None = SEED) -> Forked:
        own = folder / name
        own.mkdir()
        environment = plain_environment()
        if name != "bare":
            request = Request(manifest=str(own / "manifest.json"))
            environment = recording_environment(environment, request)
        script = CASES / f"{case.name}.py"
        if case in UNRECORDED:
            command = [sys.executable, str(script), *case.arguments]
            done = subprocess.run(
                command, cwd=own, env=environment, capture_output=True, text=True, check=False
            )
            return Forked(done.returncode, done.stdout, done.stderr, {})
        return server.run(script, *case.arguments, cwd=own, environment=environment, seed=seed)

    bare, recorded = start("bare"), start("recorded")
    if case in UNRECORDED:
        return Runs(bare, recorded, folder, None)
    paths = []
    for name in ("first", "second"):
        assert start(name, seed=None).code == 0
        paths.append(folder / name / "manifest.json")
    manifests = [repro_audit.load(path) for path in paths]
    traces = [find_trace(*pair) for pair in zip(paths, manifests, strict=True)]
    return Runs(bare, recorded, folder, repro_audit.audit(*manifests, traces=traces))


@pytest.mark.parametrize("case", RECORDED + UNRECORDED, ids=lambda case: case.label)
def test_a_script_ends_as_without(runs: Any, case: Case) -> None:
    """The same exit code, output and weights."""
    found = runs(case)
    assert found.recorded.code == found.bare.code == 0, found.recorded.errors
    if not case.random:
        assert found.recorded.output == found.bare.output
    kept = [name for name in found.bare.weights if name not in case.random]
    assert [found.recorded.weights[name] for name in kept] == [
        found.bare.weights[name] for name in kept
    ]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.label)
def test_two_recordings_of_it_have_the_right_verdict(runs: Any, case: Case) -> None:
    """Where nothing seeds it, or part of it, they differ; and nothing contradicts itself."""
    audit = runs(case).audit
    assert audit.verdict == case.verdict, audit.reason
    assert [item.contradiction for item in audit.manifests] == [None, None]


def test_variables_without_a_model_are_recorded_with_their_optimizer(runs: Any) -> None:
    """As a group of its own: its steps, its trace and what it ends with."""
    manifest = repro_audit.load(runs(RECORDED[-1]).folder / "first" / "manifest.json")
    group = manifest.conditions.training.models[1]
    assert group.class_name == "SGD without a model"
    assert [item["config"]["learning_rate"] for item in group.optimizers] == [pytest.approx(0.1)]
    assert [fit.steps for fit in manifest.outcomes.fits] == [2, 5]
    assert (manifest.evidence, manifest.unfollowed) == ("trace", None)
    assert [item.role for item in manifest.outcomes.final_state[1]][1:] == [
        "iteration",
        "learning_rate",
    ]


def test_the_optimizers_that_trained_are_those_that_are_named(runs: Any) -> None:
    """Two of the user's own, and not the one that compile makes where it is given none."""
    folder = runs(Case("gan_two_optimizers")).folder
    manifest = repro_audit.load(folder / "first" / "manifest.json")
    (model,) = manifest.conditions.training.models
    assert [(item["class_name"], item["config"]["learning_rate"]) for item in model.optimizers] == [
        ("Adam", pytest.approx(1e-4)),
        ("Adam", pytest.approx(2e-4)),
    ]
    slots = [item for item in manifest.outcomes.final_state[0] if item.layer == "Adam"]
    assert [item.role for item in slots].count("iteration") == 2
    from repro_audit.audit.checklist import answer

    answers = " ".join(item.text for item in answer(manifest, "icml").items)
    assert "Adam" in answers
    assert "RMSprop" not in answers


def test_the_strategy_is_the_models(runs: Any) -> None:
    """It is read from what is fitted, not from where the fit is called."""
    folder = runs(Case("mirrored_twice", verdict="divergent")).folder
    manifest = repro_audit.load(folder / "first" / "manifest.json")
    models = manifest.conditions.determinism.backend.models
    assert [item.strategy for item in models] == ["MirroredStrategy"] * 2
    alone = runs(Case("gan_two_optimizers")).folder / "first" / "manifest.json"
    (item,) = repro_audit.load(alone).conditions.determinism.backend.models
    assert (item.strategy, item.replicas) == (None, 1)


def test_a_script_that_changes_folder_leaves_one_manifest_with_its_trace(
    server: Server, tmp_path: Path
) -> None:
    """Where it named it, however it records itself."""
    script = CASES / "changes_folder.py"
    assert server.run(script, cwd=tmp_path, environment=plain_environment()).code == 0
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        "m.json",
        "m.trace",
    ]
    manifest = repro_audit.load(tmp_path / "m.json")
    assert (manifest.status, manifest.evidence) == ("complete", "trace")


CHILD = """
import os
import sys

import keras
import numpy as np
import repro_audit

class Helper(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            child = os.fork()
            if child == 0:
                sys.exit(0)
            os.waitpid(child, 0)
            read = repro_audit.load("m.json")
            epochs = sum(len(fit.epochs) for fit in read.outcomes.fits)
            print(read.status, epochs, os.path.exists(".m.json.lock"))

try:
    with repro_audit.record("m.json"):
        model = keras.Sequential([keras.layers.Dense(2)])
        model.compile("adam", "mse")
        x = np.ones((32, 2), "float32")
        model.fit(x, x, batch_size=4, epochs=3, verbose=0, callbacks=[Helper()])
except SystemExit as ended:  # kept: to free the data of a fit in a child hangs, recorded or not
    os._exit(ended.code)
"""


def test_only_the_process_that_began_a_recording_ends_it(server: Server, tmp_path: Path) -> None:
    """A child that leaves the block writes nothing, and takes nothing away."""
    script = tmp_path / "script.py"
    script.write_text(CHILD, encoding="utf-8")
    done = server.run(script, cwd=tmp_path, environment=plain_environment())
    assert done.output == "running 0 True\n", done.errors
    manifest = repro_audit.load(tmp_path / "m.json")
    assert (manifest.status, [len(fit.epochs) for fit in manifest.outcomes.fits]) == (
        "complete",
        [3],
    )
    assert not (tmp_path / ".m.json.lock").exists()


THREADS = """
import threading
import keras
import repro_audit

said, barrier = [], threading.Barrier(2)

def begin(name):
    barrier.wait()
    try:
        runs.append(repro_audit.record(name).start())
    except RuntimeError as error:
        said.append(str(error))

runs = []
threads = [threading.Thread(target=begin, args=(name,)) for name in ("a.json", "b.json")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
runs[0].stop()
print(len(runs), len(said), "is open" in said[0])
"""


def test_of_two_threads_that_record_at_once_one_gets_a_clear_error(
    server: Server, tmp_path: Path
) -> None:
    """And the other's recording is whole."""
    script = tmp_path / "script.py"
    script.write_text(THREADS, encoding="utf-8")
    done = server.run(script, cwd=tmp_path, environment=plain_environment())
    assert done.output == "1 1 True\n", done.errors
    assert len(list(tmp_path.glob("*.json"))) == 1


def command(
    *words: str | Path, folder: Path, path: Path | None = None, python: str = sys.executable
) -> Any:
    """Run `repro-audit` in a folder, with more packages where they are given."""
    environment = plain_environment()
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(
        [*our_command(python), *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_script_that_only_evaluates_has_its_weights_and_results_recorded(
    server: Server, tmp_path: Path
) -> None:
    """It ends as without, and what it evaluated is evidence."""
    script = CASES / "evaluate_only.py"
    environment = plain_environment()
    assert server.run(script, "train", cwd=tmp_path, environment=environment).code == 0
    bare = server.run(script, cwd=tmp_path, environment=environment)
    done = command("record", "-o", "m.json", script, folder=tmp_path, python=server.python)
    assert (done.returncode, done.stdout) == (bare.code, bare.output) == (0, bare.output)
    assert "m.json: complete: 1 evaluation, evidence: weights." in done.stderr

    def again() -> Manifest:
        request = Request(manifest=str(tmp_path / "again.json"))
        recorded = recording_environment(environment, request)
        assert server.run(script, cwd=tmp_path, environment=recorded).code == 0
        return repro_audit.load(tmp_path / "again.json")

    first = repro_audit.load(tmp_path / "m.json")
    assert repro_audit.audit(first, again()).verdict == "identical"
    assert server.run(script, "train", cwd=tmp_path, environment=environment, seed=1).code == 0
    assert repro_audit.audit(first, again()).verdict == "divergent"


def test_keras_2_is_named_for_what_it_is_and_is_not_recorded(install: Any, tmp_path: Path) -> None:
    """In one line, which says nothing of what else could not be followed; the script ends well."""
    keras_2 = install("tf_keras")
    done = command("record", "-o", "m.json", CASES / "old_keras.py", folder=tmp_path, path=keras_2)
    (package,) = keras_2.glob("tf_keras-*.dist-info")
    version = package.stem.partition("-")[2]
    said = f"training by Keras 2 (tf_keras {version}) is not recorded"
    assert (done.returncode, done.stdout) == (2, "")
    ours = [line for line in done.stderr.splitlines() if line.startswith("repro-audit")]
    assert ours == [f"repro-audit: {CASES / 'old_keras.py'}: {said}."]
    manifest = repro_audit.load(tmp_path / "m.json")
    result = repro_audit.audit(manifest)
    assert (manifest.status, manifest.evidence) == ("complete", "none")
    assert (result.verdict, result.reason) == ("inconclusive", said)


OTHER_BACKEND = """
import keras
import numpy as np

keras.backend.backend = lambda: "jax"
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
print(len(model.fit(np.ones((8, 2)), np.ones(8), verbose=0).history["loss"]))
"""


def test_a_backend_that_is_not_recorded_is_named_in_the_one_line_that_is_said(
    tmp_path: Path,
) -> None:
    """The script ends as without, and what is left says why nothing was recorded."""
    script = tmp_path / "script.py"
    script.write_text(OTHER_BACKEND, encoding="utf-8")
    done = command("record", "-o", "m.json", script, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "1\n")
    ours = [line for line in done.stderr.splitlines() if line.startswith("repro-audit")]
    reason = "Keras runs on JAX here, which is not recorded yet: set KERAS_BACKEND=tensorflow"
    assert ours == [f"repro-audit: {script}: {reason} before Keras is imported."]
    result = repro_audit.audit(repro_audit.load(tmp_path / "m.json"))
    assert result.verdict == "inconclusive"
    assert result.reason.startswith(reason)


@pytest.mark.parametrize(
    ("name", "verdict", "said"),
    [
        ("hash_order_repeat", "divergent", ""),
        ("hash_seed_hides_race", "divergent", ""),
        ("cache_outside", "inconclusive", "drawn.txt"),
    ],
)
def test_repeat_finds_what_its_own_settings_or_files_would_hide(
    server: Server, name: str, verdict: str, said: str, tmp_path: Path
) -> None:
    """The hash seed stays open, and a file elsewhere that one run leaves another is named."""
    (tmp_path / "start").mkdir()
    place = tmp_path / "drawn.txt"
    words = "repeat", "-q", CASES / f"{name}.py", place
    # The server's children have its hash seed.
    python = sys.executable if name == "hash_order_repeat" else server.python
    done = command(*words, folder=tmp_path / "start", python=python)
    assert done.stdout.startswith(verdict), done.stdout + done.stderr
    assert said in done.stdout


def test_no_run_contradicts_itself(runs: Any, contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    paths = [
        runs(case).folder / name / "manifest.json"
        for case in RECORDED
        for name in ("first", "second")
    ]
    assert contradicted("scripts that once came out wrong", paths) == []


def test_a_run_that_contradicts_itself_would_be_counted(
    runs: Any, contradicted: Any, tmp_path: Path
) -> None:
    """The negative: one of them, with a better loss."""
    path = runs(RECORDED[1]).folder / "first" / "manifest.json"
    forged = json.loads(path.read_text(encoding="utf-8"))
    forged["outcomes"]["fits"][0]["history"]["loss"][-1] /= 2
    (tmp_path / "manifest.json").write_bytes(sealed(forged))
    assert len(contradicted("forged on purpose", [tmp_path / "manifest.json"])) == 1
