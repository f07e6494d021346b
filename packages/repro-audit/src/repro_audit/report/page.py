"""A page of text for a terminal: lines, wrapped prose, code that never wraps, and colours.

Whatever is added comes out printable.
"""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from repro_audit.errors import printable

__all__ = ["Page"]

_VERDICTS = {
    "controlled": "bold green",
    "identical": "bold green",
    "close": "bold green",
    "rounding": "bold yellow",
    "seeds": "bold yellow",
    "match": "green",
    "uncontrolled": "bold red",
    "divergent": "bold red",
    "differ": "red",
    "inconclusive": "bold yellow",
    "missing": "yellow",
    "no effect seen": "green",
    "changes the run": "red",
    "not varied": "yellow",
    "holds": "green",
    "broken": "red",
    "cannot tell": "yellow",
    "not measured": "dim",
    "not_compared": "dim",
    "caught": "green",
    "not caught": "yellow",
    "not needed": "dim",
    "error": "bold red",
    "warning": "yellow",
    "info": "cyan",
    "certain": "bold",
    "likely": "bold",
    "possible": "default",
}


class Page:
    """Lines of text, wrapped and coloured by rich."""

    def __init__(self, width: int, *, color: bool) -> None:
        self._file = io.StringIO()
        self._console = Console(
            file=self._file,
            width=max(width, 20),
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )

    @property
    def width(self) -> int:
        """Columns to which prose wraps."""
        return self._console.width

    def text(self) -> str:
        """Return everything, without spaces at the ends of lines."""
        lines = (line.rstrip() for line in self._file.getvalue().splitlines())
        # A line that begins with two colons is a command to GitHub's runner.
        return "\n".join(re.sub(r"^(\s*):(?=:)", r"\1\\x3a", line) for line in lines) + "\n"

    def blank(self) -> None:
        """Add an empty line."""
        self._console.print()

    def line(self, *parts: tuple[str, str]) -> None:
        """Add a line that is never wrapped, of pairs of a style's name and a text."""
        text = Text()
        for style, part in parts:
            text.append(printable(part), style=_VERDICTS.get(style, style))
        self._console.print(text, soft_wrap=True)

    def prose(self, text: str, indent: int, style: str = "") -> None:
        """Add a text that wraps with its indentation."""
        self._console.print(Padding(Text(printable(text), style=style), (0, 0, 0, indent)))

    def labelled(self, label: str, text: str, width: int, style: str = "") -> None:
        """Add a label and a text that wraps beside it."""
        columns = self._console.width
        if columns < 2 * width + 20:
            self.line(("dim", f"  {label}"))
            self.prose(text, indent=4, style=style)
            return
        body = Text(printable(text), style=style).wrap(self._console, columns - width - 4)
        for index, wrapped in enumerate(body):
            head = Text(f"  {printable(label) if index == 0 else '':<{width}}  ", style="dim")
            self._console.print(head + wrapped, soft_wrap=True)

    def code(self, text: str, indent: int) -> None:
        """Add lines of code, never wrapped."""
        for part in text.splitlines():
            self._console.print(
                Text(" " * indent + printable(part), style="bold cyan"), soft_wrap=True
            )

    def verdict(self, verdict: str, reason: str, word: str | None = None) -> None:
        """Add the line a reader looks for first."""
        text = Text(word or verdict, style=_VERDICTS.get(verdict, ""))
        if reason:
            text.append(f"  {printable(reason)}", style="default")
        self._console.print(text)
