"""What a figure of a page is: a chart and the table of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

__all__ = ["Figure", "short_names", "some"]

T = TypeVar("T")


class Figure(NamedTuple):
    """A chart and the table of its values, for whoever cannot see or hover over it.

    Attributes:
        title: What it shows.
        caption: What a reader should see in it.
        svg: The chart; empty where there is too little to draw.
        head: Titles of the table's columns.
        rows: Its rows.
        left: What the table leaves out, in words; else empty.
    """

    title: str
    caption: str
    svg: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: str = ""


def short_names(names: Sequence[str]) -> list[str]:
    """Return the parts of paths that tell them apart.

    >>> short_names(["build/run-1/manifest.json", "build/run-2/manifest.json"])
    ['run-1', 'run-2']
    >>> short_names(["a.json"]), short_names(["x/a.json", "x/a.json"])
    (['a.json'], ['a.json', 'a.json'])
    """
    parts = [name.split("/") for name in names]
    while all(len(part) > 1 for part in parts) and len({part[0] for part in parts}) == 1:
        parts = [part[1:] for part in parts]
    while all(len(part) > 1 for part in parts) and len({part[-1] for part in parts}) == 1:
        parts = [part[:-1] for part in parts]
    return ["/".join(part) for part in parts]


def some(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many items, evenly apart, the first and the last among them.

    >>> some(range(1, 101), 4)
    [1, 34, 67, 100]
    """
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[round(index * last / (most - 1))] for index in range(most)]
