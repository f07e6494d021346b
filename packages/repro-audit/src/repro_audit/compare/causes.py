"""Rank what may explain the first difference: certain, likely or possible; and what cannot.

A condition that differs is a cause only if it can act where the runs diverge. ``certain`` is kept
for what must change the run there: other drawn seeds where the initial weights differ, other
content of the training data where the batches do. What can do so, and does nothing else, is
``likely``; what may be a coincidence is ``possible``. What acts only behind the first difference is
listed apart, and what the evidence speaks against is excluded, each with the reason.

Where no condition that differs explains what the steps show, they speak for themselves: see
`repro_audit.compare.testimony`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, get_args

from repro_audit.compare.cause_case import Case
from repro_audit.compare.cause_judging import Judgement, judge
from repro_audit.compare.cause_sorting import sort_by_kind
from repro_audit.compare.cause_titles import extra_draws, title_of
from repro_audit.compare.comparison import (
    Cause,
    Certainty,
    ConditionDifference,
    Excluded,
    FirstDifference,
    Group,
    LaterCause,
)
from repro_audit.compare.condition_names import condition_name
from repro_audit.compare.kinds import Kind, Strength, kind_named
from repro_audit.compare.remedies import REMEDIES, seed_before_data
from repro_audit.compare.resuming import Lost, what_was_lost
from repro_audit.compare.symptom import read_symptom
from repro_audit.compare.testimony import Testimony, testify
from repro_audit.compare.timing import by_time
from repro_audit.compare.trace_comparison import TraceComparison
from repro_audit.manifest import Manifest
from repro_audit.wording import listed

__all__ = ["GROUPS", "Diagnosis", "diagnose"]

GROUPS: tuple[Group, ...] = get_args(Group)
_CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)
_STRENGTHS: tuple[Strength, ...] = get_args(Strength)
_BEGINS_LATER = "it acts only in a fit that begins after the runs diverge"
_TOLD_RANK = 5
"""Before what rounds, behind what is known to decide the stage at which the runs diverge."""

_LOST_RANK = 9
"""Before whatever else may explain the same: it is what becomes of an interruption."""

_DRAWN = "a run that is resumed draws others before it restores what it saved"
_OF_RESUMING = {
    "drawn_seeds": _DRAWN,
    "generator_state": _DRAWN,
    "read_files": "one run alone was resumed, from files that it read",
}
"""Kinds that differ wherever a run was resumed, and why."""

_OF_CODE = frozenset(
    {"callbacks", "compile", "data", "generators", "model_code", "pipeline", "sample_order"}
    | {"test_data"}
)
"""Kinds that code of the program's own decides."""

_Ranked = tuple[Judgement, Cause]


class Diagnosis(NamedTuple):
    """What may explain the first difference.

    Attributes:
        causes: What may, the best first.
        later: What differs and acts only behind it.
        excluded: What differs and cannot have acted.
    """

    causes: tuple[Cause, ...]
    later: tuple[LaterCause, ...]
    excluded: tuple[Excluded, ...]


def diagnose(
    expected: Manifest,
    actual: Manifest,
    differences: Sequence[ConditionDifference],
    first: FirstDifference,
    trace: TraceComparison | None,
) -> Diagnosis:
    """Return what may explain the first difference, what acts later, and what cannot.

    Args:
        expected: The run compared with.
        actual: The run compared.
        differences: Conditions that differ.
        first: Where the runs diverge.
        trace: What their traces show, where both were read.
    """
    symptom = read_symptom(expected, actual, first, trace)
    known = [item for item in differences if not item.is_gap]
    kinds, of_later_fits = by_time(expected, actual, sort_by_kind(expected, actual, known), first)
    told = testify(expected, actual, first, trace, symptom)
    case = Case(expected, actual, symptom, kinds, "" if told is None else told.kind)
    judged = {kind: _of_resumed(case, kind, judge(case, kind)) for kind in case.kinds}
    found = [
        (judgement, _cause(case, kind, judgement.certainty, judgement.reason, told))
        for kind, judgement in judged.items()
        if judgement.certainty is not None
    ]
    lost = what_was_lost(expected, actual, first, trace, symptom)
    found += [*map(_lost, lost), *_unrecorded(case)]
    if (
        told is not None
        and not lost
        and not any(_explains(judged.get(kind)) for kind in case.kinds)
    ):
        found.append(_told(case, told))
    found.sort(
        key=lambda item: (
            _CERTAINTIES.index(item[1].certainty),
            -item[0].rank,
            GROUPS.index(item[1].group),
        )
    )
    later = [
        _later(case, kind, case.kinds[kind], judgement.reason)
        for kind, judgement in judged.items()
        if judgement.is_later
    ]
    later += [_later(case, kind, items, _BEGINS_LATER) for kind, items in of_later_fits.items()]
    later.sort(key=lambda item: _STRENGTHS.index(kind_named(item.kind).strength))
    excluded = [
        Excluded(kind=kind.name, title=_title(case, kind), reason=judgement.reason)
        for kind, judgement in judged.items()
        if judgement.certainty is None and not judgement.is_later
    ]
    return Diagnosis(tuple(cause for _, cause in found), tuple(later), tuple(excluded))


def _of_resumed(case: Case, kind: Kind, judgement: Judgement) -> Judgement:
    """Return a judgement as far as it holds of a run that was resumed."""
    reason = _OF_RESUMING.get(kind.name)
    if case.symptom.resumed_at is None or reason is None or judgement.certainty is None:
        return judgement
    if kind.name == "read_files" and not case.is_of_one_run(kind):
        return judgement
    return Judgement("possible", reason)


def _explains(judgement: Judgement | None) -> bool:
    """Whether a condition accounts for what the steps show."""
    return judgement is not None and judgement.is_direct and judgement.certainty is not None


def _remedy(case: Case, kind: Kind, differences: Sequence[ConditionDifference]) -> str:
    if case.made_data_by_chance(kind):
        return seed_before_data(case.expected)
    return REMEDIES[kind.name](case.expected, differences)


def _title(case: Case, kind: Kind) -> str:
    return title_of(kind, case.kinds[kind], case.expected, case.actual)


def _cause(case: Case, kind: Kind, certainty: Certainty, why: str, told: Testimony | None) -> Cause:
    differences = case.kinds[kind]
    title, reason = _title(case, kind), kind.reason
    if kind.name == "drawn_seeds":
        title, reason = extra_draws(case.expected, case.actual) or (title, reason)
    if case.made_data_by_chance(kind):
        reason += "; as far as was seen, the same program made it of the same: it may draw before "
        reason += "a seed is set, or from a generator that has none"
    if why:
        reason += f"; {why}"
    if told is not None and certainty != "possible" and case.strength(kind) != "bits":
        reason += f"; {told.seen}"
    if kind.name in {"read_files", "read_variables"}:
        reason += _through(case)
    elif certainty != "possible" and kind.name in _OF_CODE:
        reason += _code_that_differs(case)
    alone = len(case.kinds) == 1 and case.symptom.resumed_at is None and not _unrecorded(case)
    if case.symptom.where != "start" and alone and not case.is_random_in_both(kind):
        reason += "; no other recorded condition that could do so differs"
    return Cause(
        kind=kind.name,
        group=kind.group,
        title=title,
        certainty=certainty,
        reason=reason,
        remedy=_remedy(case, kind, differences),
        paths=tuple(item.path for item in differences),
    )


def _through(case: Case) -> str:
    """Say what may differ only because of what was read."""
    names = [
        _title(case, kind)
        for kind in case.kinds
        if case.strength(kind) in {"seeds", "inputs"} and not kind.name.startswith("read_")
    ]
    return f"; this may follow from it: {'; '.join(names[:3])}" if names else ""


def _code_that_differs(case: Case) -> str:
    """Say which files of the program differ, where it may lie in them."""
    items = [
        item
        for kind, differing in case.kinds.items()
        if kind.name == "code"
        for item in differing
        if kind.is_effective([item.path])
    ]
    names = dict.fromkeys(condition_name(item.path, case.expected, case.actual) for item in items)
    return f"; of the code {listed(names, 3)} differs" if names else ""


def _told(case: Case, told: Testimony) -> _Ranked:
    """Return what the steps tell as a cause of its own."""
    none = "; no recorded condition that could do so differs" if not case.kinds else ""
    cause = Cause(
        kind=told.kind,
        group=told.group,
        title=told.title,
        certainty="likely",
        reason=told.reason + none + _code_that_differs(case),
        remedy=told.remedy,
        paths=told.paths,
    )
    return Judgement("likely", rank=_TOLD_RANK), cause


def _later(case: Case, kind: Kind, items: Sequence[ConditionDifference], reason: str) -> LaterCause:
    return LaterCause(
        kind=kind.name,
        title=title_of(kind, items, case.expected, case.actual),
        reason=reason,
        remedy=_remedy(case, kind, items),
    )


def _lost(lost: Lost) -> _Ranked:
    """Return what a resumed run lost as a cause."""
    cause = Cause(
        kind=lost.kind,
        group="training",
        title=lost.title,
        certainty=lost.certainty,
        reason=lost.reason,
        remedy=lost.remedy,
        paths=lost.paths,
    )
    return Judgement(lost.certainty, rank=_LOST_RANK), cause


def _unrecorded(case: Case) -> list[_Ranked]:
    """Return what was not recorded as a cause, where what differs points there."""
    lacking = case.lacks_data()
    kind = kind_named("unrecorded_data")
    certainty: Certainty = "possible"
    where = case.symptom.where
    if case.symptom.batches_unknown and where in {"loss", "update", "between"}:
        title, path = "batches: not recorded", "$.outcomes.digests.trace"
        reason = "what differs may follow from what the steps were given, which a trace lacks"
        remedy = "run.step(model, batch, loss)  # in the loop, as each step ends"
        certainty = "possible" if case.decides("update") or case.decides("loss") else "likely"
    elif case.symptom.where == "batch" and lacking:
        title, path = kind.title, "$.conditions.data"
        who = (
            "neither run recorded" if len(lacking) == 2 else f"the {lacking[0]} run did not record"
        )
        reason, remedy = f"{kind.reason}: {who} them", REMEDIES[kind.name](case.expected, ())
    else:
        return []
    cause = Cause(
        kind=kind.name,
        group=kind.group,
        title=title,
        certainty=certainty,
        reason=reason,
        remedy=remedy,
        paths=(path,),
    )
    # Before what merely differs; what is known to act on batches comes before it.
    return [(Judgement(certainty, rank=9), cause)]
