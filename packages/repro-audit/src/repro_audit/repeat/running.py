"""Have a plan's script run in clean processes, one or several at a time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from repro_audit.audit import RunSummary
from repro_audit.errors import ManifestError, ReproAuditError
from repro_audit.files import LIMIT_BYTES
from repro_audit.manifest import Manifest
from repro_audit.notebook.cells import failed_cell
from repro_audit.notebook.kernels import executed_path, folder_of
from repro_audit.recording.process.launcher import (
    finalize_manifest,
    run_command,
    runs_notebook,
)
from repro_audit.recording.request import Request
from repro_audit.repeat.environment import clean_environment, variables_set
from repro_audit.repeat.executors import Ended, Executor, PreparedRun
from repro_audit.repeat.folders import FILES, LOG, MANIFEST
from repro_audit.repeat.plan import Plan, Setting
from repro_audit.repeat.shared_files import Used, read_used
from repro_audit.trace import Trace, find_trace
from repro_audit.wording import counted, how_it_ended

__all__ = ["Done", "ProgressReporter", "Runner"]


class ProgressReporter(Protocol):
    """Is told how far a repeat has come; by several runs at a time where several run."""

    def begins(self, name: str, expected_s: float | None) -> None:
        """Run `name` begins; it may take `expected_s` seconds."""

    def elapsed(self, name: str, seconds: float) -> None:
        """Run `name` has gone on for so long."""

    def ended(self, name: str, ended: Ended, manifest: Manifest | None) -> None:
        """Run `name` has ended."""

    def does(self, what: str) -> None:
        """No run goes on, and this is done meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A run that has ended.

    Attributes:
        setting: How it differed from an ordinary one.
        folder: Where its evidence is.
        ended: How it ended.
        manifest: Its manifest, if it left one.
        problem: What went wrong with it, in a sentence; None where all is well.
        used: The files that it read and left; None where it did not say.
        load_s: CPU time that the processes beside it took to keep the machine busy, in seconds.
    """

    setting: Setting
    folder: Path
    ended: Ended
    manifest: Manifest | None
    problem: str | None
    used: Used | None
    load_s: float

    @property
    def name(self) -> str:
        """Its name: that of its folder."""
        return self.setting.name

    @property
    def is_ordinary(self) -> bool:
        """Whether it differs from the others in nothing."""
        return self.name.startswith("run-")

    @property
    def log(self) -> Path:
        """Its output and errors."""
        return self.folder / LOG

    @property
    def notebook(self) -> Path | None:
        """The notebook with what its cells have shown; None where there is none, or a huge one."""
        path = executed_path(self.folder / MANIFEST)
        return path if path.is_file() and path.stat().st_size <= LIMIT_BYTES else None

    def trace(self) -> Trace | None:
        """Return the trace it left.

        Returns:
            The trace; None where it left no manifest or no trace.
        """
        if self.manifest is None:
            return None
        return find_trace(self.folder / MANIFEST, self.manifest)

    def summary(self) -> RunSummary:
        """Return what an audit says of it."""
        return RunSummary(
            name=self.name,
            exit_code=self.ended.exit_code,
            status="no manifest" if self.manifest is None else self.manifest.status,
            steps=0 if self.manifest is None else self.manifest.steps,
        )


class Runner:
    """Runs settings of a plan, at most as many at a time as its executor executes."""

    def __init__(self, plan: Plan, progress: ProgressReporter, executor: Executor[Any]) -> None:
        self._plan = plan
        self._progress = progress
        self._executor = executor
        self._stop = threading.Event()
        self._jobs: list[Any] = []
        self._order: list[str] = []
        self._began = time.time()
        self.done: list[Done] = []
        self.folders: list[Path] = []

    def run(self, settings: Sequence[Setting], *, stop_at_failure: bool = True) -> list[Done]:
        """Run every setting and return those that ran, in the order of `settings`.

        Args:
            settings: The runs.
            stop_at_failure: Whether no other run begins once one has failed.

        Raises:
            RunError: A process cannot be started.
        """
        stopped = threading.Event()

        def one(setting: Setting) -> Done | None:
            if stopped.is_set() or self._stop.is_set():
                return None
            done = self._run(setting)
            self.done.append(done)
            if stop_at_failure and done.problem is not None:
                stopped.set()
            return done

        loads = [setting for setting in settings if setting.load]
        if loads and len(settings) > 1:
            # Beside others it would disturb them as well.
            rest = [setting for setting in settings if not setting.load]
            ran = [
                done
                for part in (rest, *([item] for item in loads))
                for done in self.run(part, stop_at_failure=stop_at_failure)
            ]
            return sorted(ran, key=lambda done: settings.index(done.setting))

        self._order += [setting.name for setting in settings]
        with ThreadPoolExecutor(self._executor.slots) as workers:
            futures: list[Future[Done | None]] = [workers.submit(one, item) for item in settings]
            try:
                ran = [done for future in futures if (done := future.result()) is not None]
            except BaseException:
                # Ends the processes: the workers must not outlive them.
                self._stop.set()
                for job in list(self._jobs):
                    self._executor.cancel(job)
                raise
        self.done.sort(key=lambda done: self._order.index(done.name))
        return ran

    def _run(self, setting: Setting) -> Done:
        """Have one run executed, and read what it leaves."""
        own = (self._plan.directory / setting.name).resolve()
        own.mkdir()
        self.folders.append(own)
        files = own / FILES
        self._progress.begins(setting.name, self._expected(setting))
        job = self._executor.submit(self._prepared(setting, own, files))
        self._jobs.append(job)
        if self._stop.is_set():
            self._executor.cancel(job)
        ended = self._executor.follow(
            job, lambda seconds: self._progress.elapsed(setting.name, seconds)
        )
        evidence = self._executor.fetch(job)
        used = read_used(files, evidence.left, self._plan.directory, self._began)
        files.unlink(missing_ok=True)  # it names files of the whole machine
        manifest, problem = _read(own / MANIFEST, setting, ended, self._plan.timeout_s)
        self._progress.ended(setting.name, ended, manifest)
        return Done(
            setting=setting,
            folder=own,
            ended=ended,
            manifest=manifest,
            problem=problem,
            used=used,
            load_s=evidence.load_s,
        )

    def _prepared(self, setting: Setting, own: Path, files: Path) -> PreparedRun:
        """Return a run of one setting, ready to start.

        Args:
            setting: How it differs from the others.
            own: Folder of its evidence.
            files: Takes the names of the files that it reads.
        """
        plan = self._plan
        fields = {"trace": plan.trace, "seeds": plan.seeds, **setting.request}
        target = list(plan.target)
        notebook = runs_notebook(target, module=plan.module)
        below = folder_of(target[0]).as_posix() if notebook else ""
        request = Request(
            manifest=str(own / MANIFEST),
            files=str(files),
            since=self._began,
            below="" if below == "." else below,
            **fields,
        )
        if not plan.module and not notebook:
            target[0] = self._script(setting)
        changes = {**variables_set(plan), **setting.environment}
        return PreparedRun(
            name=setting.name,
            command=run_command(
                target, module=plan.module, manifest=own / MANIFEST, kernel=plan.kernel
            ),
            environment=clean_environment(request, plan.pass_environment, changes),
            evidence=own,
            elsewhere=setting.elsewhere,
            load=setting.load,
            aside=setting.aside,
            needed=() if plan.module else target[:1],
            folder=setting.folder,
            through=notebook,
            timeout_s=plan.timeout_s,
        )

    def _script(self, setting: Setting) -> str:
        """Return the script as it is found from the folder that a run starts in."""
        script, kind = self._plan.target[0], self._plan.folder_kind
        if setting.elsewhere or kind not in {"here", "whole"}:
            return str(Path(script).resolve())
        if kind == "whole":
            # The copy's own: what it leaves beside itself must not reach the user's folder.
            below = os.path.relpath(script)
            return str(Path(script).resolve()) if below.startswith(os.pardir) else below
        return script

    def _expected(self, setting: Setting) -> float | None:
        """Guess how long a run takes: as the last one; a positive control, one epoch of it."""
        before = next((item for item in reversed(self.done) if item.problem is None), None)
        if before is None:
            return None
        if "stop_after_epoch" not in setting.request or before.manifest is None:
            return before.ended.duration_s
        epochs = before.manifest.information.epoch_durations_s
        return before.ended.duration_s - sum(epochs[1:])


def _read(
    path: Path, setting: Setting, ended: Ended, timeout_s: float | None
) -> tuple[Manifest | None, str | None]:
    """Return the manifest a run left, and what went wrong with the run."""
    name = setting.name
    manifest = unreadable = None
    try:
        manifest = finalize_manifest(path, ended.exit_code, ended.computing)
    except ManifestError as error:
        unreadable = str(error)
    except ReproAuditError as error:
        return None, str(error)
    if ended.timed_out:
        return manifest, f"{name} was ended after {timeout_s:g} seconds"
    if ended.exit_code != 0:
        failed = failed_cell(executed_path(path))
        how = f" {how_it_ended(ended.exit_code)}" if failed is None else f": {failed}"
        return manifest, name + how
    if unreadable is not None:
        return None, unreadable
    trained = manifest is not None and (manifest.has_outcomes or setting.request.get("unrecorded"))
    if trained:
        return manifest, None
    refused = None if manifest is None else manifest.refused
    seen = f"{name}: {refused or 'no training detected'}"
    if ended.computing:
        where = counted(ended.computing, "child process")
        seen += f"; {where} computed with TensorFlow, which cannot be followed"
    return manifest, seen
