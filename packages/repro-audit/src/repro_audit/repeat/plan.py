"""What to repeat, and how one run may differ from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from repro_audit.repeat.baseline import Baseline
from repro_audit.repeat.confirming import Suspicion

__all__ = ["CONTROL", "UNRECORDED", "Plan", "Setting", "Stop"]


class Stop(NamedTuple):
    """Where a run is stopped.

    Attributes:
        epoch: The epoch, from 1; None is half of them.
        step: The step of that epoch after which it is stopped, from 1; None is the epoch's end.
        killed: Whether it is stopped by SIGKILL.
        added: What these runs are given to resume by: ``keras`` is `BackupAndRestore`; None is
            nothing, for the script has its own means.
    """

    epoch: int | None = None
    step: int | None = None
    killed: bool = False
    added: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to repeat, and how.

    Attributes:
        target: The script, or the module's name, and its arguments.
        module: Whether `target` begins with a module's name.
        kernel: Name of the kernel that runs a notebook; None is the one that it asks for.
        directory: Where the evidence goes.
        runs: Ordinary runs, 2 or more.
        timeout_s: Seconds after which a run is ended; None waits for ever.
        working_directory: ``here``, ``copy`` or ``empty``; several runs at a time never share
            a folder, and ``here`` is then ``copy``.
        pass_environment: Further environment variables to pass on.
        trace: Which steps are traced, as `repro_audit.record` takes it, or ``none``; None is
            whatever the script says.
        check_recording: Whether to make one more run without any recording.
        jobs: Runs at a time.
        vary: Names of the factors to vary once the runs were identical.
        one_at_a_time: Whether each of them gets a run of its own, whatever that costs.
        suspicion: What is put to the test by varying it.
        spread: Further seeds to train with.
        perturb: Runs whose first weights are moved by one unit in the last place.
        resume: Where a further run is stopped, and started again; None makes no such run.
        against: What the runs are held against, besides each other.
        rtol: Relative tolerance of history values.
        atol: Absolute tolerance of history values.
        ignore_metrics: Metrics that are not compared.
        require: The least evidence.
        accept_partial: Whether agreement may rest on the part of the training that was followed.
    """

    target: Sequence[str]
    module: bool
    directory: Path
    kernel: str | None = None
    runs: int = 2
    timeout_s: float | None = None
    working_directory: str = "here"
    pass_environment: Sequence[str] = ()
    trace: str | int | None = None
    check_recording: bool = False
    jobs: int = 1
    vary: Sequence[str] = ()
    one_at_a_time: bool = False
    suspicion: Suspicion | None = None
    spread: int = 0
    perturb: int = 0
    resume: Stop | None = None
    against: Baseline | None = None
    rtol: float | None = None
    atol: float | None = None
    ignore_metrics: Sequence[str] = ()
    require: str = "weights"
    accept_partial: bool = False

    @property
    def seeds(self) -> Mapping[str, int]:
        """What every run begins with, as a `Request` has it, so that it can be varied."""
        return {} if self.suspicion is None else self.suspicion.seeded

    @property
    def folder_kind(self) -> str:
        """What kind of folder runs start in: see `working_directory`."""
        if self.resume is not None and self.working_directory != "empty":
            return "whole"  # else a run would go on from what the one before has left
        shared = self.jobs > 1 and self.working_directory == "here"
        return "copy" if shared else self.working_directory


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How one run differs from an ordinary one.

    Attributes:
        name: Its folder below the directory of the plan.
        request: Fields of its `Request`.
        environment: Variables that are set; None takes one away.
        elsewhere: Whether it starts in a folder of another path that shows the same files.
        load: Whether the machine is kept busy beside it.
        aside: Files and folders that are not there as long as it runs; below the start folder by
            their paths from there.
        folder: Where it starts; None is a folder as all runs of the plan have.
    """

    name: str
    request: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str | None] = field(default_factory=dict)
    elsewhere: bool = False
    load: bool = False
    aside: frozenset[str] = frozenset()
    folder: Path | None = None


CONTROL = Setting(name="control", request={"flip": True, "stop_after_epoch": 1})
"""The run in which one bit is flipped, and which ends when that must have been seen."""

UNRECORDED = Setting(name="unrecorded", request={"unrecorded": True})
"""The run of which nothing is recorded but the state it ends with."""
