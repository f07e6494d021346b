"""The same training in another number of calls: `fit(epochs=4)` is `fit(epochs=2)` twice.

Fits of one model that follow each other are joined, in the manifests and in the traces, so that
its steps are compared by their number in the training of the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import Conditions
from repro_audit.manifest.one_fit import renumbered
from repro_audit.manifest.records import Evaluation, FitOutcome
from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.trace import Block, Probe, Rows

__all__ = ["Joined", "Places", "join_fits", "with_joined_fits"]

Places = tuple[tuple[int, int], ...]
"""By fit, from 0: the fit that it is a part of, and how many epochs of that lie before it."""


class Joined(NamedTuple):
    """Two runs of which the fits of one model that follow each other are one.

    Attributes:
        expected: The run compared with.
        actual: The run compared.
        places: Where the fits of each have gone.
        said: How many calls each made, in a sentence.
    """

    expected: Manifest
    actual: Manifest
    places: tuple[Places, Places]
    said: str


def join_fits(expected: Manifest, actual: Manifest) -> Joined | None:
    """Return two runs with the fits of each model joined.

    Args:
        expected: The run compared with.
        actual: The run compared.

    Returns:
        None where the runs call fit alike, or train other models, or the epochs of a fit are not
        known, or not its first ones.
    """
    mine, theirs = _groups(expected), _groups(actual)
    if mine is None or theirs is None:
        return None
    if [len(group) for group in mine] == [len(group) for group in theirs]:
        return None
    if [group[0].model for group in mine] != [group[0].model for group in theirs]:
        return None
    calls = [len(manifest.outcomes.fits) for manifest in (expected, actual)]
    places = _places(mine), _places(theirs)
    return Joined(
        expected=_joined(expected, mine, places[0]),
        actual=_joined(actual, theirs, places[1]),
        places=places,
        said=f"the same training in {counted(calls[0], 'call')} of fit and in {calls[1]}",
    )


def with_joined_fits(
    places: Places, parts: Iterable[Block | Rows | Probe]
) -> Iterator[Block | Rows | Probe]:
    """Yield what stands in the trace of a run, its fits and epochs numbered anew.

    Args:
        places: Where the fits of the run have gone.
        parts: As `repro_audit.trace.Trace.parts` yields it.
    """
    import numpy as np

    from repro_audit.trace import Probe, Rows

    last = len(places) - 1
    table = np.array(places, np.uint64)
    for part in parts:
        if isinstance(part, Rows):
            words = part.words.copy()
            known = table[np.minimum((words[:, 1] >> np.uint64(32)).astype(int), last)]
            epochs = (words[:, 1] & np.uint64(0xFFFFFFFF)) + known[:, 1]
            words[:, 1] = (known[:, 0] << np.uint64(32)) | epochs
            yield part._replace(words=words)
        elif isinstance(part, Probe):
            fit, before = places[min(part.fit, last)]
            yield part._replace(fit=fit, epoch=part.epoch + before)
        else:
            yield part


def _groups(manifest: Manifest) -> list[list[FitOutcome]] | None:
    """Return the fits that follow each other and train one model; None where one is a part."""
    fits = manifest.outcomes.fits
    known = all(
        fit.model is not None and fit.epochs and fit.first_epoch in {None, 1} for fit in fits
    )
    if not fits or not known:
        return None
    return [list(group) for _, group in itertools.groupby(fits, key=lambda fit: fit.model)]


def _places(groups: list[list[FitOutcome]]) -> Places:
    places = []
    for number, group in enumerate(groups):
        before = 0
        for fit in group:
            places.append((number, before))
            before += len(fit.epochs)
    return tuple(places)


def _joined(manifest: Manifest, groups: list[list[FitOutcome]], places: Places) -> Manifest:
    epochs = [len(fit.epochs) for fit in manifest.outcomes.fits]
    ends = dict(zip(itertools.accumulate(map(len, groups)), itertools.count(1), strict=False))
    outcomes = manifest.outcomes._replace(
        digests=manifest.outcomes.digests._replace(history=None, epochs=()),
        fits=tuple(_one_fit(group) for group in groups),
        evaluations=tuple(_after(item, ends, epochs) for item in manifest.outcomes.evaluations),
    )
    firsts = [index for index, (_, before) in enumerate(places) if before == 0]
    kept = dict.fromkeys(("conditions.training.fits", "outcomes.fits"), firsts)
    return manifest._replace(
        outcomes=outcomes,
        conditions=_conditions(manifest.conditions, firsts, len(places)),
        missing=tuple(renumbered(manifest.missing, kept)),
    )


def _one_fit(group: list[FitOutcome]) -> FitOutcome:
    first, last = group[0], group[-1]
    steps = [fit.steps for fit in group]
    names = dict.fromkeys(name for fit in group for name in fit.history)
    return FitOutcome(
        model=first.model,
        steps=None if None in steps else sum(step or 0 for step in steps),
        first_epoch=first.first_epoch,
        ended=last.ended,
        epochs=tuple(epoch for fit in group for epoch in fit.epochs),
        trace=tuple(digest for fit in group for digest in fit.trace),
        # A metric that one of them lacks is None there, as in an epoch that lacks one.
        history={
            name: tuple(
                value for fit in group for value in fit.history.get(name, (None,) * len(fit.epochs))
            )
            for name in names
        },
        dtypes={name: dtype for fit in group for name, dtype in fit.dtypes.items()},
        samples=first.samples,
    )


def _after(evaluation: Evaluation, ends: dict[int, int], epochs: list[int]) -> Evaluation:
    """Return an evaluation with its place among joined fits.

    Within one it is told by the epochs of the run before it, below 0.
    """
    after = evaluation.after_fits
    place = ends.get(after, -sum(epochs[:after])) if after else 0
    return evaluation._replace(after_fits=place)


def _conditions(conditions: Conditions, firsts: list[int], fits: int) -> Conditions:
    """Return the conditions of the first fit of each that were joined.

    Args:
        conditions: Those of the run.
        firsts: The first fit of each group.
        fits: How many fits the run has.
    """
    training, determinism = conditions.training, conditions.determinism
    if training is not None and len(training.fits) == fits:
        joined = []
        for begin, end in itertools.pairwise([*firsts, fits]):
            fit = training.fits[begin]
            asked = [item.arguments.get("epochs") for item in training.fits[begin:end]]
            epochs = [number for number in asked if isinstance(number, int)]
            whole = {"epochs": sum(epochs)} if len(epochs) == len(asked) else {}
            joined.append(fit._replace(arguments=fit.arguments | whole))
        training = training._replace(fits=tuple(joined))
    if determinism is not None:
        datasets = tuple(
            item._replace(fit=firsts.index(item.fit))
            for item in determinism.datasets
            if item.fit in firsts
        )
        determinism = determinism._replace(datasets=datasets)
    return conditions._replace(training=training, determinism=determinism)
