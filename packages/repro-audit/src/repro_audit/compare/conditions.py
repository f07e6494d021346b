"""Every condition in which two manifests differ."""

from __future__ import annotations

import re
from typing import Any

from repro_audit.compare.comparison import SETTINGS, ConditionDifference, DifferenceState
from repro_audit.compare.model_configs import as_computed, numbered_layers
from repro_audit.errors import quoted
from repro_audit.manifest import Manifest, unstructure
from repro_audit.manifest.fields import path_below

__all__ = ["DERIVED", "condition_differences"]

DERIVED = "config_digest"
"""A field that says again what the config beside it says."""

_DATA = "$.conditions.data"
_MODEL = re.compile(r"\$\.conditions\.training\.models\[\d+\]\.config")
_VARIABLES = "$.conditions.read.variables"
_UNKNOWN = re.compile(
    r"seeds\.(python|numpy)\.(digest|as_seeded)|seeds\.backend\.digest"
    r"|seeds\.generators\[\d+\]\.(entropy|given)"
    r"|data\W[^.]+\.(samples|of_call|unordered_digest)"
    r"|training\.models\[\d+\]\.(config|optimizer|compile|code)"
    r"|training\.fits\[\d+\]\.(callback_settings|batch)"
    r"|determinism\.datasets\[\d+\](\.stages\[\d+\])?\.(arguments|function(\.digest)?)"
    r"|determinism\.execution\[\d+\]\.jit_requested"
    r"|determinism\.backend(\.\w+)*\.in_force"
    r"|determinism\.backend\.models\[\d+\]\.(racing_ops|replicas)"
    r"|determinism\.datasets\[\d+\]\S*\.seeded"
    r"|packages\.distributions\W[^.]+\.digest"
    r"|environment\.(?!variables)\w+(\S*\.\w+)?"
    r"|initializers\.restored"
    r"|read(\.files.*\.digest)?"
)
"""JSONPaths below ``$.conditions`` of which null says that the value is not known.

Of all others it is a value: nothing was asked for, given or set."""


_OF_BYTECODE = re.compile(
    r"training\.models\[\d+\]\.(code\W.+|compile\W.+\.digest|config\W.+\.code)"
    r"|training\.fits\[\d+\]\.callback_settings\[\d+\]\W.+\.digest"
    r"|determinism\.datasets\[\d+\](\.stages\[\d+\])?\.function\.digest"
)
"""JSONPaths below ``$.conditions`` of digests that hold for one release of Python."""


def condition_differences(expected: Manifest, actual: Manifest) -> tuple[ConditionDifference, ...]:
    """Return the leaves at which the conditions differ, in the order of the manifest.

    Lists are compared item by item as far as both go; what only one run has follows.

    Args:
        expected: The run compared with.
        actual: The run compared.

    Returns:
        Differences, and among them what one run did not record; of a log that is all of them.
    """
    logs = []
    if expected.is_log:
        logs.append(ConditionDifference(SETTINGS, None, None, "not recorded in expected"))
    if actual.is_log:
        logs.append(ConditionDifference(SETTINGS, None, None, "not recorded in actual"))
    if logs:
        return tuple(logs)
    walk = _Walk(_unknown(expected), _unknown(actual), same_python=_same_python(expected, actual))
    walk.at(SETTINGS, unstructure(expected.conditions), unstructure(actual.conditions))
    return tuple(walk.found)


def _unknown(manifest: Manifest) -> frozenset[str]:
    """Return what a run says it lacks, and what is not asked of one that trains by a loop.

    A model that is trained by a loop need not be compiled: its loss and metrics are the loop's, and
    so are its batches.
    """
    conditions, lacking = manifest.conditions, {item.path for item in manifest.missing}
    executed = () if conditions.determinism is None else conditions.determinism.execution
    compiled = {item.model for item in executed if item.jit_requested is not None}
    for index, model in enumerate(
        () if conditions.training is None else conditions.training.models
    ):
        if index not in compiled and model.loss is None and model.metrics is None:
            path = f"$.conditions.training.models[{index}]"
            lacking |= {f"{path}.loss", f"{path}.metrics"}
    fits = () if conditions.training is None else conditions.training.fits
    loops = [index for index, fit in enumerate(fits) if not fit.arguments]
    lacking |= {f"$.conditions.training.fits[{index}].arguments" for index in loops}
    if len(loops) == len(fits):
        lacking.add("$.conditions.determinism.datasets")
    return frozenset(lacking)


def _same_python(expected: Manifest, actual: Manifest) -> bool:
    """Whether both runs had one release of Python, as 3.11 is one, or it is not known."""
    known = [manifest.conditions.environment for manifest in (expected, actual)]
    releases = {item.python.version.rpartition(".")[0] for item in known if item is not None}
    return len(releases) <= 1


class _Walk:
    """Goes through two conditions side by side."""

    def __init__(
        self,
        unknown_in_expected: frozenset[str],
        unknown_in_actual: frozenset[str],
        *,
        same_python: bool,
    ) -> None:
        """Begin with what is not known of each run, as JSONPaths."""
        self.found: list[ConditionDifference] = []
        self._unknown = unknown_in_expected, unknown_in_actual
        self._same_python = same_python

    def at(self, path: str, expected: Any, actual: Any) -> None:
        """Compare what stands at one path."""
        if expected == actual and type(expected) is type(actual):
            return
        if _MODEL.fullmatch(path) and self._models(path, expected, actual):
            return
        if isinstance(expected, dict) and isinstance(actual, dict):
            self._fields(path, expected, actual)
        elif isinstance(expected, list) and isinstance(actual, list) and _by_item(expected, actual):
            self._items(path, expected, actual)
        elif expected != actual:
            self._note(path, expected, actual, self._state(path, expected, actual))

    def _models(self, path: str, expected: Any, actual: Any) -> bool:
        """Compare two models of which one alone has an input layer; False for any others."""
        mine, theirs = as_computed(expected), as_computed(actual)
        if mine == theirs:
            return True
        layers, others = numbered_layers(expected), numbered_layers(actual)
        if layers is None or others is None or len(layers) != len(others):
            return False
        if len(expected["config"]["layers"]) == len(actual["config"]["layers"]):
            return False
        for config in (mine, theirs):
            config["config"] = {**config["config"], "layers": []}
        self.at(path, mine, theirs)
        # Each stands where the expected run has it.
        for (place, layer), (_, other) in zip(layers, others, strict=True):
            self.at(f"{path}.config.layers[{place}]", layer, other)
        return True

    def _fields(self, path: str, expected: dict[str, Any], actual: dict[str, Any]) -> None:
        for key in [*expected, *(key for key in actual if key not in expected)]:
            below = path_below(path, key)
            if key == DERIVED:
                continue
            if key in expected and key in actual:
                self.at(below, expected[key], actual[key])
            elif path == _DATA:  # both runs had data, whatever they were said to be
                state = self._state(f"{below}.samples", expected.get(key), actual.get(key))
                self._note(below, expected.get(key), actual.get(key), state)
            else:
                state = self._lone(below, in_expected=key in expected)
                self._note(below, expected.get(key), actual.get(key), state)

    def _items(self, path: str, expected: list[Any], actual: list[Any]) -> None:
        both = min(len(expected), len(actual))
        for index in range(both):
            self.at(f"{path}[{index}]", expected[index], actual[index])
        for index, item in enumerate(expected[both:], start=both):
            self._note(
                f"{path}[{index}]", item, None, self._lone(f"{path}[{index}]", in_expected=True)
            )
        for index, item in enumerate(actual[both:], start=both):
            self._note(
                f"{path}[{index}]", None, item, self._lone(f"{path}[{index}]", in_expected=False)
            )

    def _note(self, path: str, expected: Any, actual: Any, state: DifferenceState) -> None:
        self.found.append(
            ConditionDifference(
                path=path, expected=_leaf(expected), actual=_leaf(actual), state=state
            )
        )

    def _lone(self, path: str, *, in_expected: bool) -> DifferenceState:
        """Return whether the other run has nothing there, or did not record it."""
        mine, theirs = self._unknown
        if in_expected:
            return "not recorded in actual" if _is_below(path, theirs) else "only in expected"
        return "not recorded in expected" if _is_below(path, mine) else "only in actual"

    def _state(self, path: str, expected: Any, actual: Any) -> DifferenceState:
        """Return whether a value is another, or unknown in one of the runs."""
        if path.startswith(_VARIABLES):
            return "changed"  # null says that it was not set, whatever else was not seen
        unknown = _UNKNOWN.fullmatch(path.removeprefix("$.conditions.")) is not None
        mine, theirs = self._unknown
        if not self._same_python and _OF_BYTECODE.fullmatch(path.removeprefix("$.conditions.")):
            # The code may be the same: in the words of the expected run's Python, nobody knows.
            return "not recorded in actual"
        if expected is None and (unknown or _is_below(path, mine)):
            return "not recorded in expected"
        if actual is None and (unknown or _is_below(path, theirs)):
            return "not recorded in actual"
        return "changed"


def _by_item(expected: list[Any], actual: list[Any]) -> bool:
    """Whether items stand for things of their own: a list of plain values is one value."""
    return len(expected) == len(actual) or any(
        isinstance(item, dict | list) for item in (*expected, *actual)
    )


def _is_below(path: str, others: frozenset[str]) -> bool:
    """Whether a path is one of others, or lies below one."""
    return any(path == item or path.startswith((f"{item}.", f"{item}[")) for item in others)


def _leaf(value: Any) -> Any:
    """Return a value as a difference shows it: plain, and not long."""
    if isinstance(value, dict | list):
        return quoted(value)
    if isinstance(value, str) and len(value) > 200:
        return quoted(value, 200)
    return value
