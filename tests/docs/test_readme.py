"""The README shows what the commands really print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / "docs/ci.md").read_text(encoding="utf-8")


def console(command: str) -> str:
    """Return what the README shows for a command of ours."""
    (shown,) = re.findall(rf"\$ {re.escape(command)}\n(.*?)```", README, re.DOTALL)
    return str(shown)


def test_the_opening_example_is_what_the_command_prints(tmp_path: Path) -> None:
    """Word for word, in at most 15 lines."""
    command = [sys.executable, "-m", "repro_audit", "demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    shown = console("repro-audit demo")
    assert shown == done.stdout
    assert shown.count("\n") <= 15
    assert shown != done.stdout.replace("divergent", "identical")


def test_it_is_as_long_as_somebody_reads() -> None:
    """What is longer has a page of its own."""
    assert README.count("\n") <= 180


def test_every_command_is_in_the_readme() -> None:
    """A command nobody can find is not there."""
    from repro_audit.cli.entry import COMMANDS

    for command in set(COMMANDS) - {"audit"}:
        assert f"repro-audit {command}" in README
    assert "repro-audit nonsense" not in README


def test_the_call_of_the_fixture_is_one_it_takes() -> None:
    """By its signature; an option that does not exist is no part of it."""
    import inspect

    from repro_audit.pytest_plugin import AssertRepeats

    calls = re.findall(r"^    assert_repeats\((.*)\)$", README + CI, re.MULTILINE)
    options = set(re.findall(r"(\w+)=", " ".join(calls)))
    taken = inspect.signature(AssertRepeats.__call__).parameters
    assert options
    assert options <= set(taken)
    assert "nonsense" not in taken


def test_the_step_of_a_workflow_gives_inputs_that_the_action_has() -> None:
    """Each of them by its name, and another action's are not among them."""
    yaml = YAML(typ="safe", pure=True)
    steps = re.findall(r"```yaml\n(.*?)```", README + CI, re.DOTALL)
    inputs = yaml.load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    assert steps
    for python, ours in map(yaml.load, steps):
        assert set(ours["with"]) <= set(inputs)
        assert not set(python["with"]) <= set(inputs)
