"""What trains the model of the expected run as that run did."""

from __future__ import annotations

import re
from collections.abc import Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.remedies.expected_code import constructor, field_call, literal, value_at
from repro_audit.compare.remedies.remedy import Remedy, fixed
from repro_audit.manifest import Manifest

__all__ = ["REMEDIES"]


def _setting(otherwise: str) -> Remedy:
    """Return a remedy that makes what holds a setting with the expected value of it."""

    def remedy(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
        calls = (constructor(manifest, item.path) for item in differences)
        call = next(filter(None, calls), None)
        return otherwise if call is None else f"{call}  # as in the expected run"

    return remedy


def _arguments_of(function: str, above: str, otherwise: str) -> Remedy:
    """Return a remedy that calls a function with the expected values of its arguments."""

    def remedy(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
        call = field_call(function, above, manifest, differences)
        return otherwise if call is None else f"{call}  # as in the expected run"

    return remedy


def _named(name: str) -> Remedy:
    """Return a remedy that compiles with the expected value of one argument."""

    def remedy(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
        for item in differences:
            place = re.match(rf"\$\.conditions\.training\.models\[\d+\]\.{name}", item.path)
            text = None if place is None else literal(value_at(manifest, place[0]))
            if text not in {None, "None"}:
                return f"model.compile(..., {name}={text})  # as in the expected run"
        return f"model.compile(..., {name}=...)  # the expected run's"

    return remedy


def _callbacks(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    for item in differences:
        found = re.match(r"(.+\.fits\[\d+\])\.callback(s|_settings)\[(\d+)\](\.\w+)?", item.path)
        if found is None:
            continue
        name = value_at(manifest, f"{found[1]}.callbacks[{found[3]}]")
        if not isinstance(name, str) or not re.fullmatch(r"\w+(\.\w+)*", name):
            continue
        value = literal(item.expected) if found[4] and not isinstance(item.expected, str) else None
        given = "..." if value is None else f"..., {found[4][1:]}={value}"
        return f"model.fit(..., callbacks=[{name}({given})])  # as in the expected run"
    return "# give fit the callbacks of the expected run: conditions.training.fits"


REMEDIES: dict[str, Remedy] = {
    "optimizer": _setting("model.compile(..., optimizer=...)  # the expected run's"),
    "loss": _named("loss"),
    "metrics": _named("metrics"),
    "compile": _arguments_of(
        "model.compile", "compile", "model.compile(...)  # with the expected run's arguments"
    ),
    "model": _setting("# build the model of the expected run: conditions.training.models"),
    "model_code": fixed("# run the code of the expected run: conditions.training.models"),
    "callbacks": _callbacks,
    "sample_weight": _arguments_of(
        "model.fit",
        "arguments",
        "model.fit(..., sample_weight=..., class_weight=...)  # the expected run's",
    ),
    "training_length": _arguments_of(
        "model.fit", "arguments", "model.fit(..., epochs=...)  # the expected run's"
    ),
    "validation": _arguments_of(
        "model.fit", "arguments", "model.fit(..., validation_data=...)  # the expected run's"
    ),
    "fit": _arguments_of(
        "model.fit", "arguments", "model.fit(...)  # with the expected run's arguments"
    ),
    "training": fixed("# train as the expected run did: conditions.training"),
}
"""By kind of cause."""
