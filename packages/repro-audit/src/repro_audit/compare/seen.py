"""What of two runs is compared: the same training, and what both report of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from repro_audit.compare.common import what_both_report
from repro_audit.compare.joining import Joined, join_fits
from repro_audit.manifest import Manifest

__all__ = ["Seen", "see"]


class Seen(NamedTuple):
    """What of two runs is compared.

    Attributes:
        expected: The run compared with.
        actual: The run compared.
        ignored: Metrics that are not compared: by request, or since one run alone has them.
        said: What is set aside, each in a sentence.
        joined: How the fits of each run are joined; None where both call fit alike.
        needs_traces: Whether the digests of the traces alone tell nothing.
    """

    expected: Manifest
    actual: Manifest
    ignored: tuple[str, ...]
    said: tuple[str, ...] = ()
    joined: tuple[Joined, Joined] | None = None
    needs_traces: bool = False

    def without_steps(self) -> Seen:
        """Return the same where traces cannot be read that would have to be."""
        if self.joined is None:
            return self
        # Of steps that are numbered otherwise the manifests alone tell nothing.
        mine, theirs = self.expected._replace(trace=None), self.actual._replace(trace=None)
        return self._replace(expected=mine, actual=theirs)


def see(expected: Manifest, actual: Manifest, ignored: Sequence[str]) -> Seen:
    """Return what of two runs is compared.

    Args:
        expected: The run compared with.
        actual: The run compared.
        ignored: Metrics that are not compared, as asked.
    """
    joined = join_fits(expected, actual)
    calls: tuple[str, ...] = ()
    if joined is not None:
        expected, actual, calls = joined[0].manifest, joined[1].manifest, (joined[2],)
    both = what_both_report(expected, actual)
    return Seen(
        expected=both.expected,
        actual=both.actual,
        ignored=(*ignored, *both.metrics),
        said=(*calls, *both.only),
        joined=None if joined is None else joined[:2],
        needs_traces=joined is not None or bool(both.metrics),
    )
