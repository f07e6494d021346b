"""Judge a repeat: its runs among themselves, its positive control, its unrecorded run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from repro_audit.audit import Audit, Control, RecordingCheck, audit
from repro_audit.capture.privacy import distinct_names, mask_arguments
from repro_audit.compare import compare
from repro_audit.compare.control import judge_control
from repro_audit.repeat.environment import variables_set
from repro_audit.repeat.folders import MANIFEST
from repro_audit.repeat.output import compare_output
from repro_audit.repeat.plan import CONTROL, UNRECORDED, Plan
from repro_audit.repeat.running import Done
from repro_audit.repeat.shared_files import Used, shared_files
from repro_audit.wording import counted

__all__ = ["AGREES", "GOOD", "judge", "vouched", "with_apart"]

GOOD = ("identical", "close")
"""Verdicts by which runs agree."""

AGREES = (*GOOD, "rounding", "seeds")
"""Those, and the verdicts by which runs are apart as noise is."""


def judge(plan: Plan, done: Sequence[Done]) -> Audit:
    """Audit the ordinary runs, and let the other runs vouch for the audit.

    Args:
        plan: What was repeated.
        done: The runs that have ended, in their order.
    """
    ordinary = [run for run in done if run.is_ordinary and run.manifest is not None]
    manifests = [run.manifest for run in ordinary if run.manifest is not None]
    if manifests:
        files = [plan.directory / run.name / MANIFEST for run in ordinary]
        traces = [run.trace() for run in ordinary]
        if plan.against is not None:
            manifests.insert(0, plan.against.manifest)
            files.insert(0, plan.against.file)
            traces.insert(0, plan.against.trace)
        result = audit(
            *manifests,
            names=distinct_names(list(map(str, files))),
            rtol=plan.rtol,
            atol=plan.atol,
            ignore_metrics=plan.ignore_metrics,
            require=plan.require,
            accept_partial=plan.accept_partial,
            traces=traces,
            ensemble=None if plan.against is None else plan.against.ensemble,
        )
    else:
        result = Audit(verdict="inconclusive", reason="no manifest", evidence="none", manifests=())
    used = [(run.name, run.used or Used()) for run in done]
    result = result._replace(
        runs=tuple(run.summary() for run in done),
        shared_files=shared_files(used),
        set_by_repeat=_set_by_repeat(plan),
        watched=_watched(done),
        repeated=_repeated(plan),
    )
    failed = next((run for run in done if run.problem is not None), None)
    if failed is not None:
        return result._replace(verdict="inconclusive", reason=str(failed.problem))
    others = {run.name: run for run in done}
    if CONTROL.name in others:
        result = _with_control(result, ordinary[0], others[CONTROL.name])
    if UNRECORDED.name in others:
        result = _with_recording_check(result, ordinary, others[UNRECORDED.name])
    result = vouched(result, [run.name for run in ordinary])
    return _with_output(plan, result, ordinary)


def _with_control(result: Audit, run: Done, control: Done) -> Audit:
    """Add what the positive control showed."""
    verdict = judge_control(
        run.manifest,
        control.manifest,
        (run.trace(), control.trace()),
    )
    return result._replace(
        control=Control(
            caught=verdict.caught, before=verdict.before, after=verdict.after, text=verdict.text
        ),
    )


def vouched(result: Audit, ordinary: Sequence[str]) -> Audit:
    """Let agreement be none that the positive control does not vouch for, or files may have made.

    A difference that was seen proves that the audit can see one.

    Args:
        result: The audit.
        ordinary: Names of the ordinary runs.
    """
    control = result.control
    if control is not None and not control.caught and result.verdict in AGREES:
        reason = f"the control was not caught: {control.text}"
        result = result._replace(verdict="inconclusive", reason=reason)
    return _with_shared_files(result, ordinary)


def _with_recording_check(result: Audit, runs: Sequence[Done], unrecorded: Done) -> Audit:
    """Add whether recording changes the run: the unrecorded one must end in the same state."""
    expected, *others, actual = (
        None if item.manifest is None else item.manifest.outcomes.digests.final_state
        for item in (*runs, unrecorded)
    )
    if expected is None or actual is None:
        check = RecordingCheck("not decided", "the final state of one of the runs is missing")
    elif expected == actual:
        check = RecordingCheck("no", "a run without any recording ends in the same state")
    elif result.verdict in AGREES and all(other == expected for other in others):
        text = "a run without any recording ends in another state"
        check = RecordingCheck("yes", text)
        result = result._replace(
            verdict="inconclusive", reason=f"recording changes the run: {text}"
        )
    else:
        text = "the recorded runs differ among themselves"
        check = RecordingCheck("not decided", text)
    return result._replace(recording_check=check)


def _with_shared_files(result: Audit, ordinary: Sequence[str]) -> Audit:
    """Let runs that read what another has left be no evidence of each other."""
    for file in result.shared_files:
        readers = [name for name in file.read_by if name in ordinary]
        if readers:
            how = f"{file.left_by} left" if file.left_by else "changed after the first run began"
            reason = f"{readers[0]} read {file.path}, which {how}: the runs are not independent"
            if result.verdict in AGREES:
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
        apart: The run for which those files were not there.
    """
    where = "a run without the files that the others left"
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
            accept_partial=plan.accept_partial,
        ).verdict
        if verdict not in GOOD:
            reason = f"{where} is {verdict}: the runs are not independent"
    return result if reason is None else result._replace(verdict="inconclusive", reason=reason)


def _with_output(plan: Plan, result: Audit, ordinary: Sequence[Done]) -> Audit:
    """Say where the runs print other things though all that was recorded agrees."""
    if result.verdict not in GOOD:
        return result
    first = ordinary[0]
    for run in ordinary[1:]:
        folders = str(first.folder), str(run.folder)
        shown = first.notebook or first.log, run.notebook or run.log
        found = compare_output(*shown, folders)
        if found is not None:
            said = f"the output of {first.name} and {run.name} differs, {found.text}"
            if found.in_numbers and not plan.accept_partial:
                reason = f"all that was recorded agrees, but {said}"
                return result._replace(verdict="inconclusive", reason=reason)
            return result._replace(reason=f"{result.reason}; but {said}")
    return result


def _set_by_repeat(plan: Plan) -> tuple[str, ...]:
    """Say what runs are given that the user's shell leaves open."""
    found = [f"{name}={value}" for name, value in variables_set(plan).items()]
    found += [f"{name} seeded with {seed}" for name, seed in plan.seeds.items()]
    if plan.folder_kind != plan.working_directory:
        found.append("each run in a copy of the folder")
    return tuple(found)


def _repeated(plan: Plan) -> str:
    """Return the words that repeat the same again; nothing where one of them is to be hidden."""
    words = tuple(plan.target)
    if mask_arguments(words, [], None) != words or not "".join(words).isprintable():
        return ""
    return shlex.join([*(["-m"] if plan.module else []), *words])


def _watched(done: Sequence[Done]) -> str:
    """Say which places were watched for files that runs share."""
    silent = [run.name for run in done if run.used is None]
    if silent:
        return f"not known for {', '.join(silent)}, which did not come to its own end"
    programs = max(run.used.programs for run in done if run.used is not None)
    text = "all below the start folder; elsewhere what Python, h5py and TensorFlow's Python open"
    return text + (f", not what {counted(programs, 'other program')} did" if programs else "")
