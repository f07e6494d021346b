"""Run `repro-audit repeat` as a user does, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Protocol

import pytest
from processes import our_command, plain_environment

SCRIPTS = Path(__file__).parent / "scripts"
EXAMPLES = Path(__file__).parents[2] / "examples"


class Begin(Protocol):
    """Starts a repeat that a signal is to end, and does not wait."""

    def __call__(
        self, *arguments: str, cwd: Path, number: signal.Signals
    ) -> subprocess.Popen[str]: ...


class Repeat(Protocol):
    """Starts a repeat and returns its end."""

    def __call__(
        self,
        *arguments: str,
        cwd: Path,
        variables: dict[str, str] | None = None,
        timeout: float = 300,
        python: str = "",
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Return the tests' environment without what would change a run."""
    return plain_environment()


@pytest.fixture(scope="session")
def repeat(environment: dict[str, str], quick: str) -> Repeat:
    """Return a function that repeats a script and waits for the end; without Keras if not asked."""

    def run(
        *arguments: str,
        cwd: Path,
        variables: dict[str, str] | None = None,
        timeout: float = 300,
        python: str = quick,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*our_command(python, quick), "repeat", *arguments],
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
def begin(environment: dict[str, str]) -> Begin:
    """Return a function that begins a repeat, in a session of its own."""

    def run(*arguments: str, cwd: Path, number: signal.Signals) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*our_command(), "repeat", *arguments],
            cwd=cwd,
            env=environment,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # A shell has its background jobs ignore Ctrl-C, and so do all that they start.
            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509 - one thread
            text=True,
        )

    return run


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
