"""The precision at which two histories can be compared, where one of them comes from a log.

Keras computes metrics in float32. Some logs hold those bits, as float32 or as the float64 that
equals it; others hold the shortest decimal that tells it from its neighbours. Once one side is
known to hold float32, the other side tells no more than the float32 nearest to what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from repro_audit.compare.history import same_value
from repro_audit.logs.numbers import to_float32
from repro_audit.manifest import Manifest
from repro_audit.manifest.records import FitOutcome
from repro_audit.wording import listed

__all__ = ["AtOnePrecision", "at_one_precision"]


class AtOnePrecision(NamedTuple):
    """Two runs whose histories have one precision.

    Attributes:
        expected: The run compared with.
        actual: The run compared.
        said: What was rounded, each in a sentence.
    """

    expected: Manifest
    actual: Manifest
    said: tuple[str, ...]


def at_one_precision(expected: Manifest, actual: Manifest) -> AtOnePrecision:
    """Return two runs whose values are rounded to float32 where the other side holds no more.

    Args:
        expected: The run compared with.
        actual: The run compared.
    """
    rounded: dict[str, None] = {}
    fits = [list(manifest.outcomes.fits) for manifest in (expected, actual)]
    for number, (mine, theirs) in enumerate(zip(*fits, strict=False)):
        for metric in mine.history.keys() & theirs.history.keys():
            singles = [_is_float32(fit, metric) for fit in (mine, theirs)]
            if singles[0] == singles[1]:
                continue
            side = singles.index(False)
            if not _holds_float32(fits[side][number], metric):
                rounded[metric] = None
            fits[side][number] = _rounded(fits[side][number], metric)
    names = listed(sorted(rounded))
    said = f"digits beyond float32, which is all that one side holds, of {names}"
    return AtOnePrecision(
        _with_fits(expected, fits[0]), _with_fits(actual, fits[1]), (said,) if rounded else ()
    )


def _is_float32(fit: FitOutcome, metric: str) -> bool:
    """Whether a metric was float32 where it was noted, and all its values still are."""
    return fit.dtypes.get(metric) == "float32" and _holds_float32(fit, metric)


def _holds_float32(fit: FitOutcome, metric: str) -> bool:
    """Whether rounding changes no value of a metric."""
    return all(
        value is None or same_value(value, to_float32(value)) for value in fit.history[metric]
    )


def _rounded(fit: FitOutcome, metric: str) -> FitOutcome:
    """Return a fit with the values of one metric as float32."""
    values = tuple(None if value is None else to_float32(value) for value in fit.history[metric])
    return fit._replace(
        history={**fit.history, metric: values}, dtypes={**fit.dtypes, metric: "float32"}
    )


def _with_fits(manifest: Manifest, fits: Sequence[FitOutcome]) -> Manifest:
    return manifest._replace(outcomes=manifest.outcomes._replace(fits=tuple(fits)))
