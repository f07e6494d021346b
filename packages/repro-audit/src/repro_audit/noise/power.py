"""Which differences so many runs would show, and how many runs would show a difference.

A run whose mean is another by `shift` deviations lies outside the prediction interval of `n` runs
with the probability that a noncentral t (with `n - 1` degrees of freedom and a noncentrality of
`shift / √(1 + 1/n)`) exceeds the limit (Hahn and Meeker, Statistical Intervals, 1991).
"""

from __future__ import annotations

import functools
import math

from repro_audit.noise.scatter import LEVEL, student

__all__ = ["POWER", "detectable", "power", "runs_needed"]

POWER = 0.8
"""A difference counts as one that would be seen where it is as often as this."""

_MOST_RUNS = 1_000
_MOST_SHIFT = 1e6


def power(shift: float, runs: int, level: float = LEVEL) -> float:
    """Return how often a run is called another one that is.

    Args:
        shift: By how much its mean is another, in standard deviations of the ensemble.
        runs: Runs of the ensemble, 2 or more.
        level: How often an honest run may be called another one.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    special = student()
    limit = float(special.stdtrit(runs - 1, 1 - level / 2))
    away = abs(shift) / math.sqrt(1 + 1 / runs)
    if away > 37 * max(1.0, limit):  # where the distribution is no longer computed
        return 1.0
    above = 1 - float(special.nctdtr(runs - 1, away, limit))
    below = float(special.nctdtr(runs - 1, away, -limit))
    return min(1.0, above + (below if math.isfinite(below) else 0.0))


def detectable(deviation: float, runs: int, level: float = LEVEL) -> float:
    """Return the smallest difference that would be seen as often as `POWER` says.

    Args:
        deviation: Standard deviation of the ensemble.
        runs: How many runs it has, 2 or more.
        level: How often an honest run may be called another one.

    Returns:
        In the unit of the deviation.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    return deviation * _detectable_shift(runs, level)


@functools.cache
def _detectable_shift(runs: int, level: float) -> float:
    """Return the same in standard deviations: of many values it is asked for again and again."""
    low, high = 0.0, 1.0
    while power(high, runs, level) < POWER and high < _MOST_SHIFT:
        low, high = high, high * 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle, runs, level) < POWER else (low, middle)
    return high


def runs_needed(shift: float, level: float = LEVEL) -> int:
    """Return how many runs would show a difference as often as `POWER` says.

    Args:
        shift: The difference, in standard deviations of the ensemble.
        level: How often an honest run may be called another one.

    Returns:
        The number of runs; `_MOST_RUNS` where even so many would not.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    low, high = 2, _MOST_RUNS
    if power(shift, high, level) < POWER:
        return high
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if power(shift, middle, level) < POWER else (low, middle)
    return high
