"""What a notebook holds, read without any library of Jupyter's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from repro_audit.canonical import digest_json
from repro_audit.errors import RunError, printable
from repro_audit.files import LIMIT_BYTES, read_bounded

__all__ = [
    "Cell",
    "code_cells",
    "digest_cells",
    "failed_cell",
    "is_notebook",
    "printed",
    "text_of",
]


class Cell(NamedTuple):
    """A code cell that has something to run.

    Attributes:
        number: Its number, from 1, as Jupyter shows it once all cells were run from the top.
        source: Its text.
        ran_as: Its number when it was run last; None where it was not.
        outputs: What it has shown, as the file holds it.
    """

    number: int
    source: str
    ran_as: int | None
    outputs: tuple[dict[str, Any], ...]


_NO_TEXT = re.compile(r"<(style|script)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE)
"""What of HTML nobody reads."""


def is_notebook(path: str) -> bool:
    """Whether what is to be run is a notebook, by the end of its name."""
    return path.endswith(".ipynb")


def code_cells(path: Path) -> list[Cell]:
    """Return the code cells of a notebook that have something to run, from the top.

    Raises:
        ManifestError: The file cannot be read.
        RunError: It is no notebook.
    """
    name = printable(str(path))
    content = read_bounded(path)
    try:
        document = json.loads(content.decode("utf-8-sig"))
        found = [cell for cell in _cells(document) if cell["cell_type"] == "code"]
        cells = [
            (text_of(cell[_source(cell)]), cell.get("execution_count"), cell.get("outputs", ()))
            for cell in found
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"{name}: expected a notebook of Jupyter, received something else."
        raise RunError(message) from error
    rest = [cell for cell in cells if cell[0].strip()]
    return [
        Cell(number, source, count, tuple(outputs))
        for number, (source, count, outputs) in enumerate(rest, start=1)
    ]


def digest_cells(path: Path) -> str:
    """Return the SHA-256 of the sources of all code cells, which no run of them changes.

    Returns:
        ``sha256:…`` of the canonical JSON of the list of their texts.
    """
    return digest_json([cell.source for cell in code_cells(path)])


def failed_cell(path: Path) -> str | None:
    """Return which cell of an executed notebook failed, as the last one that was run, and how.

    Returns:
        ``cell 3 failed: ValueError: …``; None where the last one did not fail, or there is no file.
    """
    if not path.is_file() or path.stat().st_size > LIMIT_BYTES:
        return None
    ran = [cell for cell in code_cells(path) if cell.ran_as is not None]
    for output in ran[-1].outputs if ran else ():
        if output.get("output_type") == "error":
            said = f"{output.get('ename')}: {output.get('evalue')}"
            return f"cell {ran[-1].number} failed: {said}"
    return None


def printed(cell: Cell) -> Iterator[str]:
    """Yield the lines of text that a cell has shown: printed, raised, or as a result.

    Of HTML what a reader sees; pictures and what scripts draw are not compared.
    """
    for output in cell.outputs:
        if output.get("output_type") == "error":
            yield f"{output.get('ename')}: {output.get('evalue')}"
        yield from text_of(output.get("text", "")).splitlines()
        for kind, shown in output.get("data", {}).items():
            if kind == "text/html":
                yield from _NO_TEXT.sub(" ", text_of(shown)).splitlines()
            elif kind.startswith("text/"):
                yield from text_of(shown).splitlines()
            elif kind == "application/json":
                yield json.dumps(shown, sort_keys=True)


def text_of(value: Any) -> str:
    """Return a text as a notebook writes it: as one, or as a list of its lines."""
    return value if isinstance(value, str) else "".join(value)


def _cells(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all cells; a notebook of version 3 holds them in worksheets."""
    if "worksheets" in document:
        return [cell for sheet in document["worksheets"] for cell in sheet["cells"]]
    cells: list[dict[str, Any]] = document["cells"]
    return cells


def _source(cell: dict[str, Any]) -> str:
    return "source" if "source" in cell else "input"
