"""What an item of a checklist is, and what it takes to answer one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from repro_audit.manifest import Manifest

__all__ = ["Evidence", "Form", "Item", "Statement", "blocked_reason", "reasons"]


class Statement(NamedTuple):
    """What a manifest records of one thing.

    Attributes:
        text: A sentence or several. Foreign text in it is shortened.
        paths: JSONPaths of the fields it rests on. None descends to a key of the user's.
    """

    text: str
    paths: tuple[str, ...]


class Evidence(NamedTuple):
    """One thing that a manifest may record.

    Attributes:
        what: What to call it where it is not recorded.
        where: JSONPath below which the manifest may say why it is missing.
        read: Returns what is recorded, or None.
        outcome: Whether only a complete run can tell.
    """

    what: str
    where: str
    read: Callable[[Manifest], Statement | None]
    outcome: bool = False


class Item(NamedTuple):
    """One item of a checklist.

    Attributes:
        number: As in the checklist.
        title: What it asks, in a few words of our own.
        evidence: What answers it; nothing where no manifest can.
        left: What remains for the author when all evidence is there. Without evidence, why
            no manifest can answer.
        of_seeds: Whether an ensemble of other seeds answers it.
    """

    number: str
    title: str
    evidence: tuple[Evidence, ...] = ()
    left: str = ""
    of_seeds: bool = False


class Form(NamedTuple):
    """A checklist to be answered.

    Attributes:
        title: What it is called, and its version or year.
        source: Where it is published.
        items: Its items, in its order.
    """

    title: str
    source: str
    items: tuple[Item, ...]


def blocked_reason(manifest: Manifest) -> Statement | None:
    """Return why the outcomes of a run answer nothing.

    Returns:
        The reason; None where the outcomes may answer.
    """
    if manifest.intervention is not None:
        path = "$.positive_control" if manifest.positive_control else "$.perturbation"
        return Statement(manifest.intervention, (path,))
    if not manifest.complete:
        return Statement(f"the run is not complete: it is {manifest.status}", ("$.status",))
    return None


def reasons(manifest: Manifest, where: str) -> dict[str, str]:
    """Return why a field, or what it is part of, is missing: each reason by its JSONPath."""
    return {
        f"$.missing[{index}].reason": item.reason
        for index, item in enumerate(manifest.missing)
        if _is_in(item.path, where) or _is_in(where, item.path)
    }


def _is_in(path: str, other: str) -> bool:
    """Whether a path is another one, or below it."""
    return path == other or path.startswith((f"{other}.", f"{other}["))
