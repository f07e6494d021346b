"""An executor that runs scripts within this process: for what is not about processes."""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

from repro_audit.repeat.executors import Ended, Evidence, PreparedRun
from repro_audit.repeat.folders import LOG, working_directory

__all__ = ["InThisProcess"]


class InThisProcess:
    """Executes Python scripts, one at a time, by running their code here.

    A script finds the arguments, the variables and the folder that a process would give it. What
    it leaves in modules stays.
    """

    slots = 1

    def __init__(self, directory: Path) -> None:
        """Prepare it; `directory` takes the evidence."""
        self._directory = directory

    def submit(self, run: PreparedRun) -> PreparedRun:
        """Keep a run until somebody follows it."""
        return run

    def follow(self, job: PreparedRun, tick: Callable[[float], None]) -> Ended:
        """Run it."""
        began = time.monotonic()
        with (
            working_directory("here", self._directory, elsewhere=job.elsewhere) as folder,
            contextlib.chdir(folder),
            (job.evidence / LOG).open("w", encoding="utf-8") as log,
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
        ):
            code = _run(job.command[1:], job.environment)
        tick(time.monotonic() - began)
        return Ended(exit_code=code, duration_s=time.monotonic() - began, timed_out=False)

    def cancel(self, job: PreparedRun) -> None:
        """Do nothing: a run has ended by the time anybody could."""

    def fetch(self, job: PreparedRun) -> Evidence:
        """Return nothing: no files are looked for; a loaded machine is said to have been one."""
        return Evidence(load_s=60.0 if job.load else 0.0)


def _run(words: list[str], environment: Mapping[str, str]) -> int:
    """Run a script with its arguments, and return what it exits with."""
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", list(words)),
    ):
        try:
            runpy.run_path(words[0], run_name="__main__")
        except SystemExit as error:
            return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 0
