"""Draw rows of boxes, with arrows from row to row, from a text: the picture of the architecture."""

from __future__ import annotations

from html import escape

__all__ = ["draw"]

_WIDTH, _MARGIN, _GAP = 760, 10, 20
_BOX, _BETWEEN = 52, 40
_STYLE = (
    "text{font:14px system-ui,sans-serif;text-anchor:middle;fill:#1b2430}"
    ".inside{font-size:12px}.arrow{font-size:12px;fill:#5b6b7c}"
    "rect{fill:#eef2f7;stroke:#5b6b7c;rx:6}.line{stroke:#5b6b7c;fill:none;marker-end:url(#head)}"
)
_HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#5b6b7c"/></marker></defs>'
)


def draw(text: str) -> str:
    """Return an SVG of what a text says; its first lines tell how one is written.

    >>> "two</text>" in draw("one\\n> down\\ntwo / inside")
    True
    """
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    parts: list[str] = []
    top = _MARGIN
    for line in lines:
        cells = [cell.strip() for cell in line.split("|")]
        arrows = line.startswith(">")
        width = (_WIDTH - 2 * _MARGIN - _GAP * (len(cells) - 1)) / len(cells)
        for number, cell in enumerate(cells):
            middle = _MARGIN + number * (width + _GAP) + width / 2
            parts += _arrow(cell, middle, top) if arrows else _box(cell, middle, width, top)
        top += _BETWEEN if arrows else _BOX
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + _MARGIN}" '
        f'role="img"><style>{_STYLE}</style>{_HEAD}{"".join(parts)}</svg>\n'
    )


def _arrow(cell: str, middle: float, top: int) -> list[str]:
    words = escape(cell.removeprefix(">").strip())
    place = f'x="{middle:g}" y="{top + _BETWEEN / 2 + 4:g}" dx="10"'
    return [
        f'<path class="line" d="M{middle:g} {top + 2}V{top + _BETWEEN - 2}"/>',
        f'<text class="arrow" {place} style="text-anchor:start">{words}</text>',
    ]


def _box(cell: str, middle: float, width: float, top: int) -> list[str]:
    title, _, inside = (escape(part.strip()) for part in cell.partition("/"))
    return [
        f'<rect x="{middle - width / 2:g}" y="{top}" width="{width:g}" height="{_BOX}"/>',
        f'<text x="{middle:g}" y="{top + (22 if inside else 31)}">{title}</text>',
        f'<text class="inside" x="{middle:g}" y="{top + 41}">{inside}</text>' if inside else "",
    ]
