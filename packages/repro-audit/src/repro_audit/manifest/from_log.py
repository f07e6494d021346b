"""A log in place of a manifest: evidence of a history, and of nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repro_audit.canonical import digest_bytes
from repro_audit.errors import ManifestError
from repro_audit.manifest.records import FitOutcome, Manifest, Missing, Outcomes
from repro_audit.wording import counted, listed

if TYPE_CHECKING:
    from repro_audit.logs import Log

__all__ = ["about_log", "from_log", "one_of_log"]

_MAX_NAMED = 4


def from_log(log: Log, content: bytes, name: str) -> Manifest:
    """Return a manifest that holds the histories of a log.

    Args:
        log: The log.
        content: What it was read from.
        name: What messages call it.
    """
    return Manifest(
        # A log has no run id: one file given twice is one run, two equal files are two.
        run_id=digest_bytes(name.encode("utf-8", "surrogateescape") + content)[7:39],
        status="complete",
        recorder=log.kind,
        schema="",
        missing=tuple(Missing(*note) for note in log.notes),
        outcomes=Outcomes(
            fits=tuple(
                FitOutcome(
                    model=None,
                    steps=None,
                    first_epoch=fit.first_epoch,
                    ended=None,
                    epochs=(),
                    trace=(),
                    history=fit.history,
                    dtypes=fit.dtypes,
                )
                for fit in log.fits
            )
        ),
    )


def one_of_log(manifest: Manifest, number: int, name: str) -> Manifest:
    """Return what a log says of one of its fits.

    Args:
        manifest: The log, as `from_log` returns it.
        number: The fit, from 0.
        name: What messages call the log.

    Raises:
        ManifestError: It is no log, or has no such fit.
    """
    fits = manifest.outcomes.fits
    if not manifest.is_log:
        message = f"{name}: is a manifest, whose fits are compared by --fits."
        raise ManifestError(message)
    if number >= len(fits):
        message = (
            f"{name}: holds {counted(len(fits), 'fit')}, counted from 0: there is no #{number}."
        )
        raise ManifestError(message)
    return manifest._replace(outcomes=Outcomes(fits=(fits[number],)))


def about_log(manifest: Manifest) -> str:
    """Say which log stands for a manifest, how precise its values are, and what was left out.

    Args:
        manifest: The log, as `from_log` returns it.
    """
    dtypes: dict[str | None, dict[str, None]] = {}
    for fit in manifest.outcomes.fits:
        for name, dtype in fit.dtypes.items():
            dtypes.setdefault(dtype, {})[name] = None
    parts = []
    for dtype, names in dtypes.items():
        values = "printed values" if dtype is None else f"{dtype} values"
        of = f" of {listed(names, _MAX_NAMED)}" if len(dtypes) > 1 else ""
        parts.append(values + of)
    return "; ".join((manifest.recorder, *parts, *(item.reason for item in manifest.missing)))
