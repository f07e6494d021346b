"""Repeat a run: N clean processes and a control run, audited together."""

from __future__ import annotations

from dataclasses import dataclass

from repro_audit.audit import Audit
from repro_audit.audit.serializing import serialize
from repro_audit.files import replace_file
from repro_audit.manifest import Manifest
from repro_audit.repeat.confirming import confirm
from repro_audit.repeat.factors import combine, watching
from repro_audit.repeat.folders import AUDIT, prepare_directory
from repro_audit.repeat.judging import judge, with_apart
from repro_audit.repeat.launching import log_tail
from repro_audit.repeat.plan import APART, BARE, CONTROL, Plan, Setting
from repro_audit.repeat.running import Observer, Runner
from repro_audit.repeat.spreading import spread
from repro_audit.repeat.varying import vary

__all__ = ["Repeated", "repeat"]


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
    settings = [*ordinary, CONTROL, *([BARE] if plan.bare else [])]
    runner.run([combine(item.name, [watching(plan.vary), item]) for item in settings])
    result = judge(plan, runner.done)
    # Whatever the experiments below come to, this much is known.
    replace_file(plan.directory / AUDIT, serialize(result))
    left = frozenset(path for run in runner.done for path in run.left)
    if left and result.verdict in {"identical", "close"}:
        (apart,) = runner.run(
            [combine(APART, [watching(plan.vary), Setting(name="", without=left)])]
        )
        result = with_apart(result, runner.done[0], apart)
    if plan.vary and result.verdict == "identical":
        result = result._replace(envelope=vary(plan, runner, runner.done[0]))
    if plan.suspicion is not None:
        result = result._replace(
            confirmation=confirm(plan.suspicion, runner.done[0].manifest, result)
        )
    if plan.spread and result.verdict in {"identical", "close"}:
        result = result._replace(spread=spread(plan, runner, runner.done[0]))
    result = result._replace(runs=tuple(run.summary() for run in runner.done))
    replace_file(plan.directory / AUDIT, serialize(result))
    asked = [run for run in runner.done if run.name in {APART, *(item.name for item in settings)}]
    failed = next((run for run in asked if run.problem is not None), None)
    return Repeated(
        audit=result,
        manifests=tuple(run.manifest for run in runner.done if run.is_ordinary and run.manifest),
        log_tail=() if failed is None else tuple(log_tail(failed.log)),
    )
