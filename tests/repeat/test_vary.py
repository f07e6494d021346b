"""`repeat --vary` around a script whose sensitivities are known."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

FACTORS = [
    "threads", "onednn", "isa", "op-determinism", "jit", "hash-seed", "file-order", "timezone",
    "locale", "cwd", "load",
]  # fmt: skip
SOME = "threads,timezone,locale,cwd"


@pytest.fixture
def vary(repeat: Any, sensitive: str, example: str, tmp_path: Path) -> Any:
    """Return a function that varies a script with known sensitivities."""

    def run(sensitivities: str, *options: str, factors: str = "all") -> Any:
        arguments = ["--vary", factors, *options, "-d", "out", sensitive, example, sensitivities]
        # Left open, it would be another in each run, and what it changes no factor.
        done = repeat(*arguments, cwd=tmp_path, variables={"PYTHONHASHSEED": "0"})
        said = json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8"))
        return done, said

    return run


def verdicts(said: Any) -> dict[str, str]:
    return {item["name"]: item["verdict"] for item in said["sensitivity"]["factors"]}


def found(said: Any) -> set[str]:
    return {name for name, verdict in verdicts(said).items() if verdict == "changes the run"}


def test_runs_that_differ_by_themselves_are_not_varied(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """There is nothing to compare with."""
    done = repeat("--vary", "all", "-d", "out", stand_in, example, "other", cwd=tmp_path)
    assert done.returncode == 1
    said = json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8"))
    assert (said["verdict"], said["sensitivity"]) == ("divergent", None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_leaves_no_process_that_was_started_to_disturb(
    begin: Any,
    sensitive: str,
    example: str,
    tmp_path: Path,
    jobs: str,
    number: signal.Signals,
) -> None:
    """While the machine is kept busy beside runs: all of it ends, and what was done is listed."""
    options = ("--vary", "load", "--jobs", jobs, "-d", "out")
    process = begin(*options, sensitive, example, "sleeps", cwd=tmp_path, number=number)
    deadline = time.monotonic() + 60
    while not (tmp_path / "out/vary-load/asleep").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) > 1, "the negative: the run, and what disturbs it, before the signal"
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    said = errors.splitlines()[-1]
    assert said.startswith("repro-audit: interrupted; the finished runs are kept in out: ")
    assert {"run-1", "run-2", "control"} <= set(said.rpartition(": ")[2].split(", "))
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_list_explains_every_factor(repeat: Any, tmp_path: Path) -> None:
    """No script is needed, and none is run."""
    done = repeat("--vary", "list", cwd=tmp_path)
    assert done.returncode == 0
    named = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert named == FACTORS
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_factor_is_refused_with_the_names(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """Exit 2, one line, nothing run."""
    done = repeat("--vary", "threads,nonsense", stand_in, example, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "Unknown factor 'nonsense'" in line
    assert all(name in line for name in FACTORS)
    assert list(tmp_path.iterdir()) == []


def test_several_runs_at_a_time_find_the_same(vary: Any) -> None:
    """--jobs changes how long it takes, and no verdict."""
    _, alone = vary("threads,timezone", factors=SOME)
    _, jobs = vary("threads,timezone", "--jobs", "2", factors=SOME)
    assert found(alone) == found(jobs) == {"threads", "timezone"}
    assert verdicts(alone) == verdicts(jobs)


def test_a_copy_is_one_where_the_folder_is_varied_too(
    repeat: Any, sensitive: str, example: str, tmp_path: Path
) -> None:
    """What runs write into a copy is lost, and the files themselves stay as they are."""
    mine = tmp_path / "data/log.txt"
    mine.parent.mkdir()
    mine.write_text("mine\n", encoding="utf-8")
    options = ("--cwd", "copy", "--vary", "cwd", "-d", "out")
    done = repeat(*options, sensitive, example, "appends", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert mine.read_text(encoding="utf-8") == "mine\n"
    said = json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8"))
    assert verdicts(said) == {"cwd": "no effect seen"}
    assert repeat("-d", "out", sensitive, example, "appends", cwd=tmp_path).returncode == 0
    assert mine.read_text(encoding="utf-8") != "mine\n", "the negative: here they are written to"


def test_manifests_that_a_repeat_would_clear_are_not_confirmed(
    repeat: Any, sensitive: str, example: str, tmp_path: Path
) -> None:
    """Exit 2 and one line, and the evidence is still there."""
    assert repeat("-d", "out", sensitive, example, "none", cwd=tmp_path).returncode == 0
    manifest = tmp_path / "out/run-1/manifest.json"
    before = manifest.read_bytes()
    words = ("--confirm", example, str(manifest), "-d", "out", sensitive, example, "none")
    done = repeat(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "lies in out, which this repeat would clear" in done.stderr
    assert manifest.read_bytes() == before


def test_confirm_and_vary_exclude_each_other(
    repeat: Any, sensitive: str, example: str, tmp_path: Path
) -> None:
    """Neither is dropped without a word."""
    words = ("--confirm", example, example, "--vary", "all", sensitive, example, "none")
    done = repeat(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "Of --vary and --confirm give one" in done.stderr
