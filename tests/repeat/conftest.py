"""Run `repro-audit repeat` as a user does, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = [sys.executable, "-m", "repro_audit", "repeat"]


class Repeat(Protocol):
    """Starts a repeat and returns its end."""

    def __call__(
        self,
        *arguments: str,
        cwd: Path,
        variables: dict[str, str] | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Return the tests' environment without what would change a run."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TF_", "KERAS_", "REPRO_AUDIT_", "PYTHONHASHSEED"))
    }
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.fixture(scope="session")
def repeat(environment: dict[str, str]) -> Repeat:
    """Return a function that repeats a script and waits for the end."""

    def run(
        *arguments: str,
        cwd: Path,
        variables: dict[str, str] | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=cwd,
            env=environment | (variables or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def example() -> str:
    """Return a valid manifest of a complete run."""
    return str(min(EXAMPLES.glob("*.json")))


@pytest.fixture(scope="session")
def stand_in() -> str:
    """Return the script that stands for a trainer and needs no TensorFlow."""
    return str(SCRIPTS / "stand_in.py")


@pytest.fixture(scope="session")
def command() -> list[str]:
    """Return the command itself, for tests that send signals."""
    return COMMAND


@pytest.fixture(scope="session")
def trained() -> str:
    """Return the script that trains a tiny model."""
    return str(SCRIPTS / "trained.py")


@pytest.fixture(scope="session")
def checkpoint() -> str:
    """Return the script that begins from a checkpoint if there is one."""
    return str(SCRIPTS / "checkpoint.py")


@pytest.fixture(scope="session")
def sensitive() -> str:
    """Return the script that stands for a trainer with known sensitivities."""
    return str(SCRIPTS / "sensitive.py")


@pytest.fixture(scope="session")
def sharing() -> str:
    """Return the script whose runs share a file, in a way of several."""
    return str(SCRIPTS / "sharing.py")
