"""Run scripts bare, recorded and repeated, as a user does: each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from processes import our_command, plain_environment

USUAL = Path(__file__).parent / "usual"
EXAMPLES = Path(__file__).parents[2] / "examples"
OURS = "repro-audit: "


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        code: Its exit code, as a shell tells it.
        output: What it wrote to standard output.
        errors: What stands on standard error of the script.
        said: What stands there of repro-audit.
    """

    code: int
    output: str
    errors: str
    said: str


class Start(Protocol):
    """Runs a command and waits for the end."""

    def __call__(
        self,
        *arguments: str,
        cwd: Path,
        variables: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Ended: ...


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Return the tests' environment without what would change a run."""
    return plain_environment()


@pytest.fixture(scope="session")
def started(environment: dict[str, str]) -> Start:
    """Return a function that runs a command and waits for the end."""

    def start(
        *arguments: str,
        cwd: Path,
        variables: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Ended:
        done = subprocess.run(
            arguments,
            cwd=cwd,
            env=environment | dict(variables or {}),
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
            timeout=300,
            check=False,
        )
        lines = (done.stderr or b"").decode().splitlines(keepends=True)
        code = done.returncode
        return Ended(
            code=code if code >= 0 else 128 - code,
            output=(done.stdout or b"").decode(),
            errors="".join(line for line in lines if not line.startswith(OURS)),
            said="".join(line for line in lines if line.startswith(OURS)),
        )

    return start


@pytest.fixture(scope="session")
def bare(started: Start) -> Start:
    """Return a function that runs Python, or what stands for it, with nothing of ours."""

    def start(*arguments: str, python: str = sys.executable, **options: Any) -> Ended:
        return started(python, *arguments, **options)

    return start


@pytest.fixture(scope="session")
def record(started: Start) -> Start:
    """Return a function that runs ``repro-audit record``."""

    def start(*arguments: str, python: str = sys.executable, **options: Any) -> Ended:
        return started(*our_command(python), "record", *arguments, **options)

    return start


@pytest.fixture(scope="session")
def repeat(started: Start) -> Start:
    """Return a function that runs ``repro-audit repeat``."""

    def start(*arguments: str, python: str = sys.executable, **options: Any) -> Ended:
        return started(*our_command(python), "repeat", *arguments, **options)

    return start


@pytest.fixture(scope="session")
def command() -> list[str]:
    """Return the command itself, for tests that send signals."""
    return our_command()


@pytest.fixture(scope="session")
def usual() -> Path:
    """Return the folder of scripts as anyone writes them."""
    return USUAL


@pytest.fixture(scope="session")
def example() -> Path:
    """Return a valid manifest of a complete run, beside which its trace lies."""
    return min(EXAMPLES.glob("*.json"))
