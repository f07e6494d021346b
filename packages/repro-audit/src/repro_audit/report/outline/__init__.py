"""An audit as a tree of sections, which every renderer shows in its own way.

What is shown, in which order and under which condition is decided here, once. A new section is a
function that returns one, and its name in `sections`.
"""

from repro_audit.report.outline.sections import outline
from repro_audit.report.outline.tree import (
    Code,
    Curve,
    Fact,
    Facts,
    Line,
    Listing,
    Node,
    Outline,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    flat,
    line,
)

__all__ = [
    "Code",
    "Curve",
    "Fact",
    "Facts",
    "Line",
    "Listing",
    "Node",
    "Outline",
    "Paragraph",
    "Row",
    "Section",
    "Span",
    "Table",
    "flat",
    "line",
    "outline",
]
