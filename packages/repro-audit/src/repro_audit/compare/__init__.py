"""Compare manifests: verdict, first difference among outcomes, ranked causes. No I/O.

Two questions are answered apart. *Where* do the runs part: the first difference among their
outcomes, in the order in which a run makes them. *Why*: the conditions that differ, ranked.
"""

from repro_audit.compare.comparison import (
    Cause,
    Comparison,
    ConditionDifference,
    FieldVerdict,
    FirstDifference,
    MetricDifference,
    TensorDifference,
)
from repro_audit.compare.groups import group
from repro_audit.compare.pair import EVIDENCE, compare

__all__ = [
    "EVIDENCE",
    "Cause",
    "Comparison",
    "ConditionDifference",
    "FieldVerdict",
    "FirstDifference",
    "MetricDifference",
    "TensorDifference",
    "compare",
    "group",
]
