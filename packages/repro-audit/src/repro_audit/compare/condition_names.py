"""What to call one condition: the layer and its field, the stage and its argument, the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.errors import quoted
from repro_audit.logs.numbers import shortest
from repro_audit.manifest import Manifest

__all__ = ["change_of", "condition_name"]

_MAX_DEPTH = 8


def condition_name(path: str, expected: Manifest, actual: Manifest) -> str:
    """Return what to call the condition at a JSONPath.

    Args:
        path: A JSONPath below ``$.conditions``.
        expected: A run that may have it.
        actual: Another one.

    >>> from repro_audit.manifest import Manifest
    >>> nothing = Manifest("", "complete", "")
    >>> condition_name("$.conditions.training.fits[1].arguments.batch_size", nothing, nothing)
    'batch_size (fit 2)'
    """
    below = path.removeprefix("$.conditions.")
    for pattern, name in _NAMES:
        found = re.fullmatch(pattern, below)
        if found:
            return name(found, expected, actual)
    return " ".join(re.findall(r"[^\[\].']+", below.rpartition("distributions")[2]))


def change_of(difference: ConditionDifference) -> str:
    """Say how a condition differs: both values, or which run alone has it."""
    if difference.state.startswith("only in"):
        return difference.said
    one, other = difference.expected, difference.actual
    if re.match(r"\$\.conditions\.seeds\.generators\S*\.entropy", difference.path):
        return "was made from another seed"
    if difference.path.startswith("$.conditions.read.variables"):  # a value has some bits of digest
        return (
            "is another"
            if one and other
            else f"is set in the {'expected' if one else 'actual'} run only"
        )
    if _is_digest(one) and _is_digest(other):
        return "is another"
    if isinstance(one, float) and isinstance(other, float) and shortest(one) != shortest(other):
        return f"{shortest(one)} → {shortest(other)}"
    return f"{_text(one)} → {_text(other)}"


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and value.startswith("sha256:")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value[:15] + "…" if _is_digest(value) else value
    return quoted(value)


_Found = re.Match[str]
_Name = Callable[[_Found, Manifest, Manifest], str]


def _at(value: Any, *keys: str | int) -> Any:
    """Return what stands below keys; None where nothing does: a manifest may hold anything."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list | tuple) and isinstance(key, int):
            value = value[key] if key < len(value) else None
        else:
            value = getattr(value, str(key), None) if isinstance(key, str) else None
    return value


def _layer(found: _Found, expected: Manifest, actual: Manifest) -> str:
    """Name a field of a layer: ``Dropout (layer 2) rate``."""
    steps = [int(number) for number in re.findall(r"\.layers\[(\d+)\]", found["layers"])]
    name = None
    for manifest in (expected, actual):
        config = _at(manifest.conditions, "training", "models", int(found["model"]), "config")
        for number in steps[:_MAX_DEPTH]:
            config = _at(config, "config", "layers", number)
        name = name or _at(config, "class_name")
    which = "layer " + ".".join(map(str, steps))
    which += f" of model {int(found['model']) + 1}" if int(found["model"]) else ""
    called = f"{name} ({which})" if isinstance(name, str) else which
    field = " ".join(word for word in _words(found["field"]) if word not in {"config", "value"})
    return f"{called} {field}".strip()


def _stage(found: _Found, expected: Manifest, actual: Manifest) -> str:
    """Name a field of a stage of a pipeline: ``Batch batch_size``."""
    place = "determinism", "datasets", int(found["dataset"])
    stage = int(found["stage"])
    name = next(
        (
            op
            for manifest in (expected, actual)
            if isinstance(op := _at(manifest.conditions, *place, "stages", stage, "op"), str)
        ),
        f"stage {stage}",
    )
    words = [word for word in _words(found["field"]) if word not in {"arguments", "digest"}]
    fit = _at(expected.conditions, *place, "fit")
    return " ".join([name, *words]) + (_of("fit", str(fit)) if isinstance(fit, int) else "")


def _callback(found: _Found, expected: Manifest, _: Manifest) -> str:
    fit, place = int(found["fit"]), int(found["callback"])
    name = _at(expected.conditions, "training", "fits", fit, "callbacks", place)
    called = name if isinstance(name, str) else f"callback {place}"
    return " ".join([called, *_words(found["field"])]) + _of("fit", found["fit"])


def _weight(found: _Found, expected: Manifest, actual: Manifest) -> str:
    """Name what initializes a weight: ``Dense kernel initializer``."""
    place = "initializers", "layers", int(found["layer"])
    item = _at(expected.conditions, *place) or _at(actual.conditions, *place)
    known = [name for name in (_at(item, "layer"), _at(item, "role")) if isinstance(name, str)]
    return " ".join([*known, *_words(found["field"])])


def _generator(found: _Found, expected: Manifest, actual: Manifest) -> str:
    """Name a field of a generator of NumPy's by where the generator is kept."""
    place = "seeds", "generators", int(found["generator"])
    item = _at(expected.conditions, *place) or _at(actual.conditions, *place)
    where = _at(item, "where")
    field = [word for word in _words(found["field"])[:1] if word != "entropy"]
    return " ".join([*([where] if isinstance(where, str) else []), *field])


def _words(path: str) -> list[str]:
    return re.findall(r"[^\[\].']+", path)


def _of(what: str, number: str) -> str:
    """Say to which of several something belongs, if not to the first."""
    return f" ({what} {int(number) + 1})" if int(number) else ""


_MODEL = r"training\.models\[(?P<model>\d+)\]"
_FIT = r"training\.fits\[(?P<fit>\d+)\]"
_NAMES: tuple[tuple[str, _Name], ...] = (
    (_MODEL + r"\.config(?P<layers>(\.config\.layers\[\d+\])+)(?P<field>.*)", _layer),
    (
        r"determinism\.datasets\[(?P<dataset>\d+)\]\.stages\[(?P<stage>\d+)\](?P<field>.*)",
        _stage,
    ),
    (_FIT + r"\.callback(s|_settings)\[(?P<callback>\d+)\](?P<field>.*)", _callback),
    (
        _FIT + r"\.(arguments\.)?(?P<field>.+)",
        lambda found, *_: " ".join(_words(found["field"])) + _of("fit", found["fit"]),
    ),
    (
        _MODEL + r"\.((more_)?optimizer(s\[\d+\])?\.)?(config\.|compile\.|code\b\W*)?(?P<field>.+)",
        lambda found, *_: " ".join(_words(found["field"])) + _of("model", found["model"]),
    ),
    (
        r"code\.files(\['(?P<quoted>.+)'\]|\.(?P<plain>[\w-]+))",
        lambda found, *_: found["quoted"] or found["plain"],
    ),
    (r"environment\.memory_bytes", lambda *_: "memory of the machine"),
    (r"seeds\.generators\[(?P<generator>\d+)\]\.(?P<field>.+)", _generator),
    (r"initializers\.layers\[(?P<layer>\d+)\]\.(?P<field>\w+)", _weight),
    (
        r"read\.(files|variables)(\['(?P<quoted>.+)'\]|\.(?P<plain>[\w-]+))(\.digest|\.bytes)?",
        lambda found, *_: found["quoted"] or found["plain"],
    ),
    (
        r"determinism\.datasets\[(?P<dataset>\d+)\]\.(?P<field>.+)",
        lambda found, *_: " ".join(_words(found["field"])),
    ),
)
