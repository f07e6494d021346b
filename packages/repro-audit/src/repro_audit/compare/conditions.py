"""Every condition in which two manifests differ."""

from __future__ import annotations

from typing import Any

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.errors import quoted
from repro_audit.manifest import Manifest, unstructure
from repro_audit.manifest.fields import path_below

__all__ = ["DERIVED", "condition_differences"]

DERIVED = "config_digest"
"""A field that says again what the config beside it says."""


def condition_differences(expected: Manifest, actual: Manifest) -> tuple[ConditionDifference, ...]:
    """Return the leaves at which the conditions differ, in the order of the manifest."""
    differences: list[ConditionDifference] = []
    _walk(
        "$.conditions",
        unstructure(expected.conditions),
        unstructure(actual.conditions),
        differences,
    )
    return tuple(differences)


def _walk(path: str, expected: Any, actual: Any, differences: list[ConditionDifference]) -> None:
    if expected == actual and type(expected) is type(actual):
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in [*expected, *(key for key in actual if key not in expected)]:
            if key != DERIVED:
                _walk(path_below(path, key), expected.get(key), actual.get(key), differences)
        return
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, (first, second) in enumerate(zip(expected, actual, strict=True)):
            _walk(f"{path}[{index}]", first, second, differences)
        return
    if expected != actual:
        differences.append(
            ConditionDifference(path=path, expected=_leaf(expected), actual=_leaf(actual))
        )


def _leaf(value: Any) -> Any:
    """Return a value as a difference shows it: plain, and not long."""
    if isinstance(value, dict | list):
        return quoted(value)
    if isinstance(value, str) and len(value) > 200:
        return quoted(value, 200)
    return value
