from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

SECONDS = 30
"""No command that only reads takes nearly as long."""


class Done(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def run() -> Callable[..., Done]:
    """Return what runs the command line as a user does: in a process of its own."""

    def run(*words: Any, **options: Any) -> Done:
        environment = {**os.environ, **options.pop("env", {})}
        done = subprocess.run(
            [sys.executable, "-m", "repro_audit", *map(str, words)],
            capture_output="stdout" not in options,
            stderr=subprocess.PIPE if "stdout" in options else None,
            timeout=SECONDS,
            check=False,
            env=environment,
            **options,
        )
        out = "" if done.stdout is None else done.stdout.decode()
        return Done(done.returncode, out, done.stderr.decode())

    return run


@pytest.fixture(scope="session")
def refused(run: Callable[..., Done]) -> Callable[..., str]:
    """Return what asserts that a command refuses its input as it should, and gives its message."""

    def refused(*words: Any, **options: Any) -> str:
        done = run(*words, **options)
        assert done.code == 2, done
        assert done.out == ""
        assert done.err.startswith("repro-audit: ")
        assert done.err.count("\n") == 1, "one line"
        assert done.err.endswith("\n")
        assert done.err[:-1].isprintable()
        assert len(done.err) < 1000
        assert "Traceback" not in done.err
        assert "internal error" not in done.err
        return done.err

    return refused


@pytest.fixture
def little_memory() -> Callable[[], None]:
    """Return what keeps a child from taking more than 2 GiB: nothing hostile is read whole."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))

    return limit
