"""An audit as Markdown, for a pull request or a CI summary. What is shown, the outline says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from repro_audit.audit import Audit
from repro_audit.errors import printable
from repro_audit.manifest import Manifest
from repro_audit.report.escaping import begun, code_span, plain
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

__all__ = ["render_markdown", "render_outline"]


def render_markdown(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return an audit as Markdown; whatever came from a manifest is escaped, or a code span.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    return render_outline(outline(result, manifests, "full"))


def render_outline(tree: Outline) -> str:
    """Return an outline as Markdown.

    Args:
        tree: The outline.
    """
    word, _, text = tree.headline
    lines = [f"## repro-audit: {word}", "", f"{begun(plain(text))}."]
    if tree.evidence:
        lines += ["", f"Evidence: **{tree.evidence}**."]
    for label, said in tree.beside:
        lines += ["", f"{label.capitalize()}: {plain(said)}."]
    for section in tree.sections:
        lines += _section(section, heading=True)
    return "\n".join(lines) + "\n"


def _section(section: Section, *, heading: bool) -> Iterator[str]:
    """Yield a section: one of the report has a heading, one within another a bold title."""
    title, said = _line(section.title), _line(section.said)
    between = ": " if said else ""
    if section.title and heading:
        yield from ("", f"### {title[:1].upper()}{title[1:]}{between}{said}")
    elif section.title:
        yield from ("", f"**{plain(flat(section.title))}{between.rstrip()}** {said}".rstrip())
    for child in section.children:
        yield from _node(child)


def _node(node: Node) -> Iterator[str]:
    """Yield the lines of what stands in a section, an empty one before them."""
    match node:
        case Section():
            yield from _section(node, heading=False)
        case Paragraph():
            yield from ("", begun(_line(node.line)))
        case Listing():
            yield from ("", *(f"- {_line(item)}" for item in node.items))
        case Facts():
            yield from ("", "| | |", _rule(("", "")))
            for fact in node.rows:
                yield _row((_span(fact.label), _line(fact.line)))
        case Table():
            yield from _table(node)
        case Code():
            yield from ("", *_block(node.text.splitlines()))
        case Curve():
            yield from ("", plain(node.caption), "")
            width = max(len(where) for where, _, _ in node.points)
            yield from _block(f"{at:<{width}}  {far:>7}  {bar}" for at, far, bar in node.points)
        case Figure():
            yield from ("", f"**{plain(node.title)}**")
            yield from ("", _row(map(plain, node.head)), _rule(node.head))
            yield from (_row(map(code_span, row)) for row in node.rows)


def _table(table: Table) -> Iterator[str]:
    """Yield a table; notes stand in a last column."""
    yield from ("", _row(map(plain, table.head)), _rule(table.head))
    for row in table.rows:
        notes = "; ".join(map(plain, row.notes))
        cells = list(map(_line, row.cells))
        yield _row([*cells, notes] if len(table.head) > len(cells) else cells)


def _rule(head: Sequence[str]) -> str:
    return "|" + "---|" * len(head)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _line(pieces: Line) -> str:
    return "".join(map(_span, pieces))


def _span(span: Span) -> str:
    """Return a piece of a line; in a code span what is a name, escaped what is not."""
    if span.role in {"name", "changed"}:
        return code_span(span.text)
    return plain(span.text)


def _block(lines: Iterable[str]) -> list[str]:
    """Return a code block that ends where it should."""
    shown = [printable(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *shown, fence]
