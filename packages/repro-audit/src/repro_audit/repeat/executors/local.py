"""Runs as processes of this machine, each with cores of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from repro_audit.repeat.executors.base import Ended, Evidence, PreparedRun
from repro_audit.repeat.executors.cpu_load import machine_busy
from repro_audit.repeat.executors.supervised import SupervisedProcess
from repro_audit.repeat.folders import LOG, snapshot, working_directory

__all__ = ["LocalExecutor"]

Files = dict[str, tuple[int, int]]
"""Size and time of change of each file of a folder."""


@dataclass(kw_only=True)
class _LocalRun:
    """A run that was begun.

    Attributes:
        run: What it is.
        process: Its process.
        folder: Where that started.
        files: The files there before; None where the run has the folder to itself.
        load_s: Returns the CPU time of the processes beside it, in seconds.
        open: What must be undone at its end.
        evidence: What it left, once it has ended.
    """

    run: PreparedRun
    process: SupervisedProcess
    folder: Path
    files: Files | None
    load_s: Callable[[], float]
    open: contextlib.ExitStack
    evidence: Evidence = field(default_factory=Evidence)


class LocalExecutor:
    """Executes runs on this machine: an `repro_audit.repeat.executors.base.Executor`."""

    def __init__(self, *, slots: int, folder_kind: str, directory: Path) -> None:
        """Prepare it.

        Args:
            slots: Runs at a time.
            folder_kind: What kind of folder runs start in: see `working_directory`.
            directory: Where the evidence of all runs goes.
        """
        self.slots = slots
        self._folder_kind = folder_kind
        self._directory = directory
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._free: SimpleQueue[int] = SimpleQueue()
        for slot in range(slots):
            self._free.put(slot)

    def submit(self, run: PreparedRun) -> _LocalRun:
        """Begin a run, as soon as there is a slot for it."""
        with contextlib.ExitStack() as stack:
            slot = self._free.get()
            stack.callback(self._free.put, slot)
            folder = run.folder or stack.enter_context(
                working_directory(self._folder_kind, self._directory, elsewhere=run.elsewhere)
            )
            load_s = stack.enter_context(machine_busy(on=run.load))
            shares = folder == Path.cwd()
            files = snapshot(folder, self._directory) if shares else None
            process = stack.enter_context(
                SupervisedProcess(
                    run.command,
                    environment=run.environment,
                    folder=folder,
                    log=run.evidence / LOG,
                    cores=self._cores_of(slot),
                    aside=[str(folder / path) for path in run.aside],
                    needed=run.needed,
                    through=run.through,
                )
            )
            return _LocalRun(
                run=run,
                process=process,
                folder=folder,
                files=files,
                load_s=load_s,
                open=stack.pop_all(),
            )

    def follow(self, job: _LocalRun, tick: Callable[[float], None]) -> Ended:
        """Wait for the end of a run."""
        with job.open:
            ended = job.process.follow(tick, job.run.timeout_s)
            left: list[str] = []
            if job.files is not None:
                after = snapshot(job.folder, self._directory)
                left = [path for path in after if after[path] != job.files.get(path)]
            job.evidence = Evidence(left=left, load_s=job.load_s())
            return ended

    def cancel(self, job: _LocalRun) -> None:
        """End a run, and all that it has started."""
        job.process.cancel()

    def fetch(self, job: _LocalRun) -> Evidence:
        """Return what a run left in the folder it started in."""
        return job.evidence

    def _cores_of(self, slot: int) -> list[int] | None:
        """Return the cores of one of the runs at a time: its own, so that none disturbs another."""
        if self.slots == 1 or not self._cores:
            return None
        size = max(1, len(self._cores) // self.slots)
        first = slot * size % len(self._cores)
        return self._cores[first : first + size]
