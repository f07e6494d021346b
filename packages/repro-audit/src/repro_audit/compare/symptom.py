"""What the first difference looks like, which is what a cause has to explain."""

from __future__ import annotations

from typing import Literal, NamedTuple

from repro_audit.compare.comparison import ColumnKind, Distance, FirstDifference, TraceComparison
from repro_audit.compare.steps import resumed_at
from repro_audit.manifest import Manifest

__all__ = ["Symptom", "read_symptom"]

_ROUNDING = 1e-3
_LARGE = 0.03
"""Distance over the size of one training step. Measured on a CNN: other rounding begins at
2e-6, another random stream or learning rate at 0.1 to 1."""


class Symptom(NamedTuple):
    """The first difference, in the terms in which causes are ranked.

    Attributes:
        where: ``start`` (initial weights), ``batch``, ``random``, ``loss``, ``weight`` or
            ``optimizer``: the first kind of column that differs in the first step that does;
            ``between`` where steps that were not traced may differ before that one; ``epoch``
            where only an epoch is known; ``outcome`` where the weights after every epoch are equal.
        size: ``rounding``, ``large``, or None where it cannot be told.
        ratio: Distance of the weights over the size of one step; None where not known.
        roles: Roles of the columns of that kind that differ.
        batches_equal: Whether every batch is known to be equal up to and in that step.
        resumed_at: The epoch at which one of the runs was resumed.
    """

    where: ColumnKind | Literal["start", "between", "epoch", "outcome"]
    size: Literal["rounding", "large"] | None = None
    ratio: float | None = None
    roles: tuple[str, ...] = ()
    batches_equal: bool = False
    resumed_at: int | None = None

    @property
    def labels_only(self) -> bool:
        """Whether the targets differ and the inputs do not."""
        parts = {role.partition("/")[0] for role in self.roles}
        return self.where == "batch" and "y" in parts and "x" not in parts


def read_symptom(
    expected: Manifest, actual: Manifest, first: FirstDifference, trace: TraceComparison | None
) -> Symptom:
    """Return what the first difference looks like.

    Args:
        expected: The run compared with.
        actual: The run compared.
        first: Where the runs diverge.
        trace: What their traces show, where both were read.
    """
    resumed = resumed_at(expected, actual)
    if first.kind == "initial weights":
        return Symptom(where="start")
    if first.kind not in {"step", "trace", "epoch weights"}:
        return Symptom(where="outcome", resumed_at=resumed)
    step = None if trace is None else trace.step
    if trace is None or step is None or first.kind != "step":
        return Symptom(where="epoch", resumed_at=resumed)
    where = step.columns[0].kind
    if where not in {"batch", "random"} and not step.is_first:
        return Symptom(where="between", resumed_at=resumed)
    roles = tuple(item.role for item in step.columns if item.kind == where)
    ratio = _ratio(trace)
    size: Literal["rounding", "large"] | None = None
    if ratio is not None:
        size = "rounding" if ratio < _ROUNDING else "large" if ratio > _LARGE else None
    return Symptom(
        where=where,
        size=size,
        ratio=ratio,
        roles=roles,
        batches_equal=step.is_first and "batch" in step.equal,
        resumed_at=resumed,
    )


def _ratio(trace: TraceComparison) -> float | None:
    """Return the first distance over the size of one step, where both are known."""
    for index, item in enumerate(trace.distances):
        if not item.differing:
            continue
        # The first probe has none before it: the next one tells how large a step is.
        sizes = [later.step_size for later in trace.distances[index:] if later.step_size]
        if not sizes or item.relative is None or not _is_early(trace, item):
            return None
        return item.relative / sizes[0]
    return None


def _is_early(trace: TraceComparison, distance: Distance) -> bool:
    """Whether a probe follows the first difference closely: later, any difference has grown."""
    step = trace.step
    if step is None or (step.fit, step.epoch) != (distance.fit, distance.epoch):
        return False
    return distance.step <= 2 * step.step
