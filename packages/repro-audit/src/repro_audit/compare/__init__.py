"""Compare manifests: verdict, first difference among outcomes, ranked causes. No I/O.

Two questions are answered apart. *Where* do the runs diverge: the first difference among their
outcomes, in the order in which a run makes them. *Why*: the conditions that differ, ranked.
"""

from repro_audit.compare.comparison import (
    Cause,
    Certainty,
    Comparison,
    ConditionDifference,
    Excluded,
    FieldVerdict,
    FirstDifference,
    LaterCause,
    Match,
    MetricDifference,
    TensorDifference,
    Verdict,
)
from repro_audit.compare.groups import group
from repro_audit.compare.history import same_value
from repro_audit.compare.pair import EVIDENCE, compare, lacking_evidence
from repro_audit.compare.trace_comparison import (
    BatchDifference,
    ColumnDifference,
    Distance,
    TraceComparison,
)

__all__ = [
    "EVIDENCE",
    "BatchDifference",
    "Cause",
    "Certainty",
    "ColumnDifference",
    "Comparison",
    "ConditionDifference",
    "Distance",
    "Excluded",
    "FieldVerdict",
    "FirstDifference",
    "LaterCause",
    "Match",
    "MetricDifference",
    "TensorDifference",
    "TraceComparison",
    "Verdict",
    "compare",
    "group",
    "lacking_evidence",
    "same_value",
]
