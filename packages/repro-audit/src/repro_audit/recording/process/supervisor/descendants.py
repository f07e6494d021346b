"""The processes below one: which there are, and which of them compute with TensorFlow.

Of the standard library alone: the supervisor, which starts in a blink, imports it too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

__all__ = ["COMPUTING", "Descendants"]

COMPUTING = "child process", "that computed with TensorFlow"
"""What is said of those that may have trained: a noun, and the rest."""

_THREADS_OF_TENSORFLOW = "tf_"
"""How the names of the threads begin that TensorFlow starts with its first operation."""


class Descendants:
    """Processes that one has started, and those that they have.

    Attributes:
        said: What is said of one that computed: a noun, and the rest.
    """

    said = COMPUTING

    def __init__(self, root: int, *, through: bool = False) -> None:
        """Take note of a process.

        Args:
            root: Its number. It is none of its descendants.
            through: Whether what it starts itself is the run, and what that starts the run's
                descendants: so a notebook's kernel.
        """
        self._root = root
        self._through = through
        self._computing: set[tuple[int, str]] = set()

    @property
    def computing(self) -> int:
        """How many were seen to compute with TensorFlow."""
        return len(self._computing)

    def look(self) -> None:
        """See which of them compute with TensorFlow now.

        A thread does not outlive a fork: one that a child has, it has started itself.
        """
        run = set(_children(self._root)) if self._through else set()
        for number in self.alive():
            if number not in run and any(
                name.startswith(_THREADS_OF_TENSORFLOW) for name in _threads(number)
            ):
                self._computing.add((number, _started(number)))

    def alive(self) -> list[int]:
        """Return the process ids of the descendants that there are.

        Returns:
            Each after the one that has started it; the root is not among them.
        """
        found, pending = [], [self._root]
        while pending:
            children = list(_children(pending.pop()))
            found += children
            pending += children
        return found


def _children(number: int) -> Iterator[int]:
    """Yield the processes that one has started and that are still there."""
    for thread in _listed(f"/proc/{number}/task"):
        yield from map(int, _text(f"/proc/{number}/task/{thread}/children").split())


def _threads(number: int) -> Iterator[str]:
    """Yield the names of the threads of a process."""
    for thread in _listed(f"/proc/{number}/task"):
        yield _text(f"/proc/{number}/task/{thread}/comm")


def _started(number: int) -> str:
    """Return when a process began, which tells it from another of the same number."""
    # Behind the name, which may hold anything but is in parentheses, the 20th field.
    fields = _text(f"/proc/{number}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - light
    except OSError:  # gone, or a system without /proc
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - light
            return file.read()
    except OSError:
        return ""
