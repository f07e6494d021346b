"""`repeat --resume` around real training: what it answers, and that the folder stays as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from forking import Server
from processes import our_command, plain_environment

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

TRAINER = Path(__file__).parent / "scripts/trainer.py"
ASKED = {
    "exact": ("trainer.py", "plain", "backup"),
    "exact in an epoch": ("--at", "3.2", "trainer.py", "plain", "backup"),
    "lost": ("--kill", "trainer.py", "dropout", "weights"),
    "from the start": ("trainer.py", "plain", "none"),
    "given a means": ("--resume-with", "keras", "trainer.py", "two", "none"),
}


class Repeated(NamedTuple):
    """A repeat that has ended."""

    code: int
    output: str
    resume: Any
    runs: Any
    before: dict[str, bytes]
    after: dict[str, bytes]


def files(folder: Path) -> dict[str, bytes]:
    """Return all that is in a folder, the evidence apart."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "out" not in path.relative_to(folder).parts
    }


@pytest.fixture(scope="module")
def repeated(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Repeat a trainer, each way once."""
    found: dict[str, Repeated] = {}

    def run(name: str) -> Repeated:
        if name not in found:
            folder = tmp_path_factory.mktemp("resume")
            shutil.copy(TRAINER, folder)
            before = files(folder)
            done = subprocess.run(
                [*our_command(server.python), "repeat", "-d", "out", "--resume", *ASKED[name]],
                cwd=folder,
                env=plain_environment() | {"PYTHONHASHSEED": "0"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert (folder / "out/audit.json").is_file(), done.stderr
            said = json.loads((folder / "out/audit.json").read_text(encoding="utf-8"))
            assert said["verdict"] == "identical", said["reason"]
            found[name] = Repeated(
                done.returncode, done.stdout, said["resume"], said["runs"], before, files(folder)
            )
        return found[name]

    return run


@pytest.mark.parametrize(
    ("name", "epochs", "step"), [("exact", 2, None), ("exact in an epoch", 2, 2)]
)
def test_a_run_that_loses_nothing_is_exact(
    name: str, epochs: int, step: Any, repeated: Any
) -> None:
    """And a bit that is flipped behind the interruption is seen."""
    done = repeated(name)
    assert (done.code, done.resume["verdict"]) == (0, "exact"), done.output
    assert (done.resume["stopped_after_epoch"], done.resume["stopped_after_step"]) == (epochs, step)
    assert (done.resume["resumed_at"], done.resume["caught"]) == (3, True)
    assert done.resume["causes"] == []


def test_what_a_killed_run_loses_is_named_with_its_remedy(repeated: Any) -> None:
    done = repeated("lost")
    assert (done.code, done.resume["verdict"]) == (1, "not exact"), done.output
    lost = [(cause["kind"], cause["certainty"]) for cause in done.resume["causes"]]
    assert lost == [("lost_generators", "certain"), ("lost_optimizer", "certain")]
    assert "model.optimizer.build(model.trainable_variables)" in done.output
    codes = {run["name"]: run["exit_code"] for run in done.runs}
    assert (codes["stopped"], codes["resumed"]) == (-9, 0)


def test_a_script_that_trains_from_the_start_has_no_resume(repeated: Any) -> None:
    done = repeated("from the start")
    assert (done.code, done.resume["verdict"]) == (2, "no resume")
    assert "the script trains from the start" in " ".join(done.output.split())
    assert "repro-audit repeat --resume-with keras trainer.py plain none" in done.output


def test_what_a_script_without_means_would_lose_with_those_of_keras_is_named(repeated: Any) -> None:
    done = repeated("given a means")
    assert (done.code, done.resume["verdict"]) == (1, "not exact"), done.output
    assert (done.resume["added"], done.resume["resumed_at"]) == ("keras", 3)
    assert [cause["kind"] for cause in done.resume["causes"]] == ["lost_fit"]


@pytest.mark.parametrize("name", ASKED)
def test_the_folder_of_the_script_stays_as_it_was(name: str, repeated: Any) -> None:
    done = repeated(name)
    assert done.after == done.before
