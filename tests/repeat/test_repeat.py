"""`repeat` around a stand-in for a trainer: processes, folders, environment and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import repro_audit

pytestmark = pytest.mark.minutes(2)


def audit_of(folder: Path) -> Any:
    return json.loads((folder / "out/audit.json").read_text(encoding="utf-8"))


def test_equal_runs_with_a_caught_control_are_identical(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """Exit 0, and every run's manifest and log beside the audit."""
    done = repeat("-d", "out", stand_in, example, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = audit_of(tmp_path)
    assert said["verdict"] == "identical"
    assert said["control"]["caught"] is True
    assert [run["name"] for run in said["runs"]] == ["run-1", "run-2", "control"]
    found = {path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("*.*")}
    wanted = {
        f"{run}/{name}"
        for run in ("run-1", "run-2", "control")
        for name in ("log.txt", "manifest.json")
    }
    assert found == {*wanted, "audit.json", "report.html", ".gitignore"}
    assert "stand-in begins as run-2" in (tmp_path / "out/run-2/log.txt").read_text(
        encoding="utf-8"
    )


def test_runs_that_differ_exit_1(repeat: Any, stand_in: str, example: str, tmp_path: Path) -> None:
    """The negative: another digest of one epoch is divergent."""
    done = repeat("-d", "out", stand_in, example, "other", cwd=tmp_path)
    assert done.returncode == 1
    assert audit_of(tmp_path)["verdict"] == "divergent"


def test_three_runs_are_three_runs_and_a_control(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """--runs 3 compares two with the first."""
    done = repeat("--runs", "3", "-d", "out", stand_in, example, cwd=tmp_path)
    assert done.returncode == 0
    said = audit_of(tmp_path)
    assert [run["name"] for run in said["runs"]] == ["run-1", "run-2", "run-3", "control"]
    assert len(said["manifests"]) == 3
    assert len(said["comparisons"]) == 2
    assert repeat("--runs", "1", "-d", "out", stand_in, example, cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ("nothing", "run-1: no training detected"),
        ("untrained", "run-1: no training detected"),
        ("exit3", "run-1 ended with exit code 3"),
        ("raise", "run-1 ended with exit code 1"),
    ],
)
def test_a_run_that_fails_is_inconclusive_and_shows_its_log(
    repeat: Any, stand_in: str, example: str, tmp_path: Path, wish: str, reason: str
) -> None:
    """Exit 2, no further run, the reason in the report and the log's tail on stderr."""
    done = repeat("-d", "out", stand_in, example, wish, cwd=tmp_path)
    assert done.returncode == 2
    said = audit_of(tmp_path)
    assert said["verdict"] == "inconclusive"
    assert reason in said["reason"]
    assert reason in done.stdout
    assert "  | stand-in begins as run-1" in done.stderr
    assert not (tmp_path / "out/run-2").exists()
    assert "\x1b" not in done.stderr + done.stdout
    if wish == "raise":
        assert "ValueError: the learning rate is \\x1b[31mtoo high" in done.stderr


def test_a_run_that_takes_too_long_is_ended(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """--timeout ends it: exit 2, and the reason names the limit."""
    began = time.monotonic()
    done = repeat("--timeout", "2", "-d", "out", stand_in, example, "sleep", cwd=tmp_path)
    assert time.monotonic() - began < 30
    assert done.returncode == 2
    assert "was ended after 2 seconds" in audit_of(tmp_path)["reason"]
    assert "stand-in begins" in done.stderr


def test_a_script_that_is_missing_is_named(repeat: Any, tmp_path: Path) -> None:
    """Exit 2, one line, nothing created."""
    done = repeat("-d", "out", "absent.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "repro-audit: absent.py: there is no such script.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("directory", [".", "..", "../{here}"])
def test_the_folder_that_runs_start_in_is_no_place_for_evidence(
    repeat: Any, stand_in: str, example: str, tmp_path: Path, directory: str
) -> None:
    """Exit 2 before anything is run or cleared; a folder in it is one."""
    place = directory.format(here=tmp_path.name)
    done = repeat("-d", place, stand_in, example, cwd=tmp_path)
    assert done.returncode == 2
    assert "the runs start there" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert repeat("-d", "in/it", stand_in, example, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["audit.json", "run-1/manifest.json", "page.md"])
def test_a_report_is_not_written_among_the_evidence(
    name: str, repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    done = repeat("-d", "out", "-o", f"out/{name}", stand_in, example, cwd=tmp_path)
    assert done.returncode == 2
    assert "holds the evidence and nothing else" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_directory_with_foreign_files_is_refused(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """Nothing of the user's is deleted; an earlier repeat's folder is used again."""
    (tmp_path / "out").mkdir()
    thesis = tmp_path / "out/thesis.tex"
    thesis.write_text("mine", encoding="utf-8")
    done = repeat("-d", "out", stand_in, example, cwd=tmp_path)
    assert done.returncode == 2
    assert "'thesis.tex' in it" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]
    thesis.unlink()
    assert repeat("-d", "out", stand_in, example, cwd=tmp_path).returncode == 0
    first = repro_audit.load(tmp_path / "out/run-1/manifest.json").run_id
    assert repeat("-d", "out", stand_in, example, cwd=tmp_path).returncode == 0
    assert repro_audit.load(tmp_path / "out/run-1/manifest.json").run_id != first
    assert repro_audit.load(tmp_path / "out/earlier/run-1/manifest.json").run_id == first


def test_a_repeat_that_fails_twice_leaves_the_evidence_of_the_one_before(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """It is set aside, and a verdict that is gone is never taken for the new one."""
    assert repeat("-d", "out", stand_in, example, cwd=tmp_path).returncode == 0
    first = repro_audit.load(tmp_path / "out/run-1/manifest.json").run_id
    (tmp_path / "fails.py").write_text("raise SystemExit('no')")
    for _ in range(2):
        done = repeat("-d", "out", "fails.py", "--runs", "3", cwd=tmp_path)
        assert done.returncode == 2
        assert "'--runs' stands behind the script" in done.stderr
        assert not (tmp_path / "out/run-1/manifest.json").exists()
    assert repro_audit.load(tmp_path / "out/earlier/run-1/manifest.json").run_id == first


def test_a_folder_of_the_users_that_is_called_as_ours_is_not_taken_for_it(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """What is in it would be deleted by the second repeat."""
    (tmp_path / "out/earlier").mkdir(parents=True)
    (tmp_path / "out/earlier/thesis.tex").write_text("mine", encoding="utf-8")
    done = repeat("-d", "out", stand_in, example, cwd=tmp_path)
    assert done.returncode == 2
    assert "'thesis.tex' in it" in done.stderr


def test_an_option_behind_a_script_that_does_not_name_it_is_said_to_be_misplaced(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """Also where the script ends well; one that names it may have an option of its own."""
    script = tmp_path / "train.py"
    for named in ("", "# --vary"):
        script.write_text(f"{Path(stand_in).read_text(encoding='utf-8')}\n{named}\n")
        done = repeat("-d", "out", "train.py", example, "--vary", "threads", cwd=tmp_path)
        assert done.returncode == 0
        said = "'--vary' stands behind the script, which was given it"
        assert (said in done.stderr) is not bool(named)


def test_files_that_a_run_leaves_for_the_next_are_reported(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """A file shared between runs is named in audit and report; without any, neither says so."""
    done = repeat("-d", "out", stand_in, example, "leave", cwd=tmp_path)
    assert done.returncode == 0
    (file,) = audit_of(tmp_path)["shared_files"]
    assert file == {"path": "left-behind.txt", "left_by": "run-1", "read_by": []}
    assert "left-behind.txt" in done.stdout
    said = " ".join(done.stdout.split())
    assert "the run apart, for which none of them was there, agrees" in said
    (tmp_path / "left-behind.txt").unlink()
    assert repeat("-d", "out", stand_in, example, cwd=tmp_path).returncode == 0
    assert audit_of(tmp_path)["shared_files"] == []


@pytest.mark.parametrize(
    ("kind", "seen"), [("here", ["mine.txt", "out"]), ("copy", ["mine.txt"]), ("empty", [])]
)
def test_runs_start_in_the_folder_that_was_asked_for(
    repeat: Any, stand_in: str, example: str, tmp_path: Path, kind: str, seen: list[str]
) -> None:
    """Here, in a copy without the evidence, or in an empty folder that nothing outlives."""
    (tmp_path / "mine.txt").write_text("", encoding="utf-8")
    wishes = ("environment", "leave")
    done = repeat("--cwd", kind, "-d", "out", stand_in, example, *wishes, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for run in ("run-1", "run-2"):
        said = json.loads((tmp_path / f"out/{run}/said.json").read_text(encoding="utf-8"))
        assert said["here"] == sorted({*seen, "left-behind.txt"})
    assert (tmp_path / "left-behind.txt").exists() is (kind == "here")
    left = [file["path"] for file in audit_of(tmp_path)["shared_files"]]
    assert left == (["left-behind.txt"] if kind == "here" else [])


def test_a_run_sees_only_the_environment_on_the_list(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """A variable that is not on it is unseen unless --pass-env names it."""
    variables = {
        "SECRET_TOKEN": "a",
        "LUCKY_NUMBER": "b",
        "TF_NUM_INTEROP_THREADS": "1",
        "PYTHONHASHSEED": "812",
    }
    options = ("--pass-env", "LUCKY_NUMBER", "-d", "out")
    done = repeat(*options, stand_in, example, "environment", cwd=tmp_path, variables=variables)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out/run-1/said.json").read_text(encoding="utf-8")
    seen = json.loads(text)["variables"]
    assert "SECRET_TOKEN" not in seen
    assert (seen["LUCKY_NUMBER"], seen["TF_NUM_INTEROP_THREADS"]) == ("b", "1")
    assert seen["PYTHONHASHSEED"] == "812"
    assert json.loads(seen["REPRO_AUDIT_RUN"])["flip"] is False


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_process_and_keeps_what_was_done(
    begin: Any,
    stand_in: str,
    example: str,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    """Ctrl-C or SIGTERM in the second run: exit 130, no child or grandchild, run-1 intact."""
    process = begin("-d", "out", stand_in, example, "child", cwd=tmp_path, number=number)
    child = tmp_path / "out/run-2/child"
    deadline = time.monotonic() + 60
    while not (child.exists() and child.read_text(encoding="utf-8")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    grandchild = int(child.read_text(encoding="utf-8"))
    assert _alive(grandchild), "the negative: it is there before the signal"
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    kept = "repro-audit: interrupted; the finished runs are kept in out: run-1"
    assert errors.splitlines()[-1] == kept
    _wait(lambda: not _alive(grandchild))
    assert repro_audit.load(tmp_path / "out/run-1/manifest.json").complete


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are found on Linux")
def test_a_repeat_that_is_killed_leaves_no_process(
    begin: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """SIGKILL leaves it no time to end anything itself; the finished run is kept."""
    process = begin("-d", "out", stand_in, example, "child", cwd=tmp_path, number=signal.SIGTERM)
    child = tmp_path / "out/run-2/child"
    _wait(lambda: child.exists() and child.read_text(encoding="utf-8"))
    grandchild = int(child.read_text(encoding="utf-8"))
    assert _alive(grandchild), "the negative: it is there before the signal"
    process.kill()
    process.communicate(timeout=30)
    _wait(lambda: not _alive(grandchild))
    assert repro_audit.load(tmp_path / "out/run-1/manifest.json").complete


def test_of_two_repeats_into_one_folder_the_second_is_told_who_keeps_it(
    begin: Any, repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """Exit 2, nothing of the first is cleared, and it is free again when that has ended."""
    words = "-d", "out", stand_in, example
    process = begin(*words, "child", cwd=tmp_path, number=signal.SIGINT)
    _wait((tmp_path / "out/run-2/child").exists)
    done = repeat(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert f"out: process {process.pid} repeats a run there." in done.stderr
    assert repro_audit.load(tmp_path / "out/run-1/manifest.json").complete
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert repeat(*words, cwd=tmp_path).returncode == 0


def _wait(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(process: int) -> bool:
    """Return whether a process runs; one that has ended and waits for its parent does not."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat")
        return (
            not state.exists()
            or state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        )
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_the_evidence_of_a_run_makes_no_repository_dirty(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """Git sees nothing new in the folder; without the file that hides it, it would."""
    subprocess.run(["git", "init", "--quiet", "."], cwd=tmp_path, check=True)
    status = ["git", "status", "--porcelain"]
    before = subprocess.run(status, cwd=tmp_path, capture_output=True, check=True).stdout
    assert repeat("-d", "out/app", stand_in, example, cwd=tmp_path).returncode == 0
    assert subprocess.run(status, cwd=tmp_path, capture_output=True, check=True).stdout == before
    (tmp_path / "out/app/.gitignore").unlink()
    assert subprocess.run(status, cwd=tmp_path, capture_output=True, check=True).stdout != before
