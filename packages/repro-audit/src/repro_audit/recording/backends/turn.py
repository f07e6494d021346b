"""Whose turn it is to train: one thread at a time is followed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["Turn"]


class Turn:
    """Which thread is in an observed call, and which models it trains there.

    Attributes:
        models: The models of the calls that it is in, the outermost first.
    """

    def __init__(self, replica_threads: tuple[str, ...] = ()) -> None:
        """Let it be nobody's.

        Args:
            replica_threads: How the modules of threads begin that stand for replicas.
        """
        self._replica_threads = replica_threads
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._own = threading.local()
        self.models: list[Any] = []

    @contextlib.contextmanager
    def taken(self, model: Any) -> Iterator[bool]:
        """Take the turn for a call, unless another thread has it.

        Args:
            model: The model that the call trains or evaluates.

        Yields:
            Whether it was taken.
        """
        with self._lock:
            mine = self._thread in {None, threading.get_ident()}
            if mine:
                self._thread = threading.get_ident()
                self.models.append(model)
            else:
                self._own.refused = getattr(self._own, "refused", 0) + 1
        try:
            yield mine
        finally:
            if not mine:
                self._own.refused -= 1
            else:
                with self._lock:
                    self.models.pop()
                    self._thread = self._thread if self.models else None

    @property
    def inside(self) -> bool:
        """Whether this thread is in an observed call, or is one of the replicas of it."""
        return self._thread is not None and (
            self._thread == threading.get_ident() or self.in_replica
        )

    @property
    def refused(self) -> bool:
        """Whether this thread is in a call that did not get the turn."""
        return getattr(self._own, "refused", 0) > 0

    @property
    def elsewhere(self) -> bool:
        """Whether another thread is in an observed call that this one is no part of."""
        return self._thread is not None and not self.inside

    @property
    def in_replica(self) -> bool:
        """Whether this thread is one that a distribution strategy started for a replica."""
        module = str(type(threading.current_thread()).__module__)
        return module.startswith(self._replica_threads)
