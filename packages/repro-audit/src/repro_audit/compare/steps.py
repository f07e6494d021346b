"""Compare the steps of two runs: by their traces, or by what the manifests say of those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from repro_audit.compare.comparison import FieldVerdict, FirstDifference, Match
from repro_audit.compare.trace_comparison import (
    Distance,
    OrderDifference,
    StepDifference,
    TraceComparison,
)
from repro_audit.manifest import Manifest
from repro_audit.manifest.records import TraceSetting
from repro_audit.wording import counted, epoch_name
from repro_audit.wording import step_name as named_step

__all__ = [
    "NOTHING",
    "compare_steps",
    "have_several_fits",
    "resumed_at",
    "step_name",
    "traces_comparable",
]

_Result = tuple[FieldVerdict, FirstDifference | None]
_FIELD = "trace"

NOTHING = "nothing to compare"
"""What to say of an outcome of which neither run holds anything: that is no match."""


def traces_comparable(expected: Manifest, actual: Manifest) -> bool:
    """Return whether two runs were traced in the same way."""
    if expected.trace is None or actual.trace is None:
        return False
    return _other_way(expected.trace, actual.trace) is None and _unseen(expected) == _unseen(actual)


def _other_way(expected: TraceSetting, actual: TraceSetting) -> str | None:
    """Say in what way two runs were traced differently, or return None."""
    if expected.setting != actual.setting:
        return f"{expected.setting} against {actual.setting}"
    for mine, theirs in zip(expected.strides, actual.strides, strict=False):
        if None not in (mine, theirs) and mine != theirs:
            return f"one step in {mine} against one in {theirs}"
    return None


def _unseen(manifest: Manifest) -> bool:
    """Whether steps of some epoch could not be seen."""
    return any(None in fit.trace for fit in manifest.outcomes.fits)


def step_name(fit: int, epoch: int, step: int) -> str:
    """Return what to call a step; its fit, from 0, is named where it is not the first."""
    return named_step(step, epoch, fit or None)


def have_several_fits(*manifests: Manifest) -> bool:
    """Return whether an epoch or a step of these runs is told from others only with its fit."""
    return any(manifest.has_several_fits for manifest in manifests)


def resumed_at(expected: Manifest, actual: Manifest) -> int | None:
    """Return the first epoch that both runs have, where one begins at a later one.

    Returns:
        The epoch, from 1; None where both begin at the same one, or it is not known where one
        begins.
    """
    begins = [
        manifest.outcomes.fits[0].first_epoch if manifest.outcomes.fits else None
        for manifest in (expected, actual)
    ]
    if begins[0] == begins[1] or begins[0] is None or begins[1] is None:
        return None
    return max(begins[0], begins[1])


def compare_steps(
    expected: Manifest, actual: Manifest, trace: TraceComparison | None, ignored: Sequence[str]
) -> list[_Result]:
    """Compare what every step was made of.

    Args:
        expected: The run compared with.
        actual: The run compared.
        trace: What their traces show, where both were read.
        ignored: Metrics that are not compared.

    Returns:
        One result; none where neither run was traced.
    """
    if expected.trace is None and actual.trace is None:
        return []
    if expected.trace is None or actual.trace is None:
        who = "expected" if expected.trace is None else "actual"
        return [_result("missing", f"in the {who} run")]
    other_way = _other_way(expected.trace, actual.trace)
    if other_way is not None:
        return [_result("not_compared", other_way)]
    if _unseen(expected) != _unseen(actual):
        who = "expected" if _unseen(expected) else "actual"
        return [_result("missing", f"in the {who} run, whose steps could not be seen")]
    mine, theirs = expected.outcomes.digests.trace, actual.outcomes.digests.trace
    if mine is None or theirs is None:
        both = "in both runs" if mine is theirs else ""
        one = "in the expected run" if mine is None else "in the actual run"
        return [_result("missing", both or one)]
    if _extent(expected) == _extent(actual):
        rows = 0 if expected.outcomes.trace is None else expected.outcomes.trace.rows
        return [_result("match", counted(rows, "row")) if rows else _result("missing", NOTHING)]
    if trace is not None:
        several = have_several_fits(expected, actual)
        return [_located(trace, _unexplained(trace, expected, actual), several=several)]
    if resumed_at(expected, actual) is not None:
        return [_result("not_compared", "one run was resumed, and the traces are not both here")]
    if ignored:
        return [_result("not_compared", "not every metric is, and the traces are not both here")]
    return [_by_epoch(expected, actual)]


def _extent(manifest: Manifest) -> tuple[object, ...]:
    """Return all that a manifest says of its trace."""
    outcomes = manifest.outcomes
    chains = tuple(fit.trace for fit in outcomes.fits)
    return outcomes.digests.trace, outcomes.trace, chains


def _located(trace: TraceComparison, lone: Sequence[OrderDifference], *, several: bool) -> _Result:
    """Return what two traces that were read show.

    Args:
        trace: What they show.
        lone: What one run alone has, and need not.
        several: Whether there are several fits, of which a step belongs to one.
    """
    compared = f"{counted(trace.rows, 'row')} of {counted(trace.columns, 'column')}"
    order = f"; {trace.order[0].text}" if trace.order else ""
    first = next((item for item in lone if not item.is_metric), None)
    if first is not None and (trace.step is None or _place(first) < _place(trace.step)):
        return _result("differ", first.text, _lone(first))
    if trace.step is not None:
        fit = trace.step.fit if several else None
        where = named_step(trace.step.step, trace.step.epoch, fit)
        column = trace.step.columns[0]
        text = f"{where}: {column.kind} {column.name}"
        more = len(trace.step.columns) - 1
        text += f" and {more:,} more" if more else ""
        since = f"from {where} on" if trace.step.is_first else f"by {where}"
        if trace.step.stride > 1:
            since += f", of which one step in {trace.step.stride} is traced"
        return _result(
            "differ",
            f"{since}{order}",
            FirstDifference(
                kind="step",
                text=text,
                fit=trace.step.fit,
                epoch=trace.step.epoch,
                step=trace.step.step,
            ),
        )
    apart = next((item for item in trace.distances if item.differing), None)
    if apart is not None:
        where = named_step(apart.step, apart.epoch, apart.fit if several else None)
        return _result(
            "differ",
            f"in samples of the weights after {where}{order}",
            FirstDifference(
                kind="trace",
                text=f"samples of the weights after {where}",
                fit=apart.fit,
                epoch=apart.epoch,
                step=apart.step,
            ),
        )
    return _result("match", f"{compared}{order}") if trace.rows else _result("missing", NOTHING)


def _place(item: StepDifference | OrderDifference | Distance) -> tuple[int, int, int]:
    return item.fit, item.epoch, item.step


def _lone(first: OrderDifference) -> FirstDifference:
    """Return what one run alone has as the first difference."""
    return FirstDifference(
        kind="trace", text=first.text, fit=first.fit, epoch=first.epoch, step=first.step
    )


def _unexplained(
    trace: TraceComparison, expected: Manifest, actual: Manifest
) -> list[OrderDifference]:
    """Return what one run alone has, but for steps before the other was resumed, or ended early."""
    resumed = resumed_at(expected, actual)
    lone = [
        item
        for item in trace.order
        if resumed is None or item.what != "steps" or (item.fit, item.epoch) >= (0, resumed)
    ]
    if len(lone) == 1 and lone[0].what == "steps" and trace.rows:
        shorter = actual if lone[0].only == "expected" else expected
        return lone if shorter.complete else []
    return lone


def _by_epoch(expected: Manifest, actual: Manifest) -> _Result:
    """Return the epoch in which the traces part, by the digests in the manifests."""
    mine, theirs = expected.outcomes.fits, actual.outcomes.fits
    for number, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        first = a.first_epoch or 1
        for epoch, (one, other) in enumerate(zip(a.trace, b.trace, strict=False), start=first):
            if one != other and None not in (one, other):
                fit = number if have_several_fits(expected, actual) else None
                text = f"the steps of {epoch_name(epoch, fit)}"
                return _result(
                    "differ",
                    f"in {text}; the two .trace files tell which step",
                    FirstDifference(kind="trace", text=text, fit=number, epoch=epoch),
                )
    text = "the steps behind the last epoch that both have"
    return _result("differ", text, FirstDifference(kind="trace", text=text))


def _result(
    verdict: Match | Literal["not_compared"], detail: str, difference: FirstDifference | None = None
) -> _Result:
    return FieldVerdict(field=_FIELD, verdict=verdict, detail=detail), difference
