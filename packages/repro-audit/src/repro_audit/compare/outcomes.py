"""Compare what came out, in the order in which a run makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from repro_audit.compare.comparison import FieldVerdict, FirstDifference, Outcome, TensorDifference
from repro_audit.compare.history import metric_differences, with_earlier_epochs
from repro_audit.compare.steps import NOTHING, compare_steps, have_several_fits, resumed_at
from repro_audit.compare.trace_comparison import TraceComparison
from repro_audit.manifest import Manifest
from repro_audit.manifest.records import Evaluation, FitOutcome, Tensor
from repro_audit.wording import counted, epoch_name

__all__ = ["compare_outcomes"]

_Result = tuple[FieldVerdict, FirstDifference | None]


def compare_outcomes(
    expected: Manifest,
    actual: Manifest,
    ignored: Sequence[str],
    trace: TraceComparison | None = None,
) -> tuple[tuple[FieldVerdict, ...], FirstDifference | None]:
    """Return the verdict on each kind of outcome, and where the runs diverge first.

    Args:
        expected: The run compared with.
        actual: The run compared.
        ignored: Metrics that are not compared.
        trace: What their traces show, where both were read.

    Returns:
        The verdicts, and the earliest difference; None for that where nothing differs.
    """
    if resumed_at(expected, actual) is None:
        results = [
            _tensors("initial weights", expected, actual),
            *compare_steps(expected, actual, trace, ignored),
            _epochs(expected, actual),
            _steps(expected, actual),
            _sequence(expected, actual),
            *_metrics(expected, actual, ignored),
            _tensors("final state", expected, actual),
        ]
    else:
        both = with_earlier_epochs(expected, actual)
        results = [
            *compare_steps(expected, actual, trace, ignored),
            _epochs(expected, actual),
            _sequence(*both),
            *_metrics(*both, ignored),
            _tensors("final state", expected, actual),
        ]
    differences = [difference for _, difference in results if difference is not None]
    first = min(differences, key=_when) if differences else None
    final = results[-1][1]
    if first is not None and final is not None and _is_final(first, expected, actual, trace):
        first = first._replace(tensors=final.tensors)
    return tuple(field for field, _ in results), first


def _when(difference: FirstDifference) -> tuple[int, int, int]:
    """Return when in a run a difference is made; what has no time of its own comes last."""
    if difference.kind == "initial weights":
        return -1, 0, 0
    if difference.fit is None or difference.kind not in {"step", "trace", "epoch weights"}:
        return 2**32, 0, 0
    return difference.fit, difference.epoch or 0, difference.kind == "epoch weights"


def _is_final(
    difference: FirstDifference,
    expected: Manifest,
    actual: Manifest,
    trace: TraceComparison | None,
) -> bool:
    """Whether two runs agree in every step, and differ in the state that all training ends with.

    A callback may change that behind the last step, of which no row of a trace tells.
    """
    if trace is None:
        mine, theirs = expected.outcomes.digests.trace, actual.outcomes.digests.trace
        agree = mine is not None and mine == theirs
    else:
        apart = [item.differing > 0 for item in trace.distances]
        agree = trace.step is None and not trace.order and not any(apart[:-1])
    fits = expected.outcomes.fits
    if not agree or not fits or difference.kind not in {"trace", "epoch weights"}:
        return False
    last = (fits[-1].first_epoch or 1) + len(fits[-1].epochs) - 1
    return (difference.fit, difference.epoch) == (len(fits) - 1, last)


def _tensors(
    kind: Literal["initial weights", "final state"], expected: Manifest, actual: Manifest
) -> _Result:
    """Compare the tensors of all models at the beginning or at the end."""
    name = kind.replace(" ", "_")
    first: tuple[tuple[Tensor, ...] | None, ...] = getattr(expected.outcomes, name)
    second: tuple[tuple[Tensor, ...] | None, ...] = getattr(actual.outcomes, name)
    if not first or not second or None in first or None in second:
        return FieldVerdict(field=kind, verdict="missing", detail=_who(first, second)), None
    if first == second:
        count = sum(len(model or ()) for model in first)
        if not count:
            return FieldVerdict(field=kind, verdict="missing", detail=NOTHING), None
        return FieldVerdict(field=kind, verdict="match", detail=f"{count} tensors"), None
    if len(first) != len(second):
        text = f"{len(first)} models against {len(second)}"
        return _differ(kind, text, FirstDifference(kind=kind, text=text))
    tensors = tuple(_differing(expected, first, second))
    total = sum(max(len(a or ()), len(b or ())) for a, b in zip(first, second, strict=True))
    text = f"{len(tensors)} of {total} tensors"
    where = f"{kind}: {text}, first {_tensor_name(tensors[0])}"
    return _differ(kind, text, FirstDifference(kind=kind, text=where, tensors=tensors))


def _differing(
    manifest: Manifest,
    first: Sequence[tuple[Tensor, ...] | None],
    second: Sequence[tuple[Tensor, ...] | None],
) -> Iterator[TensorDifference]:
    """Yield the tensors that differ, or that only one run has."""
    labels = manifest.information.labels
    for model, pair_of_models in enumerate(zip(first, second, strict=True)):
        mine, theirs = (tensors or () for tensors in pair_of_models)
        for position in range(max(len(mine), len(theirs))):
            pair = mine[position : position + 1], theirs[position : position + 1]
            if pair[0] != pair[1]:
                known = (pair[0] or pair[1])[0]
                named = model < len(labels) and position < len(labels[model])
                yield TensorDifference(
                    model=model,
                    position=position,
                    layer=known.layer,
                    role=known.role,
                    label=labels[model][position] if named else "",
                )


def _tensor_name(tensor: TensorDifference) -> str:
    return tensor.label or f"{tensor.layer} {tensor.role} at {tensor.position}"


def _epochs(expected: Manifest, actual: Manifest) -> _Result:
    """Compare the state after each epoch of each fit."""
    kind: Outcome = "epoch weights"
    mine, theirs = expected.outcomes.fits, actual.outcomes.fits
    total = sum(len(fit.epochs) for fit in mine)
    if not mine and not theirs:
        return FieldVerdict(field=kind, verdict="missing", detail=NOTHING), None
    several = have_several_fits(expected, actual)
    one_lacks_them = any(not fit.epochs or None in fit.epochs for fit in (*mine, *theirs))
    if not mine or not theirs or one_lacks_them:
        known = (
            [digest for fit in fits for digest in fit.epochs if digest] for fits in (mine, theirs)
        )
        return FieldVerdict(field=kind, verdict="missing", detail=_who(*known)), None
    for number, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        # A resumed run begins at a later epoch.
        begins = max(a.first_epoch or 1, b.first_epoch or 1)
        own, others = (fit.epochs[begins - (fit.first_epoch or 1) :] for fit in (a, b))
        for epoch, (one, other) in enumerate(zip(own, others, strict=False), start=begins):
            if one != other:
                where = epoch_name(epoch, number if several else None)
                return _differ(
                    kind,
                    f"from {where} on",
                    FirstDifference(
                        kind=kind,
                        text=f"weights after {where}",
                        fit=number,
                        epoch=epoch,
                    ),
                )
        if len(own) != len(others):
            of_fit = f" in fit {number + 1}" if several else ""
            text = f"{len(own)} epochs against {len(others)}{of_fit}, equal as far as both go"
            epoch = begins + min(len(own), len(others))
            return _differ(
                kind, text, FirstDifference(kind=kind, text=text, fit=number, epoch=epoch)
            )
    if len(mine) != len(theirs):
        text = f"{len(mine)} fits against {len(theirs)}, equal as far as both go"
        return _differ(kind, text, FirstDifference(kind=kind, text=text))
    resumed = resumed_at(expected, actual)
    since = "" if resumed is None else f", from epoch {resumed} on"
    compared = min(total, sum(len(fit.epochs) for fit in theirs))
    detail = counted(compared, "epoch") + since
    return FieldVerdict(field=kind, verdict="match", detail=detail), None


def _steps(expected: Manifest, actual: Manifest) -> _Result:
    """Compare how many steps each fit took."""
    mine = [fit.steps for fit in expected.outcomes.fits]
    theirs = [fit.steps for fit in actual.outcomes.fits]
    if None in (*mine, *theirs) or bool(mine) != bool(theirs):
        known = ([steps for steps in fits if steps is not None] for fits in (mine, theirs))
        return FieldVerdict(field="steps", verdict="missing", detail=_who(*known)), None
    if not expected.steps and not actual.steps:
        return FieldVerdict(field="steps", verdict="missing", detail=NOTHING), None
    if mine == theirs:
        return FieldVerdict(field="steps", verdict="match", detail=f"{expected.steps:,}"), None
    text = f"{expected.steps:,} steps against {actual.steps:,}"
    return _differ("steps", text, FirstDifference(kind="steps", text=text))


def _sequence(expected: Manifest, actual: Manifest) -> _Result:
    """Compare which model was trained and evaluated when."""
    orders = []
    for manifest in (expected, actual):
        fits = [(fit.model, fit.ended is False) for fit in manifest.outcomes.fits]
        evaluations = [(item.model, item.after_fits) for item in manifest.outcomes.evaluations]
        orders.append((fits, evaluations))
    if orders[0] == orders[1]:
        fits, evaluations = orders[0]
        text = f"{counted(len(fits), 'fit')}, {counted(len(evaluations), 'evaluation')}"
        return FieldVerdict(field="sequence", verdict="match", detail=text), None
    if any(model is None for order in orders for model, _ in order[0]):
        return FieldVerdict(field="sequence", verdict="missing", detail="in a history"), None
    text = "models were fitted or evaluated in another order, or another number of times"
    if [model for model, _ in orders[0][0]] == [model for model, _ in orders[1][0]]:
        text = "a fit came to its own end in one run, and not in the other"
    return _differ("sequence", text, FirstDifference(kind="sequence", text=text))


def _metrics(expected: Manifest, actual: Manifest, ignored: Sequence[str]) -> list[_Result]:
    """Compare histories and evaluations, metric by metric."""
    results: list[_Result] = []
    differences = metric_differences(expected, actual, ignored)
    kind: Literal["history", "evaluation"]
    for kind, mine, theirs in (
        ("history", expected.outcomes.fits, actual.outcomes.fits),
        ("evaluation", expected.outcomes.evaluations, actual.outcomes.evaluations),
    ):
        if not mine and not theirs:
            continue
        if not mine or not theirs:
            results.append(
                (FieldVerdict(field=kind, verdict="missing", detail=_who(mine, theirs)), None)
            )
            continue
        of_kind = [item for item in differences if (item.fit is None) == (kind == "evaluation")]
        names = set(_with_values(mine)) - set(ignored)
        if not of_kind:
            verdict: Literal["match", "missing"] = "match" if names else "missing"
            detail = ", ".join(sorted(names)) or NOTHING
            results.append((FieldVerdict(field=kind, verdict=verdict, detail=detail), None))
            continue
        of_kind.sort(key=lambda item: (item.fit or item.evaluation or 0, item.first_epoch or 0))
        first = of_kind[0]
        fit = first.fit if have_several_fits(expected, actual) else None
        where = f" in {epoch_name(first.first_epoch, fit)}" if first.first_epoch else ""
        which = f" {(first.evaluation or 0) + 1}" if kind == "evaluation" and len(mine) > 1 else ""
        different = sorted({item.metric for item in of_kind})
        equal = sorted(names - {item.metric for item in of_kind})
        detail = ", ".join(different) + (f"; equal: {', '.join(equal)}" if equal else "")
        results.append(
            _differ(
                kind,
                detail,
                FirstDifference(
                    kind=kind,
                    text=f"{kind}{which}: {first.metric}{where}",
                    fit=first.fit,
                    epoch=first.first_epoch,
                ),
            )
        )
    return results


def _with_values(items: Sequence[FitOutcome | Evaluation]) -> Iterator[str]:
    """Yield the names of the metrics that have a value."""
    for item in items:
        if isinstance(item, FitOutcome):
            yield from (name for name, values in item.history.items() if values)
        else:
            yield from item.results


def _differ(kind: Outcome, detail: str, difference: FirstDifference) -> _Result:
    return FieldVerdict(field=kind, verdict="differ", detail=detail), difference


def _who(expected: object, actual: object) -> str:
    """Say which run lacks the evidence."""
    if not expected and not actual:
        return "in both runs"
    return (
        "in the expected run" if not expected else "in the actual run" if not actual else "in part"
    )
