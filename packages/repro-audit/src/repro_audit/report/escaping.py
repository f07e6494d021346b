"""Foreign text in Markdown: nothing in it is markup."""

from __future__ import annotations

import re

from repro_audit.errors import printable

__all__ = ["begun", "code_span", "plain"]


def plain(text: str) -> str:
    """Escape what Markdown or HTML would read as markup."""
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~!&@$])", r"\\\1", printable(text))
    # A line that begins with two colons is a command to GitHub's runner, and it makes a link of
    # whatever looks like an address.
    escaped = escaped.replace("::", r"\:\:").replace("://", r"\:\/\/")
    return re.sub(r"(?i)(?<=\bwww)\.", r"\.", escaped)


def begun(escaped: str) -> str:
    """Return escaped text as the begin of a line, where it begins no list and no rule.

    >>> begun("- a"), begun("1. a"), begun("1.5")
    ('\\\\- a', '1\\\\. a', '1\\\\.5')
    """
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", escaped.lstrip())


def code_span(text: str) -> str:
    """Return a code span that ends where it should."""
    shown = printable(text).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", shown)), default=0) + 1)
    space = " " if "`" in shown else ""
    return f"{fence}{space}{shown}{space}{fence}"
