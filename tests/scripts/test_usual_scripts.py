"""Scripts as anyone writes them, no line of which knows of us: bare, recorded and repeated."""

from __future__ import annotations

import json
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from forking import Server

import repro_audit
from repro_audit.manifest import Manifest

pytestmark = [pytest.mark.keras, pytest.mark.minutes(3)]


class Case(NamedTuple):
    """A script and what is to be seen of it.

    Attributes:
        words: The script and its arguments.
        fits: The model and the steps of each fit or hand-written loop.
        repeated: Whether it is repeated, of which each run is recorded; else it is recorded once.
        fresh: Whether something happens before it imports Keras.
    """

    words: tuple[str, ...]
    fits: tuple[tuple[int, int], ...]
    repeated: bool = False
    fresh: bool = False


CASES = {
    "sequential_on_arrays": Case(("sequential_on_arrays.py",), ((0, 12),)),
    "functional_with_tf_data": Case(("functional_with_tf_data.py",), ((0, 8),)),
    "custom_train_step": Case(("custom_train_step.py",), ((0, 8),)),
    "k_folds": Case(("k_folds.py",), ((0, 8), (1, 8), (2, 8)), repeated=True),
    "packaged": Case(("-m", "packaged", "--epochs", "2"), ((0, 8),), repeated=True),
    "seed_at_the_top": Case(("seed_at_the_top.py",), ((0, 12),), fresh=True),
    "gradient_tape": Case(("gradient_tape.py",), ((0, 8),), repeated=True),
    "gradient_tape_eager": Case(("gradient_tape.py", "--eager"), ((0, 8),)),
    "two_in_turn": Case(("two_in_turn.py",), ((0, 6), (1, 6)), repeated=True),
    "train_on_batch": Case(("train_on_batch.py",), ((0, 8),)),
    "pool_spawned": Case(("multiprocessing_data.py", "spawn"), ((0, 8),), fresh=True),
    "pool_forked": Case(("multiprocessing_data.py", "fork"), ((0, 8),), fresh=True),
    "loops_and_fits": Case(("loops_and_fits.py",), ((0, 2), (0, 8), (0, 3), (0, 4))),
}
REPEATED = [name for name, case in CASES.items() if case.repeated]


class Runs(NamedTuple):
    """The ends of one case's runs, and the folder where they were.

    Attributes:
        bare: Of the script with nothing of ours.
        ours: Of ``repro-audit repeat`` where the case is repeated, else of ``repro-audit record``.
        folder: Where they were.
    """

    bare: Any
    ours: Any
    folder: Path

    def log(self, run: str) -> str:
        """Return what one run of a repeat has printed."""
        return (self.folder / f"out/{run}/log.txt").read_text(encoding="utf-8")

    @property
    def audit(self) -> Any:
        """What the repeat found."""
        return json.loads((self.folder / "out/audit.json").read_text(encoding="utf-8"))


def weights(output: str) -> str:
    (digest,) = re.findall(r"^weights: (\w{64})$", output, re.MULTILINE)
    return str(digest)


@pytest.fixture(scope="module")
def runs(
    server: Server,
    bare: Any,
    record: Any,
    repeat: Any,
    usual: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Runs]:
    """Run every case bare, and recorded or repeated, two cases at a time."""

    def one(name: str) -> Runs:
        folder, case = folders[name], CASES[name]
        how: Any = {"cwd": folder, "python": sys.executable if case.fresh else server.python}
        return Runs(
            bare=bare(*case.words, **how),
            ours=repeat("-q", "--check-recording", "-d", "out", *case.words, **how)
            if case.repeated
            else record("-o", "m.json", *case.words, **how),
            folder=folder,
        )

    folders = {name: tmp_path_factory.mktemp(name) / "cwd" for name in CASES}
    for folder in folders.values():
        # Outside the repository, whose state would else be recorded.
        shutil.copytree(usual, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with ThreadPoolExecutor(2) as workers:
        return dict(zip(CASES, workers.map(one, CASES), strict=True))


def test_no_script_knows_of_us(usual: Path) -> None:
    """What is tested here is a script as it is."""
    scripts = list(usual.rglob("*.py"))
    assert len(scripts) > len(CASES)
    for path in scripts:
        assert "repro" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_script_ends_in_the_weights_of_the_bare_one(
    runs: dict[str, Runs], name: str
) -> None:
    """To the last bit, as the script itself says; and nothing of the recording has failed."""
    run = runs[name]
    assert run.bare.code == run.ours.code == 0, run.ours.output + run.ours.errors
    output = run.log("run-1") if CASES[name].repeated else run.ours.output
    assert weights(output) == weights(run.bare.output)
    assert "RecordingWarning" not in output + run.ours.errors


@pytest.mark.parametrize("name", [name for name in CASES if name not in REPEATED])
def test_one_line_says_what_was_recorded(runs: dict[str, Runs], name: str) -> None:
    """As many fits and steps as the script has."""
    fits = CASES[name].fits
    counted = f"{len(fits)} fit{'' if len(fits) == 1 else 's'}, {sum(n for _, n in fits)} steps"
    said = runs[name].ours.said
    assert said.startswith(f"repro-audit: m.json: complete: {counted}, evidence: ")
    assert said.count("\n") == 1


def manifest_of(run: Runs, case: Case) -> Manifest:
    return repro_audit.load(run.folder / ("out/run-1/manifest.json" if case.repeated else "m.json"))


@pytest.mark.parametrize("name", CASES)
def test_every_step_of_a_script_is_counted_once(runs: dict[str, Runs], name: str) -> None:
    """The manifest has each fit and loop of the script, its model and its steps."""
    manifest = manifest_of(runs[name], CASES[name])
    assert tuple((fit.model, fit.steps) for fit in manifest.outcomes.fits) == CASES[name].fits
    assert None not in manifest.outcomes.initial_weights
    assert None not in manifest.outcomes.final_state
    # Its first steps have compiled the step that the fit takes.
    assert manifest.evidence == ("weights" if name == "loops_and_fits" else "trace")


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("sequential_on_arrays", ["test", "train"]),
        ("functional_with_tf_data", ["train", "validation"]),
        ("k_folds", ["test", "test_2", "test_3", "train", "train_2", "train_3"]),
        ("gradient_tape", ["slices"]),
        ("loops_and_fits", ["train"]),
    ],
)
def test_the_arrays_that_a_script_trains_on_are_digested_by_what_they_are_for(
    runs: dict[str, Runs], name: str, roles: list[str]
) -> None:
    """Those of a pipeline as they were given to its source; the same arrays only once."""
    data = manifest_of(runs[name], CASES[name]).conditions.data
    assert data is not None
    assert sorted(data) == roles
    digests = [item.digest for item in data.values()]
    assert len(set(digests)) == len(digests)
    assert all(item.samples for item in data.values())


@pytest.mark.parametrize("name", REPEATED)
def test_a_seeded_script_repeats(runs: dict[str, Runs], name: str) -> None:
    """Exit 0: identical, the control caught, and recording changes nothing."""
    run = runs[name]
    assert run.ours.code == 0, run.ours.output + run.ours.errors
    said = run.audit
    assert said["verdict"] == "identical"
    assert said["control"]["caught"] is True
    assert said["recording_check"]["changes"] == "no"
    assert said["evidence"] == "trace"
    assert [item["name"] for item in said["runs"]] == ["run-1", "run-2", "control", "unrecorded"]


@pytest.mark.parametrize("name", REPEATED)
def test_every_repeated_run_ends_in_the_weights_of_the_bare_script(
    runs: dict[str, Runs], name: str
) -> None:
    """What the script itself says of its weights is the same in four processes."""
    run = runs[name]
    logs = [run.log(item) for item in ("run-1", "run-2", "unrecorded")]
    assert {weights(log) for log in logs} == {weights(run.bare.output)}


@pytest.mark.parametrize("name", ["gradient_tape", "two_in_turn"])
def test_the_flipped_bit_of_a_control_run_reaches_the_end(runs: dict[str, Runs], name: str) -> None:
    """The negative: a loop that trains on with it ends in other weights, and says so."""
    run = runs[name]
    assert weights(run.log("control")) != weights(run.bare.output)


def test_eager_and_traced_steps_of_one_loop_are_seen_alike(runs: dict[str, Runs]) -> None:
    """The same steps, the same epochs' weights."""
    traced, eager = (
        manifest_of(runs[name], CASES[name]).outcomes
        for name in ("gradient_tape", "gradient_tape_eager")
    )
    assert eager.digests.epochs == traced.digests.epochs


def test_an_unseeded_script_does_not_end_in_the_same_weights(
    repeat: Any, server: Server, usual: Path, tmp_path: Path
) -> None:
    """The negative: exit 1, from the initial weights on, and its own words differ too."""
    script = str(shutil.copy(usual / "unseeded.py", tmp_path))
    done = repeat("-q", "-d", "out", script, cwd=tmp_path, python=server.python)
    assert done.code == 1, done.errors
    run = Runs(None, done, tmp_path)
    assert run.audit["verdict"] == "divergent"
    assert run.audit["comparisons"][0]["first_difference"]["kind"] == "initial weights"
    assert weights(run.log("run-1")) != weights(run.log("run-2"))


def test_a_loop_without_keras_is_named_and_not_followed(
    bare: Any, record: Any, usual: Path, tmp_path: Path
) -> None:
    """The script ends as without; what it trained is counted, and is no evidence."""
    script = str(shutil.copy(usual / "without_a_model.py", tmp_path))
    done = record("-o", "m.json", script, cwd=tmp_path)
    assert done.code == 0
    assert "evidence: none; not followed: 2 variables trained without an optimizer" in done.said
    assert weights(done.output) == weights(bare(script, cwd=tmp_path).output)
    assert repro_audit.audit(repro_audit.load(tmp_path / "m.json")).verdict == "inconclusive"


def test_no_run_contradicts_itself(runs: dict[str, Runs], contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    recorded = [run.folder / "m.json" for name, run in runs.items() if name not in REPEATED]
    repeated = [
        runs[name].folder / f"out/run-{number}/manifest.json"
        for name in REPEATED
        for number in (1, 2)
    ]
    assert contradicted("usual scripts", recorded + repeated) == []
