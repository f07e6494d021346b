"""Repeat a run: N clean processes and a control run, audited together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from repro_audit.audit import Audit, Control, RunSummary, audit
from repro_audit.audit.serializing import serialize
from repro_audit.compare.control import judge_control
from repro_audit.errors import ManifestError
from repro_audit.files import replace_file
from repro_audit.manifest import Manifest, load
from repro_audit.recording.request import Request
from repro_audit.repeat.environment import clean_environment
from repro_audit.repeat.folders import (
    AUDIT,
    LOG,
    MANIFEST,
    prepare_directory,
    snapshot,
    working_directory,
)
from repro_audit.repeat.launching import Ended, launch, log_tail, python_command
from repro_audit.trace import Trace, find_trace

__all__ = ["Observer", "Plan", "Repeated", "repeat"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to repeat, and how.

    Attributes:
        target: The script, or the module's name, and its arguments.
        module: Whether `target` begins with a module's name.
        directory: Where the evidence goes.
        runs: Ordinary runs, 2 or more.
        timeout_s: Seconds after which a run is ended; None waits for ever.
        working_directory: ``here``, ``copy`` or ``empty``.
        pass_environment: Further environment variables to pass on.
        trace: Which steps are traced, as `repro_audit.record` takes it, or ``none``; None is
            whatever the script says.
        rtol: Relative tolerance of history values.
        atol: Absolute tolerance of history values.
        ignore_metrics: Metrics that are not compared.
        require: The least evidence.
    """

    target: Sequence[str]
    module: bool
    directory: Path
    runs: int = 2
    timeout_s: float | None = None
    working_directory: str = "here"
    pass_environment: Sequence[str] = ()
    trace: str | int | None = None
    rtol: float | None = None
    atol: float | None = None
    ignore_metrics: Sequence[str] = ()
    require: str = "weights"


class Observer(Protocol):
    """Is told how far a repeat has come."""

    def begins(self, name: str, number: int, total: int, expected_s: float | None) -> None:
        """Run `name`, number `number` of `total`, begins; it may take `expected_s` seconds."""

    def elapsed(self, seconds: float) -> None:
        """The run has gone on for so long."""

    def ended(self, name: str, ended: Ended, manifest: Manifest | None) -> None:
        """The run has ended."""


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """What a repeat found.

    Attributes:
        audit: The judgement; also written to ``audit.json``.
        manifests: The manifests it judges, in its order.
        log_tail: The last lines of the log of a run that failed; else empty.
    """

    audit: Audit
    manifests: tuple[Manifest, ...]
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Run:
    name: str
    ended: Ended
    manifest: Manifest | None
    problem: str | None
    log: Path
    left: tuple[str, ...]

    def summary(self) -> RunSummary:
        return RunSummary(
            name=self.name,
            exit_code=self.ended.exit_code,
            status="no manifest" if self.manifest is None else self.manifest.status,
            steps=0 if self.manifest is None else self.manifest.steps,
        )


def repeat(plan: Plan, observer: Observer) -> Repeated:
    """Run a script in clean processes, then once with a flipped bit, and audit it all.

    Runs stop at the first that fails; what has ended is kept. ``audit.json`` is written beside
    the runs in any case.

    Args:
        plan: What to repeat, and how.
        observer: Is told how far it has come.

    Raises:
        RunError: A process cannot be started, or the directory is not one of a repeat.
        OutputError: The directory cannot be written.
    """
    prepare_directory(plan.directory)
    names = [f"run-{number}" for number in range(1, plan.runs + 1)]
    done: list[_Run] = []
    for name in [*names, "control"]:
        done.append(_run(plan, name, done, observer))
        if done[-1].problem is not None:
            break
    result = _judge(plan, done, names)
    replace_file(plan.directory / AUDIT, serialize(result.audit))
    return result


def _run(plan: Plan, name: str, done: Sequence[_Run], observer: Observer) -> _Run:
    """Start one run and wait for it."""
    control = name == "control"
    own = (plan.directory / name).resolve()
    own.mkdir()
    request = Request(
        manifest=str(own / MANIFEST),
        flip=control,
        stop_after_epoch=1 if control else None,
        trace=plan.trace,
    )
    target = list(plan.target)
    if not plan.module and plan.working_directory != "here":
        target[0] = str(Path(target[0]).resolve())
    observer.begins(name, len(done) + 1, plan.runs + 1, _expected(done, control=control))
    with working_directory(plan.working_directory, plan.directory) as folder:
        before = snapshot(folder, plan.directory)
        ended = launch(
            python_command(target, module=plan.module),
            environment=clean_environment(request, plan.pass_environment),
            folder=folder,
            log=own / LOG,
            timeout_s=plan.timeout_s,
            tick=observer.elapsed,
        )
        after = snapshot(folder, plan.directory) if plan.working_directory == "here" else before
    manifest, problem = _read(own / MANIFEST, name, ended, plan.timeout_s)
    observer.ended(name, ended, manifest)
    left = tuple(sorted(path for path in after if after[path] != before.get(path)))
    return _Run(
        name=name, ended=ended, manifest=manifest, problem=problem, log=own / LOG, left=left
    )


def _expected(done: Sequence[_Run], *, control: bool) -> float | None:
    """Guess how long the next run takes: as the ones before; a control run, one epoch of it."""
    if not done:
        return None
    before = done[-1]
    if not control or before.manifest is None:
        return before.ended.duration_s
    epochs = before.manifest.information.epoch_durations_s
    return before.ended.duration_s - sum(epochs[1:])


def _read(
    path: Path, name: str, ended: Ended, timeout_s: float | None
) -> tuple[Manifest | None, str | None]:
    """Return the manifest a run left, and what went wrong with the run."""
    manifest = None
    unreadable = None
    if path.exists():
        try:
            manifest = load(path)
        except ManifestError as error:
            unreadable = str(error)
    if ended.timed_out:
        return manifest, f"{name} was ended after {timeout_s:g} seconds"
    if ended.exit_code != 0:
        how = (
            f"was ended by signal {-ended.exit_code}"
            if ended.exit_code < 0
            else f"ended with exit code {ended.exit_code}"
        )
        return manifest, f"{name} {how}"
    if unreadable is not None:
        return None, unreadable
    if manifest is None:
        return None, f"{name} left no manifest: does the script use repro_audit.record?"
    if not manifest.outcomes.fits:
        return manifest, f"{name} trained nothing that was recorded"
    return manifest, None


def _judge(plan: Plan, done: Sequence[_Run], names: Sequence[str]) -> Repeated:
    """Audit the ordinary runs, and let the control run vouch for the audit."""
    ordinary = [run for run in done if run.name in names and run.manifest is not None]
    manifests = tuple(run.manifest for run in ordinary if run.manifest is not None)
    summaries = tuple(run.summary() for run in done)
    failed = next((run for run in done if run.problem is not None), None)
    if manifests:
        result = audit(
            *manifests,
            names=[(plan.directory / run.name / MANIFEST).as_posix() for run in ordinary],
            rtol=plan.rtol,
            atol=plan.atol,
            ignore_metrics=plan.ignore_metrics,
            require=plan.require,
            traces=[_trace(plan, run) for run in ordinary],
        )
    else:
        result = Audit(verdict="inconclusive", reason="no manifest", evidence="none", manifests=())
    result = result._replace(runs=summaries, shared_state=_shared_state(done))
    if failed is not None:
        result = result._replace(verdict="inconclusive", reason=str(failed.problem))
        return Repeated(audit=result, manifests=manifests, log_tail=tuple(log_tail(failed.log)))
    control = next((run for run in done if run.name == "control"), None)
    verdict = judge_control(
        manifests[0],
        None if control is None else control.manifest,
        (_trace(plan, ordinary[0]), None if control is None else _trace(plan, control)),
    )
    result = result._replace(
        control=Control(
            caught=verdict.caught, before=verdict.before, after=verdict.after, text=verdict.text
        ),
    )
    # A difference that was seen proves that the audit can see one; only agreement needs the
    # control run to vouch for it.
    if not verdict.caught and result.verdict in {"identical", "close"}:
        result = result._replace(
            verdict="inconclusive", reason=f"the control was not caught: {verdict.text}"
        )
    return Repeated(audit=result, manifests=manifests)


def _trace(plan: Plan, run: _Run) -> Trace | None:
    """Return the trace a run left."""
    return (
        None
        if run.manifest is None
        else find_trace(plan.directory / run.name / MANIFEST, run.manifest)
    )


def _shared_state(done: Sequence[_Run]) -> tuple[str, ...]:
    """Return the files that a run left where a later one could read them."""
    return tuple(sorted({path for run in done[:-1] for path in run.left}))
