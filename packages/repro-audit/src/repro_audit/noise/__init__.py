"""Is a difference noise? How papers print results, and how far apart honest reruns lie.

SciPy, which only ``repro-audit[noise]`` brings, is imported where a probability is asked for.
"""

from repro_audit.noise.printed import Printed, parse
from repro_audit.noise.scatter import (
    LEVEL,
    Interval,
    binomial,
    chance,
    holm,
    interval,
    moments,
    outside_range,
    welch,
)

__all__ = [
    "LEVEL",
    "Interval",
    "Printed",
    "binomial",
    "chance",
    "holm",
    "interval",
    "moments",
    "outside_range",
    "parse",
    "welch",
]
