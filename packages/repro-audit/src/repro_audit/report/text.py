"""An audit as text, for a terminal, a pipe or a log.

No boxes and no columns that a narrow window would break. Prose wraps to the width; code and
paths never do, so that they can be copied. What is shown, the outline says.
"""

from __future__ import annotations

from collections.abc import Sequence

from repro_audit.audit import Audit
from repro_audit.errors import printable
from repro_audit.manifest import Manifest
from repro_audit.report.figure import Figure
from repro_audit.report.outline import (
    Code,
    Curve,
    Facts,
    Line,
    Listing,
    Node,
    Outline,
    Paragraph,
    Section,
    Span,
    Table,
    flat,
    outline,
)
from repro_audit.report.page import Page

__all__ = ["render_outline", "render_text"]

_STYLES = {"plain": "", "strong": "bold", "soft": "dim", "name": "", "changed": "bold"}
_VERDICT = len("missing")
"""Columns of a verdict: what stands beside it has one place in every report."""


def render_text(
    result: Audit, manifests: Sequence[Manifest], *, width: int = 100, color: bool = False
) -> str:
    """Return an audit as text.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
        width: Columns to wrap prose to.
        color: Whether to use colours and weights.
    """
    return render_outline(outline(result, manifests, "short"), width=width, color=color)


def render_outline(tree: Outline, *, width: int = 100, color: bool = False) -> str:
    """Return an outline as text.

    Args:
        tree: The outline.
        width: Columns to wrap prose to.
        color: Whether to use colours and weights.
    """
    page = Page(width, color=color)
    word, style, text = tree.headline
    evidence = f" (evidence: {tree.evidence})" if tree.evidence else ""
    page.verdict(style, text + evidence, word=word)
    for label, said in tree.beside:
        page.labelled(label, said, max(len(label) for label, _ in tree.beside))
    for section in tree.sections:
        page.blank()
        _section(page, section)
    return page.text()


def _section(page: Page, section: Section) -> None:
    """Add a section; its title and what belongs to it stand without a blank line between."""
    if section.title and section.title[-1].role == "verdict":
        page.verdict(section.title[-1].text, flat(section.said), word=flat(section.title))
    elif section.title:
        between = ": " if section.said else ""
        page.line(
            *_styled(section.title), (_style(section.title[-1]), between), *_styled(section.said)
        )
    before: Node | None = None
    for child in section.children:
        if _stands_apart(before, child):
            page.blank()
        _node(page, child)
        before = child


def _stands_apart(before: Node | None, node: Node) -> bool:
    """Whether a blank line parts what stands in a section."""
    if before is None:
        return isinstance(node, Section)
    apart = Section | Table | Curve | Figure
    return isinstance(node, apart) or isinstance(before, apart)


def _node(page: Page, node: Node) -> None:
    """Add what stands in a section."""
    match node:
        case Section():
            _section(page, node)
        case Paragraph():
            page.prose(flat(node.line), indent=2, style=_first(node.line))
        case Listing():
            for item in node.items:
                page.prose(flat(item), indent=2, style=_first(item))
        case Facts():
            _facts(page, node)
        case Table():
            _table(page, node)
        case Code():
            page.code(node.text, indent=4)
        case Curve():
            _curve(page, node)
        case Figure():
            _figure(page, node)


def _facts(page: Page, facts: Facts) -> None:
    """Add facts, each a label and what wraps beside it; what begins with a name never wraps."""
    width = max((len(printable(fact.label.text)) for fact in facts.rows), default=0)
    for fact in facts.rows:
        if fact.line and fact.line[0].role == "name":
            label = f"  {printable(fact.label.text):<{width}}  "
            page.line(("dim", label), *_styled(fact.line))
        else:
            page.labelled(fact.label.text, flat(fact.line), width)


def _table(page: Page, table: Table) -> None:
    """Add a table. No row wraps; its notes, and beside notes a last cell too long, stand below."""
    if not table.rows:
        return
    cells = [[printable(flat(cell)) for cell in row.cells] for row in table.rows]
    widths = [
        max(_VERDICT if cell and cell[0].role == "verdict" else 0, *map(len, column))
        for cell, column in zip(table.rows[0].cells, zip(*cells, strict=True), strict=True)
    ]
    for row, texts in zip(table.rows, cells, strict=True):
        *padded, last = [
            (_first(cell), f"  {text:<{width}}")
            for cell, text, width in zip(row.cells, texts, widths, strict=True)
        ]
        room = page.width - sum(len(text) for _, text in padded)
        beside = not row.notes or len(texts[-1]) + 2 <= room
        page.line(*padded, (last[0], f"  {texts[-1]}") if beside else ("", ""))
        for note in (*([] if beside else texts[-1:]), *row.notes):
            page.prose(note, indent=widths[0] + 4, style="dim")


def _curve(page: Page, curve: Curve) -> None:
    page.line(("dim", f"  {curve.caption}"))
    width = max(len(where) for where, _, _ in curve.points)
    for where, far, bar in curve.points:
        page.line(("dim", f"  {where:<{width}}  {far:>7}  "), ("cyan", bar))


def _figure(page: Page, figure: Figure) -> None:
    """Add the values of a figure, which no text can draw."""
    page.line(("bold", figure.title))
    for text in (figure.caption, figure.left):
        if text:
            page.prose(text, indent=2)
    for row in (figure.head, *figure.rows):
        page.line(("", f"  {'  '.join(row)}"))


def _style(span: Span) -> str:
    """Return the name of a style; a verdict's is the verdict."""
    return span.text if span.role == "verdict" else _STYLES[span.role]


def _first(line: Line) -> str:
    """Return the style of a whole line: that of its first piece."""
    return _style(line[0]) if line else ""


def _styled(line: Line) -> list[tuple[str, str]]:
    return [(_style(span), span.text) for span in line]
