"""An answered checklist as text, Markdown and JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from repro_audit.audit.checklist import STATUSES, Checklist, ChecklistItem, tally
from repro_audit.manifest import unstructure
from repro_audit.report.escaping import code_span, plain
from repro_audit.report.page import Page

__all__ = ["render_json", "render_markdown", "render_text"]

_STATUS = max(map(len, STATUSES)) + 2
_STYLES = {"answered": "green", "in part": "yellow", "not recorded": "dim"}


def render_text(checklist: Checklist, *, width: int = 100, color: bool = False) -> str:
    """Return a checklist as text.

    Args:
        checklist: The checklist.
        width: Columns to wrap prose to.
        color: Whether to use colours and weights.
    """
    page = Page(width, color=color)
    page.line(("bold", checklist.title))
    page.line(("dim", checklist.source))
    page.line(("", _run(checklist)))
    page.blank()
    spaced = False
    for item in checklist.items:
        body = bool(item.text or item.left)
        if spaced or (body and item is not checklist.items[0]):
            page.blank()
        spaced = body
        _item(page, item)
    page.blank()
    page.prose(tally(checklist), indent=0)
    return page.text()


def _item(page: Page, item: ChecklistItem) -> None:
    status = f"{item.status:<{_STATUS}}"
    page.line(("", f"{item.number:>3}  "), (_STYLES[item.status], status), ("bold", item.title))
    if item.text:
        page.prose(item.text, indent=5)
    _fields(page, item.paths)
    if item.left:
        page.labelled("   left", item.left, 9)


def _fields(page: Page, paths: tuple[str, ...]) -> None:
    """Add paths beside their label; a line ends only between two, so that each can be copied."""
    room = max(page.width - 13, 1)
    text = ", ".join(paths)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    for index, line in enumerate(lines):
        page.line(("dim", f"     {'' if index else 'fields':<8}"), ("cyan", line))


def render_markdown(checklist: Checklist) -> str:
    """Return a checklist as Markdown; whatever came from a manifest is escaped."""
    lines = [
        f"## {checklist.title}",
        "",
        f"Source: {checklist.source}",
        "",
        f"{plain(_run(checklist))}.",
        "",
    ]
    lines += [line for item in checklist.items for line in _entry(item)]
    return "\n".join([*lines, "", tally(checklist)]) + "\n"


def _entry(item: ChecklistItem) -> Iterator[str]:
    """Yield the lines of one item of a list."""
    yield f"- **{item.number} {plain(item.title)}**: *{item.status}*"
    if item.text:
        yield f"  - {plain(item.text)}"
    if item.paths:
        yield f"  - Fields: {', '.join(map(code_span, item.paths))}"
    if item.left:
        yield f"  - Left: {plain(item.left)}"


def render_json(checklist: Checklist) -> str:
    """Return a checklist as JSON: same checklist, same text."""
    document = unstructure(checklist)
    # The name and version first, where a reader looks for it.
    ordered = {"schema": document.pop("schema"), **document}
    return json.dumps(ordered, indent=1) + "\n"


def _run(checklist: Checklist) -> str:
    run = checklist.run
    if not run.digest:
        return f"Run {run.run_id[:8]}, from a {run.recorder}"
    return f"Run {run.run_id[:8]}, {run.status}, manifest {run.digest[:19]}…"
