"""Repeat a run: N clean processes and a control run, audited together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from repro_audit.audit import Audit, Control, Observation, audit
from repro_audit.audit.serializing import serialize
from repro_audit.compare.control import judge_control
from repro_audit.files import replace_file
from repro_audit.manifest import Manifest
from repro_audit.repeat.folders import AUDIT, MANIFEST, prepare_directory
from repro_audit.repeat.launching import log_tail
from repro_audit.repeat.plan import CONTROL, Plan, Setting
from repro_audit.repeat.running import Done, Observer, Runner

__all__ = ["Repeated", "repeat"]

_BARE = Setting(name="bare", request={"bare": True})


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
    runner = Runner(plan, observer)
    ordinary = [Setting(name=f"run-{number}") for number in range(1, plan.runs + 1)]
    runner.run([*ordinary, CONTROL, *([_BARE] if plan.bare else [])])
    result = _judge(plan, runner.done)
    replace_file(plan.directory / AUDIT, serialize(result.audit))
    return result


def _judge(plan: Plan, done: Sequence[Done]) -> Repeated:
    """Audit the ordinary runs, and let the control run vouch for the audit."""
    ordinary = [run for run in done if run.name.startswith("run-") and run.manifest is not None]
    manifests = tuple(run.manifest for run in ordinary if run.manifest is not None)
    failed = next((run for run in done if run.problem is not None), None)
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
    if failed is not None:
        result = result._replace(verdict="inconclusive", reason=str(failed.problem))
        return Repeated(audit=result, manifests=manifests, log_tail=tuple(log_tail(failed.log)))
    others = {run.name: run for run in done}
    result = _with_control(result, ordinary[0], others.get(CONTROL.name))
    if _BARE.name in others:
        result = _with_observer(result, ordinary[0], others[_BARE.name])
    return Repeated(audit=result, manifests=manifests)


def _with_control(result: Audit, run: Done, control: Done | None) -> Audit:
    """Add what the control run showed; agreement that it does not vouch for is none."""
    verdict = judge_control(
        run.manifest,
        None if control is None else control.manifest,
        (run.trace(), None if control is None else control.trace()),
    )
    result = result._replace(
        control=Control(
            caught=verdict.caught, before=verdict.before, after=verdict.after, text=verdict.text
        ),
    )
    # A difference that was seen proves that the audit can see one; only agreement needs the
    # control run to vouch for it.
    if not verdict.caught and result.verdict in {"identical", "close"}:
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


def _shared_state(done: Sequence[Done]) -> tuple[str, ...]:
    """Return the files that a run left where a later one could read them."""
    return tuple(sorted({path for run in done[:-1] for path in run.left}))
