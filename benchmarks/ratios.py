"""Ratios of measurements that alternate: their median, and how sure it is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Ratio(NamedTuple):
    """The median of some ratios.

    Attributes:
        median: The median.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Return the median of each round's ratio, and its 95 % interval.

    The interval ends at two of the ratios themselves, equally far from either end of their order,
    so nothing is assumed of how they scatter. Fewer than 6 rounds cannot reach 95 %: theirs runs
    from the smallest to the largest.
    """
    ratios = sorted(our / their for our, their in zip(ours, theirs, strict=True))
    out = left_out(len(ratios))
    return Ratio(statistics.median(ratios), ratios[out], ratios[-1 - out])


def left_out(count: int) -> int:
    """Return how many of `count` values a 95 % interval of their median leaves out on each side.

    11 values leave out 1, 12 leave out 2, 15 leave out 3.

    Source:
        How many values fall below the true median is binomial with probability 1/2.
    """
    out = 0
    while 40 * sum(math.comb(count, below) for below in range(out + 2)) <= 2**count:
        out += 1
    return out
