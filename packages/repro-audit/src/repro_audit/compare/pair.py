"""Compare two runs and reach a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from repro_audit.compare.comparison import Comparison, FieldVerdict, FirstDifference, Verdict
from repro_audit.compare.conditions import condition_differences
from repro_audit.compare.groups import outcome_digest, unrecorded_of_fits
from repro_audit.compare.history import all_close, metric_differences
from repro_audit.compare.joining import with_joined_fits
from repro_audit.compare.outcomes import compare_outcomes
from repro_audit.compare.seen import Seen, see
from repro_audit.compare.steps import (
    compare_steps,
    have_several_fits,
    resumed_at,
    traces_comparable,
)
from repro_audit.compare.trace_comparison import TraceComparison
from repro_audit.manifest import Manifest
from repro_audit.manifest.records import Evidence
from repro_audit.wording import step_name

if TYPE_CHECKING:
    from repro_audit.compare.causes import Diagnosis
    from repro_audit.trace import Trace

__all__ = ["EVIDENCE", "compare", "lacking_evidence"]

_CALLS = ("steps", "sequence")
"""Outcomes that say what was called, and not what it has come to."""

EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)
"""Strengths of evidence, the weakest first."""


def lacking_evidence(evidence: Evidence, require: str) -> str:
    """Say that there is less evidence than is required, and what accepts it.

    >>> lacking_evidence("history", "weights")
    'the evidence is history, and weights is required: --require history accepts it'
    """
    accepted = "" if evidence == "none" else f": --require {evidence} accepts it"
    return f"the evidence is {evidence}, and {require} is required{accepted}"


def compare(
    expected: Manifest,
    actual: Manifest,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    ignore_metrics: Sequence[str] = (),
    require: str = "weights",
    accept_partial: bool = False,
    positions: tuple[int, int] = (0, 1),
    traces: tuple[Trace | None, Trace | None] = (None, None),
) -> Comparison:
    """Compare two runs: is every outcome the same, where is the first difference, and why.

    Args:
        expected: The run compared with; `rtol` scales its values.
        actual: The run compared.
        rtol: Relative tolerance of history values. With `rtol` or `atol` given, a run whose
            bits differ can be ``close``.
        atol: Absolute tolerance of history values, in the metric's own unit.
        ignore_metrics: Metrics, such as timers, that are not compared.
        require: The least evidence on which ``identical`` and ``close`` may rest.
        accept_partial: Whether they may rest on the part of the training that was followed, where
            something was trained that was not.
        positions: Where the two stand among the runs given.
        traces: Their traces, as `repro_audit.trace.find_trace` finds them. They are checked
            against the manifests, and read where those differ.

    Returns:
        The verdict and the evidence it rests on, the first difference, and what may explain it, the
        best explanation first.

    Raises:
        TraceError: A trace is damaged, or not its manifest's.
    """
    obstacle = _obstacle(expected, actual)
    seen = Seen(expected, actual) if obstacle else see(expected, actual)
    ignored = tuple(ignore_metrics)
    evidence = _evidence(expected, actual, lost=seen.needs_traces and None in traces)
    trace = _read_traces(expected, actual, traces, seen, ignored)
    if trace is None:
        seen = seen.without_steps()
    mine, theirs = seen.expected, seen.actual
    fields: tuple[FieldVerdict, ...] = ()
    first: FirstDifference | None = None
    if obstacle is None:
        fields, first = compare_outcomes(mine, theirs, ignored, trace)
    elif trace is not None:
        # What a killed run left can still tell where it diverged.
        ((field, first),) = compare_steps(expected, actual, trace, ignored)
        fields = (field,)
    first = _with_cell(first, mine, theirs)
    enough = EVIDENCE.index(evidence) >= EVIDENCE.index(require)
    below = lacking_evidence(evidence, require)
    tolerant = rtol is not None or atol is not None
    verdict: Verdict
    if obstacle is not None:
        verdict, reason = "inconclusive", obstacle
    elif first is None and not enough:
        verdict, reason = "inconclusive", f"nothing differs, but {below}"
    elif first is None:
        verdict, reason = _agreement(seen, fields, evidence, ignored, accept_partial=accept_partial)
    elif tolerant and all_close(mine, theirs, ignored, rtol or 0.0, atol or 0.0):
        verdict, reason = (
            ("close", f"bits differ; every history value lies within {_tolerance(rtol, atol)}")
            if enough
            else ("inconclusive", f"every value is close, but {below}")
        )
    else:
        while_others = _while_metrics_agree(mine, theirs, first, trace, ignored)
        at = "at" if first.kind == "step" else "in"
        verdict, reason = "divergent", f"first difference {at} {first.text}{while_others}"
    differences = (
        condition_differences(mine, theirs) if obstacle is None or first is not None else ()
    )
    comparable = obstacle is None and resumed_at(expected, actual) is None
    diagnosis: Diagnosis | None = None
    if first is not None:
        from repro_audit.compare.causes import diagnose  # most audits need none

        diagnosis = diagnose(mine, theirs, differences, first, trace)
    return Comparison(
        expected=positions[0],
        actual=positions[1],
        verdict=verdict,
        reason=reason,
        evidence=evidence,
        fields=fields,
        first_difference=first,
        metrics=metric_differences(mine, theirs, ignored) if comparable else (),
        ignored_metrics=ignored,
        causes=diagnosis.causes if diagnosis else (),
        differences=differences,
        trace=trace,
        excluded=diagnosis.excluded if diagnosis else (),
        later=diagnosis.later if diagnosis else (),
        set_aside=seen.said,
    )


def _evidence(expected: Manifest, actual: Manifest, *, lost: bool) -> Evidence:
    """Return the strongest evidence that both runs hold, where their traces may be lost to it."""
    evidence = min(expected.evidence, actual.evidence, key=EVIDENCE.index)
    if evidence == "trace" and (lost or not traces_comparable(expected, actual)):
        return "weights"
    return evidence


def _agreement(
    seen: Seen,
    fields: Sequence[FieldVerdict],
    evidence: Evidence,
    ignored: Sequence[str],
    *,
    accept_partial: bool,
) -> tuple[Verdict, str]:
    """Return the verdict on two runs between which no difference was found."""
    verdict: Verdict = "identical"
    reason = "every compared outcome has the same bits"
    if all(field.verdict != "match" or field.field in _CALLS for field in fields):
        return "inconclusive", "nothing differs, and there was nothing to compare"
    if evidence != "history":
        verdict, reason = _without_difference(seen, fields, ignored)
    if seen.said and verdict == "identical":
        reason = f"{reason}; {'; '.join(seen.said)}"
    return _of_the_whole(seen, verdict, reason, accept_partial=accept_partial)


def _read_traces(
    expected: Manifest,
    actual: Manifest,
    traces: tuple[Trace | None, Trace | None],
    seen: Seen,
    ignored: Sequence[str],
) -> TraceComparison | None:
    """Check the traces against their manifests; compare them where those differ."""
    mine, theirs = traces
    same = expected.outcomes.digests.trace == actual.outcomes.digests.trace
    ended = expected.status != "running" and actual.status != "running"
    if mine is None or theirs is None or (same and ended) or not _comparable(expected, actual):
        for trace in traces:
            if trace is not None:
                trace.verify()
        return None
    from repro_audit.compare.traces import compare_traces  # NumPy, where it is needed

    parts = mine.parts(), theirs.parts()
    if seen.places is not None:
        parts = (
            with_joined_fits(seen.places[0], parts[0]),
            with_joined_fits(seen.places[1], parts[1]),
        )
    return compare_traces(
        *parts,
        labels=expected.information.labels,
        ignored=ignored,
        several_fits=have_several_fits(seen.expected, seen.actual),
    )


def _comparable(expected: Manifest, actual: Manifest) -> bool:
    """Whether the traces of two runs say something about each other."""
    ordinary = expected.intervention is None and actual.intervention is None
    alike = bool(expected.outcomes.fits) == bool(actual.outcomes.fits)
    apart = alike and expected.run_id != actual.run_id
    return ordinary and apart and traces_comparable(expected, actual)


def _without_difference(
    seen: Seen, fields: Sequence[FieldVerdict], ignored: Sequence[str]
) -> tuple[Verdict, str]:
    """Return the verdict on two runs of which nothing that both hold differs."""
    expected, actual = seen.expected, seen.actual
    # What is set aside is in the traces, which were compared step by step.
    traced = not seen.needs_traces and traces_comparable(expected, actual)
    without = unrecorded_of_fits((expected, actual))
    if outcome_digest(expected, ignored, without, traced=traced) == outcome_digest(
        actual, ignored, without, traced=traced
    ):
        return "identical", "every compared outcome has the same bits"
    resumed = resumed_at(expected, actual)
    if resumed is not None:
        text = f"nothing differs from epoch {resumed} on, and one run has nothing before it"
        return "inconclusive", text
    lacking = [f"{field.field} {field.detail}" for field in fields if field.verdict == "missing"]
    if lacking:
        return "inconclusive", f"nothing differs, but evidence is missing: {'; '.join(lacking)}"
    return "inconclusive", "nothing differs but the digests: one manifest contradicts itself"


def _of_the_whole(
    seen: Seen, verdict: Verdict, reason: str, *, accept_partial: bool
) -> tuple[Verdict, str]:
    """Return a verdict on agreement that does not rest on a part of the training alone."""
    unfollowed = seen.expected.unfollowed or seen.actual.unfollowed
    if unfollowed is None or verdict != "identical":
        return verdict, reason
    said = f"not all training was recorded; {unfollowed}"
    if accept_partial:
        return verdict, f"{reason}; {said}"
    return "inconclusive", f"nothing that was recorded differs, but {said}"


def _with_cell(
    first: FirstDifference | None, expected: Manifest, actual: Manifest
) -> FirstDifference | None:
    """Return where runs diverge with the cell of the notebook in whose fit that is."""
    if first is None or first.fit is None:
        return first
    cells = {_cell_of(manifest, first.fit) for manifest in (expected, actual)} - {None}
    if len(cells) != 1:
        return first
    place, colon, rest = first.text.partition(":")
    return first._replace(text=f"{place}, in cell {cells.pop()}{colon}{rest}")


def _cell_of(manifest: Manifest, fit: int) -> int | None:
    cells = manifest.information.fit_cells or ()
    return cells[fit] if fit < len(cells) else None


def _obstacle(expected: Manifest, actual: Manifest) -> str | None:
    """Say why two runs cannot be compared, or return None."""
    if expected.run_id == actual.run_id:
        return "one run is given twice: both have the run id " + expected.run_id
    if _is_copy(expected, actual):
        return (
            "one run is given twice: both, and each of their epochs, took equally long to the "
            "millisecond, and the same memory"
        )
    one, other = expected.rank, actual.rank
    if one is not None and other is not None and one.number != other.number:
        whose = "of one run" if one.group == other.group else "of two runs"
        return (
            f"they are ranks {one.number} and {other.number} {whose}, which is no repetition: "
            "compare the same rank of two runs"
        )
    for name, manifest in (("expected", expected), ("actual", actual)):
        if manifest.intervention is not None:
            return f"the {name} run is no ordinary one: {manifest.intervention}"
        if not manifest.complete:
            return f"the {name} run is not complete: its status is {manifest.status}"
        if manifest.evidence == "none":
            return f"the {name} run holds no outcome: no training was recorded"
    for name, manifest, opposite in (("expected", expected, actual), ("actual", actual, expected)):
        if not manifest.outcomes.fits and opposite.outcomes.fits:
            return (
                f"the {name} run only evaluates, and the other one trains: compare it with another "
                "that only evaluates"
            )
    return None


def _is_copy(expected: Manifest, actual: Manifest) -> bool:
    """Whether two runs share what no two have in common: each time, and the memory, they took."""
    taken = [
        (item.duration_s, item.epoch_durations_s, item.peak_memory_bytes)
        for item in (expected.information, actual.information)
    ]
    return taken[0] == taken[1] and None not in taken[0] and taken[0][1] != ()


def _while_metrics_agree(
    expected: Manifest,
    actual: Manifest,
    first: FirstDifference,
    trace: TraceComparison | None,
    ignored: Sequence[str],
) -> str:
    """Say which metrics agree where the runs diverge: what hides it."""
    if first.kind == "step" and trace is not None and trace.step is not None:
        if "loss" not in trace.step.equal:
            return ""
        later = [item for item in trace.partings if item.column.kind == "loss"]
        if not later:
            return ", while the running loss is identical throughout"
        fit = later[0].fit if have_several_fits(expected, actual) else None
        until = step_name(later[0].step, later[0].epoch, fit)
        until += "" if trace.step.stride == 1 else ", where steps are traced"
        return f", while {later[0].column.name} is identical until {until}"
    if first.kind not in {"epoch weights", "trace"} or first.fit is None or first.epoch is None:
        return ""
    if first.fit >= min(len(expected.outcomes.fits), len(actual.outcomes.fits)):
        return ""  # one run alone has it
    mine = expected.outcomes.fits[first.fit].history
    theirs = actual.outcomes.fits[first.fit].history
    names = [
        name
        for name, values in mine.items()
        if name not in ignored
        and not name.startswith("val_")
        and len(values) >= first.epoch
        and values[: first.epoch] == theirs.get(name, ())[: first.epoch]
    ]
    names.sort(key=lambda name: (name != "loss", name))
    agreeing = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    verb = "is" if len(names) == 1 else "are"
    return f", while {agreeing} {verb} still identical" if agreeing else ""


def _tolerance(rtol: float | None, atol: float | None) -> str:
    parts = [
        f"{name} {value:g}" for name, value in (("rtol", rtol), ("atol", atol)) if value is not None
    ]
    return " and ".join(parts)
