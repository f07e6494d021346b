"""What a remedy is: code that makes two runs agree in one kind of condition.

A manifest is a stranger's: whatever of it enters a remedy is quoted as a literal, and printable: a
new line would end a comment, and begin a command.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.errors import printable
from repro_audit.manifest import Manifest

__all__ = ["Remedy", "fixed", "names_below", "variable"]


Remedy = Callable[[Manifest, Sequence[ConditionDifference]], str]
"""Returns the code, given the expected run and the conditions that differ."""


def variable(name: str, wanted: Callable[[Manifest], str | None]) -> Remedy:
    """Return a remedy that sets an environment variable, or unsets it where it is to be None."""

    def remedy(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
        value = wanted(manifest)
        return (
            f"unset {name}" if value is None else f"export {name}={shlex.quote(printable(value))}"
        )

    return remedy


def names_below(differences: Sequence[ConditionDifference], part: str) -> list[str]:
    """Return the keys below a part of the conditions at which two runs differ."""
    below = (item.path.removeprefix(f"$.conditions.{part}") for item in differences)
    keys = (re.match(r"\['((?:[^'\\]|\\.)*)'\]|\.([\w-]+)", text) for text in below)
    return list(dict.fromkeys(key[1] or key[2] for key in keys if key))


def fixed(text: str) -> Remedy:
    """Return a remedy that is the same for all runs."""
    return lambda _manifest, _differences: text
