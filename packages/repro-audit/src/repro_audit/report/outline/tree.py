"""What a report is made of, whatever its format: sections, and what stands in them.

Text is a stranger's and stands here as it is. Each renderer escapes it at its own sink.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from repro_audit.report.figure import Figure
from repro_audit.report.summary import Headline

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
    "Role",
    "Row",
    "Section",
    "Span",
    "Table",
    "flat",
    "line",
]

Role = Literal["plain", "strong", "soft", "name", "changed", "verdict"]
"""How a piece of text is meant: ``name`` is a value, or what somebody calls something; ``changed``
a value that is another than the one beside it; ``verdict`` a word with a colour of its own."""


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    role: Role = "plain"


Line = tuple[Span, ...]


class Paragraph(NamedTuple):
    """Prose."""

    line: Line


class Listing(NamedTuple):
    """Lines of one kind, one below the other."""

    items: tuple[Line, ...]


class Fact(NamedTuple):
    """What is known of one thing, beside what it is called."""

    label: Span
    line: Line


class Facts(NamedTuple):
    """Facts, one below the other."""

    rows: tuple[Fact, ...]


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        cells: One line a column.
        notes: What else there is to say of it, in a last column of its own.
    """

    cells: tuple[Line, ...]
    notes: tuple[str, ...] = ()


class Table(NamedTuple):
    """A table.

    Attributes:
        label: What it shows, for whoever cannot see it.
        head: Titles of its columns, that of the notes among them where rows have any.
        rows: Its rows.
    """

    label: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]


class Code(NamedTuple):
    """Lines that a reader may copy."""

    text: str


class Curve(NamedTuple):
    """A curve that is drawn with letters.

    Attributes:
        caption: What it shows.
        points: Where, how much, and a bar.
    """

    caption: str
    points: tuple[tuple[str, str, str], ...]


class Section(NamedTuple):
    """A part of a report.

    Attributes:
        title: What it is called; empty where it has no title.
        said: What is said beside the title.
        children: What stands in it.
        folded: Whether a reader who can fold it finds it folded.
    """

    title: Line
    said: Line = ()
    children: tuple[Node, ...] = ()
    folded: bool = False


Node = Paragraph | Listing | Facts | Table | Code | Curve | Figure | Section


class Outline(NamedTuple):
    """A report.

    Attributes:
        headline: What a reader is told first.
        evidence: What it rests on; empty where there is none to speak of.
        compared: What was compared or recorded, in a few words.
        beside: What a reader of the verdict must know.
        sections: All else, in order.
    """

    headline: Headline
    evidence: str
    compared: str
    beside: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


def line(*parts: str | Span) -> Line:
    """Return a line of pieces, of which plain ones are given as text, without those that are empty.

    >>> line("a ", Span("b", "strong"))
    (Span(text='a ', role='plain'), Span(text='b', role='strong'))
    """
    pieces = (Span(part) if isinstance(part, str) else part for part in parts)
    return tuple(piece for piece in pieces if piece.text)


def flat(pieces: Line) -> str:
    """Return the text of a line.

    >>> flat(line("a ", Span("b", "strong")))
    'a b'
    """
    return "".join(piece.text for piece in pieces)
