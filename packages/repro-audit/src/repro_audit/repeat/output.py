"""Whether the runs themselves say something else, though all that was recorded agrees.

What a script prints is no evidence, but it is an alarm: where it differs by more than times,
progress and addresses, something differs that was not recorded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from repro_audit.notebook.cells import code_cells, is_notebook, printed

__all__ = ["OutputDifference", "compare_output"]

_MAX_BYTES = 16 * 2**20
_MAX_CHARACTERS = 120

_FRAMEWORK = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] |[IWEF]\d{4} \d\d:\d\d:\d\d|WARNING: All log)"
    r"|^onednn_verbose"
)
"""What TensorFlow and its libraries say of themselves."""

_PROGRESS = re.compile(r"[━█▏▎▍▌▋▊▉]{3,}|\[[=>.#\-\s]{8,}\]|\b\d+%\||\b\d+/\d+ \[")
"""Bars, as Keras and tqdm draw them, and their counts."""

_RESULT = re.compile(r"(?<![\w.-])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w-])", re.IGNORECASE)
"""A number that stands by itself, as a result does and a name does not."""

_NUMBER = r"\d+(?:[.,]\d+)*(?:e[+-]?\d+)?"
_CHANGING = (
    re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"),
    re.compile(r"\b0x[0-9a-fA-F]{4,}\b"),
    re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    # Dates and times of day.
    re.compile(r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T _]\d\d[:\-]?\d\d(?:[:\-]?\d\d)?(?:[.,]\d+)?)?Z?"),
    re.compile(r"\b\d{8}[-_T]\d{4,6}\b"),
    re.compile(r"\b(?:\d+:)?\d{1,2}:\d\d(?:[.,]\d+)?\b"),
    re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? (?:\w{3} )?\d{1,2}(?: \w{3})?(?: \d{4})?"),
    re.compile(r"(?<!\d)1\d{9}(?:\.\d+)?(?!\d)"),
    # Durations and rates, with the unit behind them or the word before.
    re.compile(
        rf"{_NUMBER}\s*(?:[nuµm]?s|secs?|seconds?|min(?:ute)?s?|h(?:ou)?rs?|h)"
        rf"(?:\s*/\s*\w+)?\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_NUMBER}\s*(?:\w+\s*(?:/|per)\s*(?:s|sec|second|min|minute)|it/s|fps|hz)\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?:time|took|elapsed|duration|eta|speed|throughput|runtime|latency|wall|cpu)\b"
        rf"[^\d\n]{{0,20}}{_NUMBER}",
        re.IGNORECASE,
    ),
    # Memory, numbers of processes and threads, ports, and temporary places.
    re.compile(rf"{_NUMBER}\s*(?:[KMGT]i?B|bytes)\b", re.IGNORECASE),
    re.compile(r"\b(?:pid|process|thread|port|job)\W{0,3}\d+", re.IGNORECASE),
    re.compile(r"(?:/tmp|/var/tmp|/dev/shm)/[^\s'\"]+"),
    re.compile(r"\btmp[a-z0-9_]{8}\b"),
)
"""What differs from run to run and says nothing of it."""


_Line = tuple[str, str, str]
"""A line that a run has printed: its place, what is compared of it, and itself."""


class OutputDifference(NamedTuple):
    """The first line that one run printed and the other did not.

    Attributes:
        place: Where it stands in what the expected run printed, ``line 7`` or ``cell 7``; in that
            of the other one where only that has it.
        expected: What the expected run says there; empty where it says nothing.
        actual: What the other run says instead; empty where it says nothing.
        in_numbers: Whether the runs print other numbers, and not only other words.
    """

    place: str
    expected: str
    actual: str
    in_numbers: bool

    @property
    def text(self) -> str:
        """The same in a sentence."""
        shown = [_shown(item) for item in (self.expected, self.actual)]
        return f"{self.place}: {shown[0]} → {shown[1]}"


def compare_output(
    expected: Path, actual: Path, folders: tuple[str, str]
) -> OutputDifference | None:
    """Return the first line in which two runs' output differs by more than times and progress.

    The order of lines counts for nothing: threads print when they come to it.

    Args:
        expected: Log of the run compared with, or its notebook with what the cells have shown.
        actual: The same of the run compared.
        folders: What each run's own folder is called, which it may print.

    Returns:
        The first lines that only one log has; None where there are none.
    """
    mine, theirs = (
        list(_lines(path, folder)) for path, folder in zip((expected, actual), folders, strict=True)
    )
    lacking = Counter(plain for _, plain, _ in theirs)
    only_mine = [item for item in mine if not _taken(lacking, item[1])]
    lacking = Counter(plain for _, plain, _ in mine)
    only_theirs = [item for item in theirs if not _taken(lacking, item[1])]
    if not only_mine and not only_theirs:
        return None
    place = (only_mine or only_theirs)[0][0]
    return OutputDifference(
        place=place,
        expected=only_mine[0][2] if only_mine else "",
        actual=only_theirs[0][2] if only_theirs else "",
        in_numbers=_results(only_mine) != _results(only_theirs),
    )


def _results(lines: list[_Line]) -> Counter[str]:
    """Return the numbers in lines that may be results."""
    return Counter(found for _, plain, _ in lines for found in _RESULT.findall(plain))


def _taken(lines: Counter[str], line: str) -> bool:
    """Take one such line away; whether there was one."""
    if not lines[line]:
        return False
    lines[line] -= 1
    return True


def _lines(path: Path, folder: str) -> Iterator[_Line]:
    """Yield each line that says something: its place, what is compared of it, and itself."""
    for place, line in _printed(path):
        # A progress bar rewrites its line by carriage returns or backspaces: the last state counts.
        last = re.split(r"[\r\b]+", line.rstrip())[-1]
        if not last or _FRAMEWORK.search(last) or _PROGRESS.search(last):
            continue
        plain = last.replace(folder, "<run>").replace(Path(folder).name, "<run>")
        for pattern in _CHANGING:
            plain = pattern.sub("<…>", plain)
        yield place, " ".join(plain.split()), last


def _printed(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each line that a run has printed, behind its place."""
    if is_notebook(path.name):
        for cell in code_cells(path):
            for line in printed(cell):
                yield f"cell {cell.number}", line
        return
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        yield f"line {number:,}", line


def _shown(line: str) -> str:
    """Return a line as a message quotes it."""
    if not line:
        return "nothing"
    short = line if len(line) <= _MAX_CHARACTERS else line[:_MAX_CHARACTERS] + "…"
    return f"'{short.strip()}'"
