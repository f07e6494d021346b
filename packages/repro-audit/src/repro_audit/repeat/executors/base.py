"""What executes runs: it takes one that is prepared, and gives back how it ended and what it left.

A run leaves its manifest, trace and log in a folder of this machine, whatever executes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

__all__ = ["Ended", "Evidence", "Executor", "PreparedRun"]

Job = TypeVar("Job")
"""What an executor calls a run that it was given."""


@dataclass(frozen=True, kw_only=True)
class PreparedRun:
    """A run that is ready to start.

    Attributes:
        name: Its name.
        command: Arguments of its process.
        environment: The process's whole environment.
        evidence: Folder that takes its manifest, its trace and its log; it is there already.
        elsewhere: Whether it starts in a folder of another path that shows the same files.
        load: Whether the machine is kept busy beside it.
        aside: Files and folders that are not there as long as it runs; below the start folder by
            their paths from there.
        needed: Its program's files, which may not be among them.
        folder: Where it starts; None is a folder that the executor chooses.
        through: Whether what its process starts itself is the run, as a notebook's kernel is.
        timeout_s: Seconds after which it is ended; None waits for ever.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    evidence: Path
    elsewhere: bool = False
    load: bool = False
    aside: frozenset[str] = frozenset()
    needed: Sequence[str] = ()
    folder: Path | None = None
    through: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run's process ended.

    Attributes:
        exit_code: Its exit code, negative for a signal.
        duration_s: How long it took, in seconds.
        timed_out: Whether it was ended because it took too long.
        computing: Processes it started, itself apart, that computed with TensorFlow.
    """

    exit_code: int
    duration_s: float
    timed_out: bool
    computing: int = 0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a run left beside its manifest, trace and log.

    Attributes:
        left: Files that it left in the folder it started in, by their paths from there; none
            where it had that folder to itself.
        load_s: CPU time that the processes beside it took to keep the machine busy, in seconds.
    """

    left: Sequence[str] = ()
    load_s: float = 0.0


class Executor(Protocol[Job]):
    """Executes runs, several at a time. Each method may be called by several threads.

    Attributes:
        slots: How many runs it executes at a time.
    """

    slots: int

    def submit(self, run: PreparedRun) -> Job:
        """Begin a run.

        Returns:
            What `follow` and `fetch` know the run by.

        Raises:
            RunError: It cannot be started.
        """

    def follow(self, job: Job, tick: Callable[[float], None]) -> Ended:
        """Wait for the end of a run.

        Args:
            job: The run.
            tick: Is called now and then with the seconds elapsed.

        Raises:
            RunError: It could not be started, or was cancelled, or a file cannot be moved aside.
        """

    def cancel(self, job: Job) -> None:
        """End a run, and all that it has started; what follows it raises."""

    def fetch(self, job: Job) -> Evidence:
        """Return what a run left, once it has ended; its manifest, trace and log are in place."""
