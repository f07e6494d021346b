"""What of two runs is compared: the same training, what both report of it, as precisely as both."""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.compare.common import what_both_report
from repro_audit.compare.joining import Places, join_fits
from repro_audit.manifest import Manifest

__all__ = ["Seen", "see"]


class Seen(NamedTuple):
    """What of two runs is compared.

    Attributes:
        expected: The run compared with.
        actual: The run compared.
        said: What is set aside, each in a sentence.
        places: How the fits of each run are joined; None where both call fit alike.
    """

    expected: Manifest
    actual: Manifest
    said: tuple[str, ...] = ()
    places: tuple[Places, Places] | None = None

    @property
    def needs_traces(self) -> bool:
        """Whether the digests of the traces alone tell nothing: they are of all that was."""
        return bool(self.said)

    def without_steps(self) -> Seen:
        """Return the same where traces cannot be read that would have to be."""
        if not self.needs_traces:
            return self
        mine, theirs = self.expected._replace(trace=None), self.actual._replace(trace=None)
        return self._replace(expected=mine, actual=theirs)


def see(expected: Manifest, actual: Manifest) -> Seen:
    """Return what of two runs is compared.

    Args:
        expected: The run compared with.
        actual: The run compared.
    """
    joined = join_fits(expected, actual)
    calls: tuple[str, ...] = ()
    if joined is not None:
        expected, actual, calls = joined.expected, joined.actual, (joined.said,)
    both = what_both_report(expected, actual)
    expected, actual, only = both
    if expected.is_log or actual.is_log:
        from repro_audit.compare.precision import at_one_precision  # no two manifests need it

        expected, actual, beyond = at_one_precision(expected, actual)
        only += beyond
    return Seen(
        expected=expected,
        actual=actual,
        said=(*calls, *only),
        places=None if joined is None else joined.places,
    )
