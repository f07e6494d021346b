"""The kinds of cause that a comparison can name; a file for each part of a run."""

from __future__ import annotations

import re

from repro_audit.compare.comparison import Cause
from repro_audit.compare.kinds import data, determinism, environment, seeds, training
from repro_audit.compare.kinds.kind import DRAWN_SEED, STAGES, VARIABLE, Kind, Stage, Strength

__all__ = [
    "DRAWN_SEED",
    "KINDS",
    "STAGES",
    "Kind",
    "Stage",
    "Strength",
    "factor_of",
    "kind_named",
    "kind_of",
]

KINDS: tuple[Kind, ...] = (
    *data.KINDS,
    *seeds.KINDS,
    *training.KINDS,
    *determinism.KINDS,
    *environment.KINDS,
)
"""Every kind; the first whose paths match a condition takes it."""

_NO_CAUSE = (
    VARIABLE + "TF_CPP_MIN_LOG_LEVEL",
    r"environment\.memory_bytes",
    r"environment\.cpu\.(physical|logical)_cores",
    r"training\.fits\[\d+\]\.arguments\.steps_per_execution",
    r"initializers\.restored",  # that weights were loaded says the same of both runs' packages
    r"seeds\.declared_by",  # what differs is the seed, or nothing does
)
"""Conditions that differ between machines or checkouts and change no bit by themselves."""


def kind_of(path: str) -> Kind | None:
    """Return the kind of cause that a condition belongs to.

    A whole part, such as ``$.conditions.seeds``, differs only where one run lacks it: missing
    evidence is no cause.

    Returns:
        The kind; None where the condition causes nothing.

    >>> kind_of("$.conditions.determinism.backend.threads.intra_op.in_force").name
    'threads'
    """
    below = path.removeprefix("$.conditions.")
    if below.isidentifier() or any(_begins(pattern, below) for pattern in _NO_CAUSE):
        return None
    return next(
        (kind for kind in KINDS if any(_begins(pattern, below) for pattern in kind.paths)), None
    )


def kind_named(name: str) -> Kind:
    """Return the kind of that name."""
    return next(kind for kind in KINDS if kind.name == name)


def factor_of(cause: Cause) -> str:
    """Return what `repro_audit.repeat` varies a cause by.

    Returns:
        The factor; empty where there is none.
    """
    kind = next((kind for kind in KINDS if kind.name == cause.kind), None)
    return "" if kind is None else kind.varied_by(cause.paths)


def _begins(pattern: str, path: str) -> bool:
    """Whether a path is the one that the pattern names, or lies below it."""
    return re.match(rf"(?:{pattern})(?![\w-])", path) is not None
