"""How far one honest rerun lies from the runs that a result was made of.

A paper prints the mean and the standard deviation of `n` runs, which differ in their seeds. Whether
one new run belongs to them is a question for a prediction interval and not for one of the mean:
the new value scatters by itself, and the mean is not known exactly. If the runs are independent
draws of one normal distribution, `(x - mean) / (deviation · √(1 + 1/n))` follows Student's t with
`n - 1` degrees of freedom (Hahn and Meeker, Statistical Intervals, 1991). Of a lowest and a highest
value of `n` runs nothing need be assumed but that all runs are alike: the new one is the lowest or
the highest of `n + 1` with a probability of `2 / (n + 1)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple, cast

from repro_audit.errors import missing_extra

__all__ = [
    "LEVEL",
    "Interval",
    "binomial",
    "chance",
    "holm",
    "interval",
    "moments",
    "outside_range",
    "student",
    "welch",
]

LEVEL = 0.05
"""How often honest reruns are taken for others."""

_LARGEST = 1e100
"""What is larger is no result of a training, and its square no number; nor is NaN smaller."""


class Interval(NamedTuple):
    """Where one new run lies with a probability of `1 - level`."""

    low: float
    high: float


def interval(mean: float, deviation: float, runs: int, level: float = LEVEL) -> Interval:
    """Return the prediction interval of one new run.

    Args:
        mean: Mean of the runs.
        deviation: Their standard deviation, with `runs - 1` in its denominator.
        runs: How many there are, 2 or more.
        level: How often an honest rerun may lie outside.

    Raises:
        MissingExtraError: SciPy is not installed.

    >>> low, high = interval(0.963, 0.002, 5)  # doctest: +SKIP
    >>> round(low, 4), round(high, 4)  # doctest: +SKIP
    (0.9569, 0.9691)
    """
    reach = float(student().stdtrit(runs - 1, 1 - level / 2)) * deviation * math.sqrt(1 + 1 / runs)
    return Interval(mean - reach, mean + reach)


def chance(value: float, mean: float, deviation: float, runs: int) -> float:
    """Return how often an honest rerun lies as far from the mean as a value does, or farther.

    Args:
        value: What one new run has.
        mean: Mean of the runs.
        deviation: Their standard deviation.
        runs: How many there are, 2 or more.

    Returns:
        A probability, from 0 to 1.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    scale = deviation * math.sqrt(1 + 1 / runs)
    away = abs(value - mean)
    if scale == 0:
        return 1.0 if away == 0 else 0.0
    return float(2 * student().stdtr(runs - 1, -away / scale))


def moments(values: Sequence[float | None]) -> tuple[float, float] | None:
    """Return the mean and the standard deviation of several values.

    Of equal values they are exactly theirs and 0, which a mean that is rounded need not be.

    Args:
        values: What runs end with, two or more.

    Returns:
        None where one has no number, or one so large that its square is none.

    >>> moments([0.1, 0.1, 0.1]), moments([1.0, 3.0]), moments([1.0, None])
    ((0.1, 0.0), (2.0, 1.4142135623730951), None)
    """
    from statistics import fmean, stdev  # where nothing is judged, its import would be in vain

    known = [value for value in values if value is not None and abs(value) < _LARGEST]
    if len(known) < len(values):
        return None
    return (known[0], 0.0) if len(set(known)) == 1 else (fmean(known), stdev(known))


def binomial(share: float, samples: int) -> float:
    """Return the standard deviation of a share that was counted, such as an accuracy.

    It is what other samples of the same kind would give one and the same model.

    Args:
        share: The share, from 0 to 1.
        samples: How many were counted.

    >>> round(binomial(0.985, 1000), 4)
    0.0038
    """
    return math.sqrt(share * (1 - share) / samples)


def welch(one: tuple[float, float, int], other: tuple[float, float, int]) -> float:
    """Return how often two honest means are as far apart as these, whatever their deviations.

    Welch's test, with the degrees of freedom of Satterthwaite (Biometrics Bulletin 2, 1946).

    Args:
        one: A mean, its standard deviation, and the number of runs, 2 or more.
        other: Another.

    Returns:
        A probability, from 0 to 1.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    (mean, deviation, runs), (other_mean, other_deviation, other_runs) = one, other
    away = abs(mean - other_mean)
    unit = max(deviation, other_deviation)
    if unit == 0:
        return 1.0 if away == 0 else 0.0
    # In units of the larger one no square is too large for a number.
    first, second = (deviation / unit) ** 2 / runs, (other_deviation / unit) ** 2 / other_runs
    freedom = (first + second) ** 2 / (first**2 / (runs - 1) + second**2 / (other_runs - 1))
    return float(2 * student().stdtr(freedom, -away / unit / math.sqrt(first + second)))


def outside_range(runs: int) -> float:
    """Return how often an honest rerun lies outside the lowest and the highest of so many runs.

    >>> outside_range(5)
    0.3333333333333333
    """
    return 2 / (runs + 1)


def holm(chances: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Return which of several values are no noise, so that all together err at one level.

    Holm's method (Scandinavian Journal of Statistics 6, 1979): the least chance is held against the
    level over all of them, the next one against the level over all but one, until one is not below.

    Args:
        chances: The chance of each.
        level: How often one or more honest values may be called others.

    >>> holm([0.04, 0.001, 0.03])
    [False, True, False]
    """
    others = [False] * len(chances)
    ordered = sorted(range(len(chances)), key=chances.__getitem__)
    for place, index in enumerate(ordered):
        if chances[index] > level / (len(chances) - place):
            break
        others[index] = True
    return others


def student() -> ModuleType:
    """Return what knows Student's t: ``stdtr`` its distribution, ``stdtrit`` the inverse."""
    try:
        from scipy import special
    except ImportError:
        what = "judging by a standard deviation"
        raise missing_extra(what, "noise") from None
    return cast("ModuleType", special)
