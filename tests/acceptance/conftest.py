"""Run the command line: within this process where that makes no difference, as it is faster."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from repro_audit.cli import entry

CPU_SECONDS = 60
"""No command that only reads computes nearly as long."""

HANGS_SECONDS = 600
"""What takes so long waits for something that never comes, however busy the machine is."""


class Done(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str


Start = Callable[..., Done]

STARTS_PROCESSES = {"record", "repeat"}


@pytest.fixture(scope="session")
def run(start: Start, quick: str) -> Callable[..., Done]:
    """Return what runs the command line on words alone; with anything more, in a process.

    That is a fresh one where an environment is given, which may decide what is imported.
    """

    def run(*words: Any, **options: Any) -> Done:
        texts = [*map(str, words)]
        alone = threading.current_thread() is threading.main_thread()
        if options or not alone or "-" in texts or STARTS_PROCESSES & set(texts[:1]):
            quickly = {} if "env" in options else {"python": quick}
            return start(*texts, **quickly | options)
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = entry.run(texts)
        for file in (out, err):
            file.flush()
        return Done(code, *(file.buffer.getvalue().decode() for file in (out, err)))

    return run


@pytest.fixture(scope="session")
def start() -> Start:
    """Return what runs the command line as a user does: in a process of its own."""

    def start(*words: Any, python: str = sys.executable, **options: Any) -> Done:
        environment = {**os.environ, **options.pop("env", {})}
        further = options.pop("preexec_fn", lambda: None)

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            further()

        done = subprocess.run(
            [python, "-m", "repro_audit", *map(str, words)],
            capture_output="stdout" not in options,
            stderr=subprocess.PIPE if "stdout" in options else None,
            preexec_fn=limit,
            timeout=HANGS_SECONDS,
            check=False,
            env=environment,
            **options,
        )
        out = "" if done.stdout is None else done.stdout.decode()
        return Done(done.returncode, out, done.stderr.decode())

    return start


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
