"""Fits of one run, each as a run of its own: what `--fits` compares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from repro_audit.audit.rules import check_with_trace
from repro_audit.errors import ManifestError, printable
from repro_audit.manifest import Manifest, of_fit
from repro_audit.manifest.records import Missing
from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.trace import Trace

__all__ = ["FitAlone", "fits_alone"]

_NO_TRACE = "the trace does not lie beside the manifest, whose digest is of all fits together"


class FitAlone(NamedTuple):
    """One fit of a run, as if that had trained nothing else.

    Attributes:
        name: What a report calls it.
        manifest: What the run's manifest says of it.
        trace: Its part of the run's trace, if that is there.
    """

    name: str
    manifest: Manifest
    trace: Trace | None


def fits_alone(
    manifest: Manifest, trace: Trace | None, numbers: Sequence[int], name: str
) -> list[FitAlone]:
    """Return fits of one run that can be compared as runs are.

    Args:
        manifest: The run.
        trace: Its trace, if that is there.
        numbers: Two fits or more, counted from 1.
        name: What to call the run.

    Raises:
        ManifestError: It has no such fit, they are no trainings of models of their own, or the
            manifest contradicts itself.
        TraceError: The trace is damaged, or not the manifest's.
    """
    _check_numbers(manifest, numbers, name)
    # In its parts it could no longer be seen.
    for finding in check_with_trace(manifest, trace):
        if finding.contradicts:
            seen = printable(finding.seen).removesuffix(".")
            _refuse(f"{printable(name)} contradicts itself: {seen}")
    return list(_alone(manifest, trace, numbers, name))


def _check_numbers(manifest: Manifest, numbers: Sequence[int], name: str) -> None:
    """Raise where fits of these numbers cannot be compared as runs are."""
    fits = manifest.outcomes.fits
    if manifest.is_log:
        _refuse(f"{printable(name)} is a log: name its fits as FILE#0 and FILE#1")
    if len(numbers) < 2:
        _refuse(f"Expected two fits or more, received {counted(len(numbers), 'fit')}")
    for number in numbers:
        if not 1 <= number <= len(fits):
            has = f"{counted(len(fits), 'fit')}, counted from 1" if fits else "no fit"
            _refuse(f"{printable(name)} has {has}: fit {number} is none of them")
    for place, number in enumerate(numbers):
        for other in numbers[:place]:
            if number == other:
                _refuse(f"Fit {number} is given twice: name another one to compare it with")
            if fits[number - 1].model == fits[other - 1].model:
                early, late = sorted((number, other))
                _refuse(
                    f"Fits {early} and {late} train one model: fit {late} goes on with the "
                    f"weights that the model has by then, and is no second fit {early}. Name fits "
                    "of models of their own"
                )


def _alone(
    manifest: Manifest, trace: Trace | None, numbers: Sequence[int], name: str
) -> Iterator[FitAlone]:
    covered = manifest.outcomes.digests.trace is not None
    for number in numbers:
        alone, part = of_fit(manifest, number - 1), None
        if trace is not None and covered:
            from repro_audit.trace.one_fit import with_outcome  # NumPy, where it is needed

            part = trace.of_fit(number - 1)
            alone = with_outcome(alone, part.parts())
        elif covered:
            lacks = Missing("$.outcomes.digests.trace", _NO_TRACE)
            alone = alone._replace(missing=(*alone.missing, lacks))
        yield FitAlone(f"{name}: fit {number}", alone, part)


def _refuse(reason: str) -> NoReturn:
    message = f"{reason}."
    raise ManifestError(message)
