"""What is told by the evidence itself, as a cause without a condition."""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.compare.comparison import Group

__all__ = ["TOLD", "Testimony"]


class Testimony(NamedTuple):
    """What the steps tell.

    Attributes:
        kind: Name of the kind of cause.
        group: The group it is ranked in.
        title: What differs.
        seen: What shows it, and what does not differ.
        means: What it points at.
        remedy: What to look at.
        paths: JSONPaths of where it stands in a manifest.
    """

    kind: str
    group: Group
    title: str
    seen: str
    means: str
    remedy: str
    paths: tuple[str, ...] = ("$.outcomes.digests.trace",)

    @property
    def reason(self) -> str:
        """What shows it, and what it points at."""
        return f"{self.seen}: {self.means}" if self.means else self.seen


TOLD = frozenset(
    {
        "batch_size",
        "batch_dtype",
        "batch_count",
        "batch_order",
        "batch_scale",
        "batch_content",
        "one_layer",
        "initial_weights",
        "layer_code",
        "metric",
        "learning_rate",
        "update_rule",
        "training_ended",
        "only_one_run",
        "evaluation",
    }
)
"""Kinds of cause that are told by the steps, and by no condition."""
