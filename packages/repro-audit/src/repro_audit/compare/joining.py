"""The same training in another number of calls: `fit(epochs=4)` is `fit(epochs=2)` twice.

Fits of one model that follow each other are joined, in the manifests and in the traces, so that
its steps are compared by their number in the training of the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import Conditions
from repro_audit.manifest.records import Evaluation, FitOutcome
from repro_audit.trace import Block, Probe, Rows
from repro_audit.wording import counted

__all__ = ["Joined", "join_fits"]


class Joined(NamedTuple):
    """A run whose fits of one model are one.

    Attributes:
        manifest: The run.
        places: By fit, from 0: the fit that it is a part of, and how many epochs of that lie
            before it.
    """

    manifest: Manifest
    places: tuple[tuple[int, int], ...]

    def parts(self, parts: Iterable[Block | Rows | Probe]) -> Iterator[Block | Rows | Probe]:
        """Yield what stands in the run's trace, its fits and epochs numbered anew.

        Args:
            parts: As `repro_audit.trace.Trace.parts` yields it.
        """
        import numpy as np

        for part in parts:
            if isinstance(part, Rows):
                words = part.words.copy()
                fits = (words[:, 1] >> np.uint64(32)).astype(int)
                known = np.array(self.places, np.uint64)[np.minimum(fits, len(self.places) - 1)]
                epochs = (words[:, 1] & np.uint64(0xFFFFFFFF)) + known[:, 1]
                words[:, 1] = (known[:, 0] << np.uint64(32)) | epochs
                yield part._replace(words=words)
            elif isinstance(part, Probe):
                fit, before = self.places[min(part.fit, len(self.places) - 1)]
                yield part._replace(fit=fit, epoch=part.epoch + before)
            else:
                yield part


def join_fits(expected: Manifest, actual: Manifest) -> tuple[Joined, Joined, str] | None:
    """Return two runs with the fits of each model joined, and how many calls each made of them.

    Args:
        expected: The run compared with.
        actual: The run compared.

    Returns:
        None where the runs call fit alike, or train other models, or one began in the middle.
    """
    groups = [_groups(manifest) for manifest in (expected, actual)]
    if groups[0] is None or groups[1] is None:
        return None
    mine, theirs = groups[0], groups[1]
    sizes = [[len(group) for group in each] for each in (mine, theirs)]
    models = [[group[0].model for group in each] for each in (mine, theirs)]
    if sizes[0] == sizes[1] or models[0] != models[1]:
        return None
    calls = [len(manifest.outcomes.fits) for manifest in (expected, actual)]
    said = f"the same training in {counted(calls[0], 'call')} of fit and in {calls[1]}"
    return _joined(expected, mine), _joined(actual, theirs), said


def _groups(manifest: Manifest) -> list[list[FitOutcome]] | None:
    """Return the fits that follow each other and train one model; None where one is a part."""
    fits = manifest.outcomes.fits
    if not fits or any(fit.model is None or fit.first_epoch not in {None, 1} for fit in fits):
        return None
    return [list(group) for _, group in itertools.groupby(fits, key=lambda fit: fit.model)]


def _joined(manifest: Manifest, groups: list[list[FitOutcome]]) -> Joined:
    places: list[tuple[int, int]] = []
    for number, group in enumerate(groups):
        before = 0
        for fit in group:
            places.append((number, before))
            before += len(fit.epochs)
    ends = dict(zip(itertools.accumulate(map(len, groups)), itertools.count(1), strict=False))
    outcomes = manifest.outcomes._replace(
        digests=manifest.outcomes.digests._replace(history=None, epochs=()),
        fits=tuple(_one_fit(group) for group in groups),
        evaluations=tuple(_after(item, ends) for item in manifest.outcomes.evaluations),
    )
    conditions = _conditions(manifest.conditions, places)
    return Joined(manifest._replace(outcomes=outcomes, conditions=conditions), tuple(places))


def _one_fit(group: list[FitOutcome]) -> FitOutcome:
    first, last = group[0], group[-1]
    steps = [fit.steps for fit in group]
    return FitOutcome(
        model=first.model,
        steps=None if None in steps else sum(step or 0 for step in steps),
        first_epoch=first.first_epoch,
        ended=last.ended,
        epochs=tuple(epoch for fit in group for epoch in fit.epochs),
        trace=tuple(digest for fit in group for digest in fit.trace),
        history={
            name: tuple(value for fit in group for value in fit.history[name])
            for name in first.history
            if all(name in fit.history for fit in group)
        },
        dtypes=first.dtypes,
        samples=first.samples,
    )


def _after(evaluation: Evaluation, ends: dict[int, int]) -> Evaluation:
    """Return an evaluation with its place among joined fits; below 0 where that is within one."""
    after = evaluation.after_fits
    return evaluation._replace(after_fits=ends.get(after, -after) if after else 0)


def _conditions(conditions: Conditions, places: list[tuple[int, int]]) -> Conditions:
    """Return the conditions of the first fit of each that were joined."""
    firsts = [index for index, (_, before) in enumerate(places) if before == 0]
    training, determinism = conditions.training, conditions.determinism
    if training is not None and len(training.fits) == len(places):
        fits = []
        for place, index in enumerate(firsts):
            end = firsts[place + 1] if place + 1 < len(firsts) else len(places)
            asked = [fit.arguments.get("epochs") for fit in training.fits[index:end]]
            epochs = [number for number in asked if isinstance(number, int)]
            whole = {"epochs": sum(epochs)} if len(epochs) == len(asked) else {}
            fit = training.fits[index]
            fits.append(fit._replace(arguments=fit.arguments | whole))
        training = training._replace(fits=tuple(fits))
    if determinism is not None:
        datasets = tuple(
            item._replace(fit=firsts.index(item.fit))
            for item in determinism.datasets
            if item.fit in firsts
        )
        determinism = determinism._replace(datasets=datasets)
    return conditions._replace(training=training, determinism=determinism)
