"""Compare histories and evaluations value by value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from repro_audit.compare.comparison import MetricDifference
from repro_audit.compare.ulp import known_dtype, relative, ulps
from repro_audit.manifest import Manifest

__all__ = ["all_close", "metric_differences", "same_value", "with_earlier_epochs"]

_Values = Sequence[float | None]


def metric_differences(
    expected: Manifest, actual: Manifest, ignored: Sequence[str]
) -> tuple[MetricDifference, ...]:
    """Return every metric whose values differ in a bit.

    Args:
        expected: The run compared with.
        actual: The run compared.
        ignored: Metrics that are not compared; the validation metric ``val_NAME`` of an
            ignored ``NAME`` is.

    Returns:
        Fits before evaluations; metrics in the order of the expected run, then those that the
        actual run alone has.
    """
    differences = []
    for fit, evaluation, metric, dtype, first, second in _series(expected, actual):
        if metric not in ignored:
            difference = _difference(fit, evaluation, metric, dtype, first, second)
            if difference is not None:
                differences.append(difference)
    return tuple(differences)


def all_close(
    expected: Manifest, actual: Manifest, ignored: Sequence[str], rtol: float, atol: float
) -> bool:
    """Return whether every value lies within ``atol + rtol * |expected|`` of the expected one.

    Returns:
        False also where only one run has a value. NaN is close to NaN.

    Source:
        NumPy's ``allclose`` with ``equal_nan``.
    """
    if len(expected.outcomes.fits) != len(actual.outcomes.fits):
        return False
    if len(expected.outcomes.evaluations) != len(actual.outcomes.evaluations):
        return False
    for _, _, metric, _, first, second in _series(expected, actual):
        if metric in ignored:
            continue
        if len(first) != len(second):
            return False
        for a, b in zip(first, second, strict=True):
            if not same_value(a, b) and not (
                a is not None
                and b is not None
                and math.isfinite(a)
                and math.isfinite(b)
                and abs(b - a) <= atol + rtol * abs(a)
            ):
                return False
    return True


def with_earlier_epochs(expected: Manifest, actual: Manifest) -> tuple[Manifest, Manifest]:
    """Return two runs, of which one was resumed, with histories that begin with the same epoch.

    What the resumed one has no value of, it is given as the other has it: it is not compared. Nor
    is an evaluation before the training, for the weights there are those that were restored.
    """
    mine, theirs = (
        expected.outcomes.fits[0].history,
        actual.outcomes.fits[0].history,
    )
    return _lengthened(expected, theirs), _lengthened(actual, mine)


def _lengthened(manifest: Manifest, other: Mapping[str, Sequence[float | None]]) -> Manifest:
    """Return a manifest whose first fit has the values that another one has before its own."""
    first, *rest = manifest.outcomes.fits
    history = {
        name: (*other.get(name, ())[: max(0, len(other.get(name, ())) - len(values))], *values)
        for name, values in first.history.items()
    }
    fits = first._replace(history=history), *rest
    later = tuple(item for item in manifest.outcomes.evaluations if item.after_fits)
    outcomes = manifest.outcomes._replace(fits=fits, evaluations=later)
    return manifest._replace(outcomes=outcomes)


def _series(
    expected: Manifest, actual: Manifest
) -> Iterator[tuple[int | None, int | None, str, str | None, _Values, _Values]]:
    """Yield each metric of each fit and evaluation with its values in both runs."""
    fits = zip(expected.outcomes.fits, actual.outcomes.fits, strict=False)
    for number, (a, b) in enumerate(fits):
        for metric in _names(a.history, b.history):
            dtype = a.dtypes.get(metric) or b.dtypes.get(metric)
            yield number, None, metric, dtype, a.history.get(metric, ()), b.history.get(metric, ())
    evaluations = zip(expected.outcomes.evaluations, actual.outcomes.evaluations, strict=False)
    for number, (mine, theirs) in enumerate(evaluations):
        for metric in _names(mine.results, theirs.results):
            first = (mine.results[metric],) if metric in mine.results else ()
            second = (theirs.results[metric],) if metric in theirs.results else ()
            dtype = mine.dtypes.get(metric) or theirs.dtypes.get(metric)
            yield None, number, metric, dtype, first, second


def _names(first: Mapping[str, object], second: Mapping[str, object]) -> list[str]:
    return [*first, *(name for name in second if name not in first)]


def _difference(
    fit: int | None,
    evaluation: int | None,
    metric: str,
    dtype: str | None,
    first: _Values,
    second: _Values,
) -> MetricDifference | None:
    epochs = max(len(first), len(second))
    padded = [
        (
            first[index] if index < len(first) else None,
            second[index] if index < len(second) else None,
        )
        for index in range(epochs)
    ]
    unequal = [index for index, (a, b) in enumerate(padded) if not same_value(a, b)]
    if not unequal and len(first) == len(second):
        return None
    where = unequal[0] if unequal else min(len(first), len(second))
    a, b = padded[where]
    numbers = [value for pair in padded for value in pair if value is not None]
    counted = known_dtype(dtype, *numbers)
    distances = [
        distance
        for x, y in padded
        if x is not None and y is not None and (distance := relative(x, y)) is not None
    ]
    both = a is not None and b is not None
    return MetricDifference(
        metric=metric,
        fit=fit,
        evaluation=evaluation,
        equal=epochs - len(unequal),
        epochs=epochs,
        first_epoch=None if fit is None else where + 1,
        expected=a,
        actual=b,
        dtype=counted,
        ulps=ulps(a, b, counted) if both and a is not None and b is not None else None,
        relative=relative(a, b) if a is not None and b is not None else None,
        largest_relative=max(distances, default=None),
    )


def same_value(first: float | None, second: float | None) -> bool:
    """Whether two values have equal bits; NaN equals NaN, and -0.0 is not 0.0."""
    if first is None or second is None:
        return first is second
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return first == second and math.copysign(1, first) == math.copysign(1, second)
