"""What both of two runs report: metrics and evaluations that one run alone has are set aside.

A metric changes no weight. Where it is all that tells two runs apart, they are the same training,
reported otherwise: it is named, and what both have is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from repro_audit.compare.trace_comparison import Side
from repro_audit.manifest import Manifest
from repro_audit.manifest.records import Evaluation
from repro_audit.wording import counted

__all__ = ["Common", "what_both_report"]


class Common(NamedTuple):
    """Two runs without what one of them alone reports.

    Attributes:
        expected: The run compared with.
        actual: The run compared.
        only: What one run alone reports, each in a sentence.
    """

    expected: Manifest
    actual: Manifest
    only: tuple[str, ...]


def what_both_report(expected: Manifest, actual: Manifest) -> Common:
    """Return two runs without the metrics and evaluations that one of them alone has.

    Args:
        expected: The run compared with.
        actual: The run compared.
    """
    sides: tuple[tuple[Side, Manifest, Manifest], ...] = (
        ("expected", expected, actual),
        ("actual", actual, expected),
    )
    only: list[str] = []
    kept = []
    for name, manifest, other in sides:
        evaluations, lone = _paired(manifest, other)
        histories = _without(_of_fits(manifest), _of_fits(other))
        results = _without(
            _of_evaluations(evaluations), _of_evaluations(_paired(other, manifest)[0])
        )
        only += [f"{metric} is in the {name} run only" for metric in histories]
        only += [f"evaluation {metric} is in the {name} run only" for metric in results]
        only += [f"an evaluation {_when(item)} is in the {name} run only" for item in lone]
        fits = (
            fit._replace(history=_drop(fit.history, histories)) for fit in manifest.outcomes.fits
        )
        reported = (item._replace(results=_drop(item.results, results)) for item in evaluations)
        outcomes = manifest.outcomes._replace(fits=tuple(fits), evaluations=tuple(reported))
        kept.append(manifest._replace(outcomes=outcomes))
    if only:  # of both or of neither
        kept = [_without_history_digest(item) for item in kept]
    return Common(kept[0], kept[1], tuple(only))


def _without_history_digest(manifest: Manifest) -> Manifest:
    """Return a run without the digest over all that it reports."""
    digests = manifest.outcomes.digests._replace(history=None)
    return manifest._replace(outcomes=manifest.outcomes._replace(digests=digests))


def _when(evaluation: Evaluation) -> str:
    """Say when something was evaluated; below 0 the number is of an epoch within joined fits."""
    after = evaluation.after_fits
    return f"after {counted(after, 'fit')}" if after >= 0 else f"after {counted(-after, 'epoch')}"


def _of_fits(manifest: Manifest) -> list[str]:
    """Return the names of the metrics of every fit."""
    return list(dict.fromkeys(name for fit in manifest.outcomes.fits for name in fit.history))


def _of_evaluations(evaluations: Iterable[Evaluation]) -> list[str]:
    return list(dict.fromkeys(name for item in evaluations for name in item.results))


def _without(names: list[str], others: list[str]) -> list[str]:
    """Return the names that the others lack; none where those have no name at all."""
    return [name for name in names if name not in others] if others else []


def _paired(manifest: Manifest, other: Manifest) -> tuple[list[Evaluation], list[Evaluation]]:
    """Return the evaluations that another run has, too, in the same place, and those it lacks.

    Runs that trained otherwise, or each of which has one that the other lacks, keep all of theirs.
    """
    mine, theirs = manifest.outcomes.evaluations, other.outcomes.evaluations
    if len(manifest.outcomes.fits) != len(other.outcomes.fits) or not manifest.outcomes.fits:
        return list(mine), []
    left = Counter((item.model, item.after_fits) for item in theirs)
    if left - Counter((item.model, item.after_fits) for item in mine):
        return list(mine), []
    paired: list[Evaluation] = []
    lone: list[Evaluation] = []
    for item in mine:
        key = item.model, item.after_fits
        (paired if left[key] else lone).append(item)
        left[key] -= left[key] > 0
    return paired, lone


def _drop(values: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}
