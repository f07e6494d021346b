"""What a report is about, and how much of it is shown."""

from __future__ import annotations

from typing import Literal, NamedTuple

from repro_audit.audit import Audit
from repro_audit.compare import Comparison
from repro_audit.manifest import Manifest

__all__ = ["Extent", "Subject"]

Extent = Literal["short", "full", "page"]
"""How much is shown: what fits on a screen; all that was found; that, and what it was found in."""


class Subject(NamedTuple):
    """What a report is about.

    Attributes:
        result: The audit.
        manifests: The manifests it judges, in its order.
        names: What the report calls each.
        extent: How much is shown.
    """

    result: Audit
    manifests: tuple[Manifest, ...]
    names: tuple[str, ...]
    extent: Extent

    def has_several_fits(self, comparison: Comparison) -> bool:
        """Whether an epoch or a step of the runs compared is told from others only with its fit."""
        return any(
            self.manifests[index].has_several_fits
            for index in (comparison.expected, comparison.actual)
        )

    @property
    def is_single(self) -> bool:
        """Whether one manifest was asked for, and not what is left of a repeat."""
        return not self.result.comparisons and len(self.manifests) == 1 and not self.result.runs
