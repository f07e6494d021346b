"""What trains the model of the expected run as that run did."""

from __future__ import annotations

import re
from collections.abc import Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.remedies.environment import restored
from repro_audit.compare.remedies.expected_code import constructor, field_call, literal, value_at
from repro_audit.compare.remedies.remedy import Remedy, fixed
from repro_audit.errors import printable
from repro_audit.manifest import Manifest
from repro_audit.wording import listed

__all__ = ["REMEDIES"]

_CALLBACKS = re.compile(
    r"(?P<fit>.+\.fits\[\d+\])\.callback(s|_settings)(\[(?P<index>\d+)\])?(\.(?P<setting>\w+))?"
)
_MAX_NAMES = 4


def _setting(otherwise: str) -> Remedy:
    """Return a remedy that makes what holds a setting with the expected value of it."""

    def remedy(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
        # Of another class every setting is another.
        paths = sorted(
            (item.path for item in differences), key=lambda path: not path.endswith(".class_name")
        )
        calls = (constructor(manifest, path) for path in paths)
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
        made = next(filter(None, (constructor(manifest, item.path) for item in differences)), None)
        if made is not None:
            return f"{made}  # as in the expected run"
        for item in differences:
            place = re.match(rf"\$\.conditions\.training\.models\[\d+\]\.{name}", item.path)
            text = None if place is None else literal(value_at(manifest, place[0]))
            if text not in {None, "None"}:
                return f"model.compile(..., {name}={text})  # as in the expected run"
        return f"model.compile(..., {name}=...)  # the expected run's"

    return remedy


def _initializers(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return the layer that differs first, with the expected initializer."""
    conditions = manifest.conditions.initializers
    for item in differences:
        found = re.match(r"\$\.conditions\.initializers\.layers\[(\d+)\]\.initializer", item.path)
        layers = () if found is None or conditions is None else conditions.layers
        for layer in layers[int(found[1]) :][:1] if found else ():
            names = layer.layer, layer.role, layer.initializer
            if all(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) for name in names):
                made = f"{layer.role}_initializer=keras.initializers.{layer.initializer}(...)"
                return f"{layer.layer}(..., {made})  # as in the expected run"
    return "# give each layer the initializers of the expected run: conditions.initializers"


def _code(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return what brings the code of a layer or of a loss back."""
    found = (re.search(r"\.code(?:\['([^'\\]+)'\]|\.(\w+))$", item.path) for item in differences)
    names = dict.fromkeys(match[1] or match[2] for match in found if match)
    of = f" of {printable(listed(names, _MAX_NAMES))}" if names else ""
    return restored(manifest, f"the code{of}")


def _callbacks(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    for item in differences:
        found = _CALLBACKS.match(item.path)
        names = None if found is None else value_at(manifest, f"{found['fit']}.callbacks")
        if found is None or not names:
            continue
        which = found["index"]
        names = names if which is None else names[int(which) : int(which) + 1]
        if not names or not all(re.fullmatch(r"\w+(\.\w+)*", name, re.ASCII) for name in names):
            continue
        value = None
        if found["setting"] and not isinstance(item.expected, str):
            value = literal(item.expected)
        given = "..." if value is None else f"..., {found['setting']}={value}"
        made = listed((f"{name}({given})" for name in names), _MAX_NAMES)
        return f"model.fit(..., callbacks=[{made}])  # as in the expected run"
    return "# give fit the callbacks of the expected run: conditions.training.fits"


REMEDIES: dict[str, Remedy] = {
    "layer_initializers": _initializers,
    "optimizer": _setting("model.compile(..., optimizer=...)  # the expected run's"),
    "loss": _named("loss"),
    "metrics": _named("metrics"),
    "compile": _arguments_of(
        "model.compile", "compile", "model.compile(...)  # with the expected run's arguments"
    ),
    "model": _setting("# build the model of the expected run: conditions.training.models"),
    "model_code": _code,
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
