"""The conditions of runs side by side: those that differ, and those that are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from repro_audit.audit import Audit
from repro_audit.errors import shown
from repro_audit.manifest import Manifest, unstructure

__all__ = ["Part", "differing", "equal"]

_LONGEST = 160
_MOST_ROWS = 400


class Part(NamedTuple):
    """One part of the conditions, the same in every run.

    Attributes:
        name: ``data`` and so on.
        rows: Pairs of a path below the part and its value.
        left: How many more there are.
    """

    name: str
    rows: tuple[tuple[str, str], ...]
    left: int


def differing(result: Audit) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Return each condition that differs, with its value in each run and whether it differs.

    Args:
        result: The audit.
    """
    rows: dict[str, list[tuple[str, bool]]] = {}
    count = len(result.manifests)
    for comparison in result.comparisons:
        for item in comparison.differences[:_MOST_ROWS]:
            path = item.path.removeprefix("$.conditions.")
            expected = _cell(item.expected)
            row = rows.setdefault(path, [(expected, False)] * count)
            row[comparison.actual] = _cell(item.actual), True
    return list(rows.items())


def equal(result: Audit, manifests: Sequence[Manifest]) -> list[Part]:
    """Return the conditions of the first run that no other run differs in, part by part.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    different = {
        item.path.removeprefix("$.conditions.")
        for comparison in result.comparisons
        for item in comparison.differences
    }
    parts = []
    for name, value in unstructure(manifests[0].conditions).items():
        if value is None:
            continue
        rows = [row for row in _leaves(name, value) if row[0] not in different]
        kept = tuple((path.removeprefix(f"{name}."), cell) for path, cell in rows[:_MOST_ROWS])
        parts.append(Part(name, kept, len(rows) - len(kept)))
    return parts


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield each value with its path; a plain list is one value, a package its version."""
    if isinstance(value, dict) and value:
        if path.startswith("packages.distributions") and "version" in value:
            yield path, _cell(value["version"])
            return
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}" if key.isidentifier() else _at(path, key), item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(f"{path}[{index}]", item)
    else:
        yield path, _cell(value)


def _at(path: str, key: str) -> str:
    return f"{path}[{shown(key)}]"


def _cell(value: Any) -> str:
    """Return a value as one cell holds it."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
