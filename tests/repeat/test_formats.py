"""What a `repeat` writes for CI and editors: SARIF, a badge and a plan."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("wishes", "message", "code"),
    [([], "identical (trace)", 0), (["other"], "divergent (trace)", 1)],
)
def test_a_repeat_whose_control_is_caught_gets_the_badge_of_its_verdict(
    repeat: Any,
    stand_in: str,
    example: str,
    tmp_path: Path,
    wishes: list[str],
    message: str,
    code: int,
) -> None:
    """The exit code is that of every format."""
    words = ["--format", "badge", "-o", "badge.json", "-d", "out", stand_in, example, *wishes]
    done = repeat(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    badge = json.loads((tmp_path / "badge.json").read_text(encoding="utf-8"))
    assert (badge["schemaVersion"], badge["message"]) == (1, message)


def test_a_badge_that_is_refused_leaves_the_evidence_and_the_report(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """Exit 2 and no file; what hours of training came to is there."""
    words = ["-q", "--format", "badge", "-o", "badge.json", "-d", "out", stand_in, example, "exit3"]
    done = repeat(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    *log, refusal = done.stderr.splitlines()
    assert refusal.startswith("repro-audit: No badge: ")
    assert all(line.startswith("  | ") for line in log)
    assert not (tmp_path / "badge.json").exists()
    assert (tmp_path / "out/audit.json").exists()
    assert (tmp_path / "out/report.html").exists()


def test_a_repeat_that_diverges_names_the_difference_to_code_scanning(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """One that fails says there that nothing is decided."""
    for wish, rule in (("other", "difference"), ("exit3", "inconclusive")):
        words = ["--format", "sarif", "-d", wish, stand_in, example, wish]
        results = json.loads(repeat(*words, cwd=tmp_path).stdout)["runs"][0]["results"]
        assert results[0]["ruleId"] == rule
        assert results[0]["level"] == "error"


def test_the_command_that_verifies_a_step_ends_with_0_once_it_is_mended(
    environment: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """As a shell runs it, with the script in its place; what is still wrong ends with 1."""
    for path in EXAMPLES.glob("threads-?.json"):
        shutil.copy(path, tmp_path)
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment | {"PATH": here},
            capture_output=True,
            text=True,
            check=False,
        )

    def verified(step: Any, *wishes: str) -> int:
        words = shlex.join([stand_in, example, *wishes])
        return shell(step["verify"].replace("SCRIPT ARGS", words)).returncode

    assert Path(example).name == "threads-1.json"
    planned = shell("repro-audit threads-1.json threads-2.json --format plan")
    first, *others = json.loads(planned.stdout)["steps"]
    assert first["cause"] == "threads"
    assert verified(first) == 0
    assert verified(first, "other") == 1
    assert {step["rule"] for step in others} >= {"RA205"}
    assert verified(others[0]) == 1, "what is recorded again has the warning still"


def test_what_a_repeat_advises_names_the_script_and_its_arguments(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """As a shell reads them; a word that no file may hold is not written."""
    shutil.copy(stand_in, tmp_path / "the script.py")
    shutil.copy(example, tmp_path)
    target = ["the script.py", Path(example).name, "other"]
    for words, named in ((target, shlex.join(target)), ([*target, "--key=9f3"], "SCRIPT ARGS")):
        done = repeat("-d", "out", "--format", "plan", *words, cwd=tmp_path)
        steps = json.loads(done.stdout)["steps"]
        findings = {step["verify"] for step in steps if step["rule"]}
        again = f"repro-audit record --output again.json {named} && repro-audit --strict again.json"
        assert findings == {again}
