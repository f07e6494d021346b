"""Judge the runs of a repeat: among themselves, by the control run and by the bare one."""

from __future__ import annotations

from collections.abc import Sequence

from repro_audit.audit import Audit, Control, Observation, SharedFile, audit
from repro_audit.compare import compare
from repro_audit.compare.control import judge_control
from repro_audit.errors import printable
from repro_audit.repeat.folders import MANIFEST
from repro_audit.repeat.plan import BARE, CONTROL, Plan
from repro_audit.repeat.running import Done

__all__ = ["GOOD", "judge", "with_apart"]

GOOD = ("identical", "close")
"""Verdicts by which runs agree."""


def judge(plan: Plan, done: Sequence[Done]) -> Audit:
    """Audit the ordinary runs, and let the other runs vouch for the audit.

    Args:
        plan: What was repeated.
        done: The runs that have ended, in their order.
    """
    ordinary = [run for run in done if run.is_ordinary and run.manifest is not None]
    manifests = [run.manifest for run in ordinary if run.manifest is not None]
    if manifests:
        result = audit(
            *manifests,
            names=[(plan.directory / run.name / MANIFEST).as_posix() for run in ordinary],
            rtol=plan.rtol,
            atol=plan.atol,
            ignore_metrics=plan.ignore_metrics,
            require=plan.require,
            traces=[run.trace() for run in ordinary],
        )
    else:
        result = Audit(verdict="inconclusive", reason="no manifest", evidence="none", manifests=())
    result = result._replace(
        runs=tuple(run.summary() for run in done), shared_state=_shared_state(done)
    )
    failed = next((run for run in done if run.problem is not None), None)
    if failed is not None:
        return result._replace(verdict="inconclusive", reason=str(failed.problem))
    others = {run.name: run for run in done}
    if CONTROL.name in others:
        result = _with_control(result, ordinary[0], others[CONTROL.name])
    if BARE.name in others:
        result = _with_observer(result, ordinary[0], others[BARE.name])
    return _with_shared_state(result, [run.name for run in ordinary])


def _with_control(result: Audit, run: Done, control: Done) -> Audit:
    """Add what the control run showed; agreement that it does not vouch for is none."""
    verdict = judge_control(
        run.manifest,
        control.manifest,
        (run.trace(), control.trace()),
    )
    result = result._replace(
        control=Control(
            caught=verdict.caught, before=verdict.before, after=verdict.after, text=verdict.text
        ),
    )
    # A difference that was seen proves that the audit can see one; only agreement needs the
    # control run to vouch for it.
    if not verdict.caught and result.verdict in GOOD:
        reason = f"the control was not caught: {verdict.text}"
        return result._replace(verdict="inconclusive", reason=reason)
    return result


def _with_observer(result: Audit, run: Done, bare: Done) -> Audit:
    """Add whether recording changes the run: the bare one must end in the same state."""
    expected, actual = (
        None if item.manifest is None else item.manifest.outcomes.digests.final_state
        for item in (run, bare)
    )
    if expected is None or actual is None:
        observation = Observation("not decided", "the final state of one of the runs is missing")
    elif expected == actual:
        observation = Observation("none", "a run without any recording ends in the same state")
    elif result.verdict == "identical":
        text = "a run without any recording ends in another state"
        observation = Observation("changes the run", text)
        result = result._replace(
            verdict="inconclusive", reason=f"recording changes the run: {text}"
        )
    else:
        text = "the recorded runs differ among themselves"
        observation = Observation("not decided", text)
    return result._replace(observer=observation)


def _with_shared_state(result: Audit, ordinary: Sequence[str]) -> Audit:
    """Let runs that read what another has left be no evidence of each other."""
    for file in result.shared_state:
        readers = [name for name in file.read_by if name in ordinary]
        if readers:
            reason = (
                f"{readers[0]} read {printable(file.path)}, which {file.left_by} left: "
                "the runs are not independent"
            )
            if result.verdict in GOOD:
                return result._replace(verdict="inconclusive", reason=reason)
            return result._replace(reason=f"{result.reason}; {reason}")
    return result


def with_apart(plan: Plan, result: Audit, run: Done, apart: Done) -> Audit:
    """Let agreement stand only if a run that finds none of the files that were left agrees.

    Not every way of reading a file can be seen; this run needs none of them to be.

    Args:
        plan: What was repeated.
        result: The audit so far.
        run: An ordinary run.
        apart: The run in a copy of the folder, without those files.
    """
    where = "a run in a copy of the folder, without the files that the others left,"
    reason = None
    if apart.problem is not None or apart.manifest is None or run.manifest is None:
        reason = f"{where} did not come to its end: {apart.problem}"
    else:
        verdict = compare(
            run.manifest,
            apart.manifest,
            rtol=plan.rtol,
            atol=plan.atol,
            ignore_metrics=plan.ignore_metrics,
            require=plan.require,
        ).verdict
        if verdict not in GOOD:
            reason = f"{where} is {verdict}: the runs are not independent"
    return result if reason is None else result._replace(verdict="inconclusive", reason=reason)


def _shared_state(done: Sequence[Done]) -> tuple[SharedFile, ...]:
    """Return the files that a run left where another could read them."""
    left_by: dict[str, str] = {}
    for run in done[:-1]:
        for path in run.left:
            left_by.setdefault(path, run.name)
    return tuple(
        SharedFile(
            path=path,
            left_by=name,
            read_by=tuple(run.name for run in done if run.name != name and path in run.read),
        )
        for path, name in sorted(left_by.items())
    )
