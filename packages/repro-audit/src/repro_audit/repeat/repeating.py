"""Repeat a run: N clean processes and a positive control, audited together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro_audit.audit import Audit, Resume, Spread, with_ladder
from repro_audit.audit.serializing import serialize
from repro_audit.capture.privacy import Cleaner, clean_notebook
from repro_audit.files import replace_file
from repro_audit.manifest import Manifest
from repro_audit.noise.ensemble import Member, ensemble_of
from repro_audit.noise.ensemble import serialize as serialize_ensemble
from repro_audit.notebook.kernels import executed_path
from repro_audit.repeat.confirming import confirm
from repro_audit.repeat.ensembles import perturb, spread
from repro_audit.repeat.executors import Executor, LocalExecutor
from repro_audit.repeat.factor import combine
from repro_audit.repeat.factors import watching
from repro_audit.repeat.folders import (
    AUDIT,
    ENSEMBLE,
    FILES,
    LOG,
    MANIFEST,
    clean_log,
    log_tail,
    prepared_directory,
)
from repro_audit.repeat.judging import AGREES, judge, vouched, with_apart
from repro_audit.repeat.plan import CONTROL, UNRECORDED, Plan, Setting
from repro_audit.repeat.resuming import RESUMED, resume
from repro_audit.repeat.running import ProgressReporter, Runner
from repro_audit.repeat.varying import vary

__all__ = ["Repeated", "repeat_plan"]


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """What a repeat found.

    Attributes:
        audit: The judgement; also written to ``audit.json``.
        manifests: The manifests it judges, in its order.
        log_tail: The last lines of the log of a run that failed; else empty.
        failed: Whether a run failed.
    """

    audit: Audit
    manifests: tuple[Manifest, ...]
    log_tail: tuple[str, ...] = ()
    failed: bool = False


def repeat_plan(
    plan: Plan, progress: ProgressReporter, executor: Executor[Any] | None = None
) -> Repeated:
    """Run a script in clean processes, then once with a flipped bit, and audit it all.

    Runs stop at the first that fails; what has ended is kept. ``audit.json`` is written beside
    the runs in any case.

    Args:
        plan: What to repeat, and how.
        progress: Is told how far it has come.
        executor: Executes the runs; None is this machine.

    Raises:
        RunError: A process cannot be started, or the directory is not one of a repeat.
        OutputError: The directory cannot be written.
    """
    with prepared_directory(plan.directory):
        local = LocalExecutor(
            slots=plan.jobs, folder_kind=plan.folder_kind, directory=plan.directory
        )
        runner = Runner(plan, progress, local if executor is None else executor)
        try:
            return _repeat(plan, runner, progress)
        finally:
            # Not before: their lines are compared as they were printed.
            for folder in runner.folders:  # also of a run that was interrupted
                clean_log(folder / LOG)
                clean_notebook(executed_path(folder / MANIFEST), Path.cwd())
                (folder / FILES).unlink(missing_ok=True)


def _repeat(plan: Plan, runner: Runner, progress: ProgressReporter) -> Repeated:
    """Do it in a directory that is this repeat's."""
    clean = Cleaner(Path.cwd()).record
    settings = [Setting(name=f"run-{number}") for number in range(1, plan.runs + 1)]
    settings += [CONTROL, *([UNRECORDED] if plan.check_recording else [])]
    runner.run([_watched(plan, setting) for setting in settings])
    progress.does("comparing the runs")
    result = clean(judge(plan, runner.done))
    # Whatever comes of the rest, this much is known.
    replace_file(plan.directory / AUDIT, serialize(result))
    left = frozenset(path for run in runner.done if run.used for path in run.used.left)
    if left and result.verdict in AGREES:
        apart = _watched(plan, Setting(name="apart", aside=left))
        result = clean(with_apart(plan, result, runner.done[0], *runner.run([apart])))
    failed = next((run for run in runner.done if run.problem is not None), None)
    result = _experiments(plan, runner, result)
    failed = failed or next(
        (run for run in runner.done if run.problem and run.name == RESUMED), None
    )
    result = clean(result._replace(runs=tuple(run.summary() for run in runner.done)))
    replace_file(plan.directory / AUDIT, serialize(result))
    return Repeated(
        audit=result,
        manifests=_judged(plan, runner),
        log_tail=() if failed is None else tuple(log_tail(failed.log)),
        failed=failed is not None,
    )


def _judged(plan: Plan, runner: Runner) -> tuple[Manifest, ...]:
    """Return the manifests that an audit judges, in its order."""
    against = [] if plan.against is None else [plan.against.manifest]
    return *against, *(run.manifest for run in runner.done if run.is_ordinary and run.manifest)


def _watched(plan: Plan, setting: Setting) -> Setting:
    """Return a setting whose run says what is in force of the factors that will be varied."""
    return combine(setting.name, [watching(plan.vary), setting])


def _experiments(plan: Plan, runner: Runner, result: Audit) -> Audit:
    """Make the experiments that were asked for on runs that agree, and add what they showed."""
    run = runner.done[0]
    if plan.vary and result.verdict == "identical":
        result = result._replace(sensitivity=vary(plan, runner, run))
    if plan.resume is not None:
        result = result._replace(resume=_resumed(plan, runner, result))
    if plan.suspicion is not None:
        name = f"vary-{plan.suspicion.factor}"
        varied = next((item.manifest for item in runner.done if item.name == name), None)
        result = result._replace(confirmation=confirm(plan.suspicion, run.manifest, result, varied))
    return _with_ensemble(plan, runner, result)


def _resumed(plan: Plan, runner: Runner, result: Audit) -> Resume:
    """Stop a run and resume it, if the others agree: else there is nothing to hold it against."""
    if result.verdict == "identical":
        return resume(plan, runner, runner.done[0])
    text = (
        f"the runs are {result.verdict} by themselves: there is none to hold a resumed run against"
    )
    return Resume(verdict="inconclusive", text=text)


def _with_ensemble(plan: Plan, runner: Runner, result: Audit) -> Audit:
    """Move the run by noise, keep how far that takes it, and hold runs that diverge against it."""
    base = runner.done[0]
    if result.verdict == "inconclusive" or base.manifest is None:
        return result
    members: tuple[Member, ...] = ()
    if plan.perturb and result.verdict != "identical":
        # What moves them by itself would be taken for rounding: a seed that nobody sets, perhaps.
        text = "The runs differ by themselves, and nothing can be said of rounding alone."
        result = result._replace(rounding=Spread(seeds=(), metrics=(), text=text))
    elif plan.perturb:
        rounding = perturb(plan, runner, base)
        members += rounding.members
        result = result._replace(rounding=rounding.spread)
    if plan.spread:
        seeds = spread(plan, runner, base)
        members += seeds.members
        result = result._replace(spread=seeds.spread)
    if not members:
        return result
    content = (base.folder / MANIFEST).read_bytes()
    ensemble = ensemble_of(content, members, result.repeated)
    replace_file(plan.directory / ENSEMBLE, serialize_ensemble(ensemble))
    result = with_ladder(result, _judged(plan, runner), ensemble, plan.ignore_metrics)
    return vouched(result, [run.name for run in runner.done if run.is_ordinary])
