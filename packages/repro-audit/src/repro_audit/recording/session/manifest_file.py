"""When the manifest of a recording is written: as a whole each time, and not for every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from repro_audit.manifest import Manifest
from repro_audit.manifest.writing import write
from repro_audit.recording.session.guarding import warn

__all__ = ["ManifestFile"]

_APART_S = 1.0
"""Seconds between two writes, unless something ends. Each costs what the whole manifest costs, and
that grows with every epoch: written after each of them, they would cost the square of it."""

_SHARE = 0.05
"""Of the time that writing may take: large manifests are written less often, and not after each of
very many short fits."""

_MOST_APART_S = 10.0
"""Seconds between two writes however long one takes: a disk may be slow for once."""


class ManifestFile:
    """The file of one recording."""

    def __init__(self, path: Path, manifest: Callable[[], Manifest]) -> None:
        """Prepare.

        Args:
            path: Where it goes.
            manifest: Returns what is known by now.
        """
        self._path = path
        self._manifest = manifest
        self._began = time.monotonic()
        self._written_at = -math.inf  # the first epoch is written, however soon it ends
        self._took_s = self._spent_s = 0.0
        self._lacks_some = False

    def begin(self) -> None:
        """Write it for the first time.

        Raises:
            OutputError: It cannot be written.
        """
        write(self._manifest(), self._path)

    def update(self) -> None:
        """Write it unless it has just been written."""
        self._lacks_some = True
        if self._is_due():
            self.write()

    def complete(self) -> None:
        """Write it if it lacks what `update` was told of; not of each of very many short fits."""
        elapsed_s = time.monotonic() - self._began
        if self._lacks_some and (self._spent_s <= _SHARE * elapsed_s or self._is_due()):
            self.write()

    def _is_due(self) -> bool:
        """Whether the last writing is some time ago, and took little of that time."""
        apart_s = max(_APART_S, min(self._took_s / _SHARE, _MOST_APART_S))
        return time.monotonic() - self._written_at >= apart_s

    def write(self) -> None:
        """Write it; a full disk must not stop training."""
        self._written_at = time.monotonic()
        try:
            write(self._manifest(), self._path)
        except Exception as error:  # noqa: BLE001 - whatever fails here, training goes on
            warn(f"repro-audit could not write the manifest: {error}")
        else:
            self._lacks_some = False
        self._took_s = time.monotonic() - self._written_at
        self._spent_s += self._took_s
