"""The conditions of runs side by side: those that differ, and those that are the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from repro_audit.compare.conditions import DERIVED
from repro_audit.manifest import Manifest, unstructure
from repro_audit.manifest.fields import path_below

__all__ = ["ConditionTable", "Part", "side_by_side"]

_MAX_LENGTH = 120
_MAX_CELLS = 1600
_MAX_ROWS = 300
_NOTHING = "none"
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


class Part(NamedTuple):
    """One part of the conditions, as far as it is the same in every run.

    Attributes:
        name: ``data`` and so on.
        rows: Pairs of a path below the part and its value.
        left: How many more there are.
    """

    name: str
    rows: tuple[tuple[str, str], ...]
    left: int


class ConditionTable(NamedTuple):
    """The conditions of several runs.

    Attributes:
        differing: Each condition that differs, with its value in each run and whether that is
            another than the first run's.
        left: How many more differ.
        equal: The conditions that do not, part by part.
    """

    differing: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]
    left: int
    equal: tuple[Part, ...]


def side_by_side(manifests: Sequence[Manifest]) -> ConditionTable:
    """Return the conditions of runs, those that differ apart from the others.

    They are taken from the manifests themselves, of whatever kind their runs are.

    Args:
        manifests: The runs.
    """
    runs = [dict(_leaves("", unstructure(manifest.conditions))) for manifest in manifests]
    paths = dict.fromkeys(path for leaves in runs for path in leaves)
    differing: list[tuple[str, list[str | None]]] = []
    equal: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        values = [leaves.get(path) for leaves in runs]
        if any(value != values[0] for value in values):
            differing.append((path, values))
        elif values[0] is not None:
            part, _, rest = path.partition(".")
            equal.setdefault(part, []).append((rest, _cell(values[0])))
    most = min(_MAX_ROWS, max(20, _MAX_CELLS // max(len(runs), 1)))
    rows = tuple(
        (path, tuple((_cell(value), value != values[0]) for value in values))
        for path, values in differing[:most]
    )
    parts = tuple(
        Part(name, tuple(found[:_MAX_ROWS]), max(len(found) - _MAX_ROWS, 0))
        for name, found in equal.items()
    )
    return ConditionTable(rows, len(differing) - len(rows), parts)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield each value with its path; a plain list is one value, and so is a package."""
    if isinstance(value, dict) and value:
        if path.startswith("packages.distributions") and "version" in value:
            yield path, _package(value)
            return
        for key, item in value.items():
            if key != DERIVED:
                yield from _leaves(path_below(path, key), item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(f"{path}[{index}]", item)
    elif path:
        yield path, _text(value)


def _package(value: dict[str, Any]) -> str:
    """Return a distribution's version, with what else tells it from another of that version."""
    parts = [str(value["version"]), str(value["digest"] or "no digest")[:19]]
    if value["source"] is not None:
        parts.append(_text(value["source"]))
    return ", ".join(parts)


def _text(value: Any) -> str:
    if value is None:
        return _NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(text: str | None) -> str:
    """Return a value as one cell holds it; of two that are long, other ones look other."""
    if text is None:
        return "not there"
    if _DIGEST.fullmatch(text):
        return f"{text[:23]}…"
    if len(text) <= _MAX_LENGTH:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{text[:_MAX_LENGTH]}… ({len(text):,} characters, {digest})"
