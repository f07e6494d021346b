"""The README shows what the commands really print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def console(command: str) -> str:
    """Return what the README shows for a command of ours."""
    (shown,) = re.findall(rf"\$ {re.escape(command)}\n(.*?)```", README, re.DOTALL)
    return str(shown)


def run(*arguments: str) -> str:
    """Return what a command of ours prints when it is piped."""
    done = subprocess.run(
        [sys.executable, "-m", "repro_audit", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_opening_example_is_what_the_command_prints() -> None:
    """Word for word; the other order of the files prints something else."""
    files = "examples/threads-2.json", "examples/threads-1.json"
    shown = console(" ".join(["repro-audit", *files]))
    assert shown == run(*files)
    assert shown != run(*reversed(files))


def test_every_command_is_in_the_readme() -> None:
    """A command nobody can find is not there."""
    from repro_audit.cli.entry import COMMANDS

    for command in set(COMMANDS) - {"audit"}:
        assert f"repro-audit {command}" in README
    assert "repro-audit nonsense" not in README
