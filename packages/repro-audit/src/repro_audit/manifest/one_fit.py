"""What a manifest says of one fit alone, as if its run had trained nothing else.

So can two fits of one run be compared as two runs are. What they share, such as the machine and
the code, is in both. Items of lists that belong to other models and fits are left out, and the
model and the fit that stay become the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from repro_audit.canonical import digest_json
from repro_audit.manifest.conditions import Conditions, Data
from repro_audit.manifest.records import Information, Manifest, Missing
from repro_audit.manifest.structure import structure, unstructure

__all__ = ["of_fit", "renumbered"]

_BY_MODEL = (
    "conditions.training.models",
    "outcomes.initial_weights",
    "outcomes.final_state",
    "information.labels",
    "trace.strides",
)
"""Lists of which the items are one for each model, in their order."""

_OF_MODEL = (
    "conditions.seeds.layers",
    "conditions.initializers.layers",
    "conditions.determinism.execution",
    "conditions.determinism.backend.models",
)
"""Lists of which each item names its model."""

_BY_FIT = ("conditions.training.fits", "outcomes.fits")
_OF_FIT = "conditions.determinism.datasets"
_EVALUATIONS = "outcomes.evaluations"
_ITEM = re.compile(r"\$\.(?P<list>[\w.]+)\[(?P<index>\d+)\](?P<rest>.*)", re.DOTALL)
_TRAINED_BEFORE = "the model was trained before this fit, whose beginning was not kept"
_TRAINED_AFTER = "the model was trained again after this fit, whose end was not kept"
_ROLES = {"train": "x", "validation": "validation_data"}
"""Names of data sets that fits were given, and as which argument."""

_DATA = "$.conditions.data"
_WHICH_DATA = "which of the data sets this fit was given was not recorded"


def of_fit(manifest: Manifest, number: int) -> Manifest:
    """Return what a manifest says of one fit, of its model, and of what else decided on them.

    Args:
        manifest: The run.
        number: The fit, from 0, which it must have.

    Returns:
        A manifest of one fit, with a run id of its own. It has no times, and not what is known of
        the beginning of the run, which are the run's; and nothing of the trace, whose digests are
        of all fits together.
    """
    document = unstructure(manifest)
    kept = {}
    for path, places in _wanted(document, manifest, number).items():
        parent, name = _holder(document, path)
        if parent is not None:
            kept[path] = [place for place in places if place < len(parent[name])]
            parent[name] = [_as_first(parent[name][place], number) for place in kept[path]]
    alone: Manifest = structure(Manifest, document)
    alone = alone._replace(
        run_id=f"{manifest.run_id} fit {number + 1}",
        missing=tuple(renumbered(manifest.missing, kept)),
        conditions=_without_the_beginning(alone.conditions),
        information=Information(labels=alone.information.labels),
    )
    alone = _within_its_time(alone, manifest, number)
    givings = _givings(manifest, number, kept.get(_EVALUATIONS, []))
    return _with_digests(_with_data(alone, manifest, givings))


def _wanted(document: dict[str, Any], manifest: Manifest, number: int) -> dict[str, list[int]]:
    """Return which items of each list are of a fit or its model, by the path of the list."""
    model, own = manifest.outcomes.fits[number].model, _fits_of_model(manifest, number)
    wanted = {path: [number] for path in _BY_FIT}
    wanted |= {path: [] if model is None else [model] for path in _BY_MODEL}
    named = {**dict.fromkeys(_OF_MODEL, ("model", model)), _OF_FIT: ("fit", number)}
    for path, (field, value) in named.items():
        parent, name = _holder(document, path)
        items = () if parent is None else parent[name]
        wanted[path] = [place for place, item in enumerate(items) if item[field] == value]
    begins = max((place + 1 for place in own if place < number), default=0)
    ends = min((place for place in own if place > number), default=len(manifest.outcomes.fits))
    wanted[_EVALUATIONS] = [
        place
        for place, item in enumerate(manifest.outcomes.evaluations)
        if item.model == model and begins <= item.after_fits <= ends
    ]
    return wanted


def _fits_of_model(manifest: Manifest, number: int) -> list[int]:
    """Return the fits that train the model that a fit trains, from 0."""
    fits = manifest.outcomes.fits
    return [place for place, fit in enumerate(fits) if fit.model == fits[number].model]


def _holder(document: dict[str, Any], path: str) -> tuple[dict[str, Any] | None, str]:
    """Return the object that holds the list at a path, and its key; None where there is none."""
    *parents, name = path.split(".")
    value: Any = document
    for key in parents:
        value = value.get(key) if isinstance(value, dict) else None
    holds = isinstance(value, dict) and isinstance(value.get(name), list)
    return value if holds else None, name


def _as_first(item: Any, number: int) -> Any:
    """Return an item that names the first model and the first fit, where it names any."""
    if not isinstance(item, dict):
        return item
    first = {name: 0 for name in ("model", "fit") if item.get(name) is not None}
    if "after_fits" in item:
        first["after_fits"] = int(item["after_fits"] > number)
    return {**item, **first}


def renumbered(missing: Sequence[Missing], kept: dict[str, list[int]]) -> Iterator[Missing]:
    """Yield what is missing of what stays, at the place where it then stands.

    Args:
        missing: What is missing of the whole.
        kept: Which items of a list stay, by its path below ``$``; of other lists all do.
    """
    for item in missing:
        found = _ITEM.fullmatch(item.path)
        places = None if found is None else kept.get(found["list"])
        if found is None or places is None:
            yield item
        elif (index := int(found["index"])) in places:
            yield item._replace(path=f"$.{found['list']}[{places.index(index)}]{found['rest']}")


def _without_the_beginning(conditions: Conditions) -> Conditions:
    """Leave out what was seen when recording began: a fit begins with what came before it."""
    seeds, initializers = conditions.seeds, conditions.initializers
    if seeds is not None:
        python, numpy = (item._replace(as_seeded=None) for item in (seeds.python, seeds.numpy))
        seeds = seeds._replace(python=python, numpy=numpy)
    if initializers is not None:
        initializers = initializers._replace(restored=None)
    return conditions._replace(seeds=seeds, initializers=initializers)


def _within_its_time(alone: Manifest, manifest: Manifest, number: int) -> Manifest:
    """Leave out what a model was before other fits of it, or became after them."""
    own = _fits_of_model(manifest, number)
    outcomes, missing = alone.outcomes, [*alone.missing]
    if own[0] < number:
        outcomes = outcomes._replace(initial_weights=(None,))
        missing.append(Missing("$.outcomes.initial_weights[0]", _TRAINED_BEFORE))
    if own[-1] > number:
        outcomes = outcomes._replace(final_state=(None,))
        missing.append(Missing("$.outcomes.final_state[0]", _TRAINED_AFTER))
    return alone._replace(outcomes=outcomes, missing=tuple(missing))


def _givings(
    manifest: Manifest, number: int, evaluations: Sequence[int]
) -> Iterator[tuple[str, list[int], Sequence[int]]]:
    """Yield each role of data: the calls that were given arrays for it, and which are of a fit."""
    determinism = manifest.conditions.determinism
    if determinism is not None:
        for role, argument in _ROLES.items():
            given = [item for item in determinism.datasets if item.argument == argument]
            yield role, [item.fit for item in given if item.kind == "arrays"], [number]
    yield "test", [*range(len(manifest.outcomes.evaluations))], evaluations


def _with_data(
    alone: Manifest, manifest: Manifest, givings: Iterable[tuple[str, list[int], Sequence[int]]]
) -> Manifest:
    """Keep the arrays that a fit was given, where that can be told, and what no call was given."""
    given = manifest.conditions.data
    if given is None:
        return alone
    whole = all(not item.path.startswith(_DATA) for item in manifest.missing)
    found, missing = dict(given), [*alone.missing]
    for role, calls, own in givings:
        sets = [(name, item) for name, item in given.items() if _is_of_call(name, item, role)]
        for name, _ in sets:
            del found[name]
        wanted = [calls.index(call) for call in own if call in calls] if sets else []
        # Equal ones were kept once, so of fewer nobody knows which was whose.
        if not whole or len(sets) not in {1, len(calls)}:
            missing += [Missing(_DATA, _WHICH_DATA)] if wanted else []
            continue
        places = dict.fromkeys(min(place, len(sets) - 1) for place in wanted)
        found |= {name: sets[place][1] for place, (name, _) in zip(places, sets, strict=False)}
    conditions = alone.conditions._replace(data=found)
    return alone._replace(conditions=conditions, missing=tuple(missing))


def _is_of_call(name: str, data: Data, role: str) -> bool:
    """Whether a data set is named as what fits were given is: ``train``, ``train_2``."""
    return bool(data.of_call) and re.fullmatch(rf"{role}(_\d+)?", name) is not None


def _with_digests(alone: Manifest) -> Manifest:
    """Return a manifest with the digests of its outcomes, as a recorder makes them."""
    outcomes = alone.outcomes
    history = [
        [fit.history for fit in outcomes.fits],
        [item.results for item in outcomes.evaluations],
    ]
    state = {
        name: digest_json(unstructure(tensors)) if tensors and None not in tensors else None
        for name, tensors in (
            ("initial_weights", outcomes.initial_weights),
            ("final_state", outcomes.final_state),
        )
    }
    digests = outcomes.digests._replace(
        **state,
        epochs=tuple(digest for fit in outcomes.fits for digest in fit.epochs if digest),
        history=digest_json(unstructure(history)),
        trace=None,
    )
    fits = tuple(fit._replace(trace=(None,) * len(fit.trace)) for fit in outcomes.fits)
    return alone._replace(outcomes=outcomes._replace(digests=digests, fits=fits, trace=None))
