"""Files that one run leaves and another could read: seen, or put to the test by their absence."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from repro_audit.audit import SharedFile
from repro_audit.capture.privacy import scrub
from repro_audit.files import changed_at

__all__ = ["Used", "read_used", "shared_files"]

_MAX_BYTES = 16 * 2**20


class Used(NamedTuple):
    """The files that one run used, by their paths below the start folder, or whole elsewhere.

    Attributes:
        read: Files that it read and had not made.
        left: Files that it made or changed and that were there at its end.
        programs: Other programs that it started, of which nothing is known.
    """

    read: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    programs: int = 0


def read_used(
    report: Path, left_here: Collection[str], evidence: Path, since: float
) -> Used | None:
    """Return what a run says of its files, and what is to be found of them.

    Args:
        report: What its process has written.
        left_here: Files below the start folder that it made or changed.
        evidence: The folder of the evidence, whose files count as nobody's.
        since: When the first run began, in seconds of the clock.

    Returns:
        None where the process has not said, since it was killed.
    """
    try:
        with report.open("rb") as file:
            said = json.loads(file.read(_MAX_BYTES))
        read, written, programs = said["read"], said["written"], int(said["programs"])
        ours = str(evidence.resolve()) + os.sep
        elsewhere = {
            path
            for path in map(str, written)
            if not path.startswith(ours) and _changed_since(path, since)
        }
        # What lies in a folder that was made comes and goes with it.
        outer = {path for path in elsewhere if not _is_below(path, elsewhere)}
        return Used(
            read=frozenset(str(path) for path in read if not str(path).startswith(ours)),
            left=frozenset(left_here) | outer,
            programs=programs,
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def shared_files(used: Sequence[tuple[str, Used]]) -> tuple[SharedFile, ...]:
    """Return the files that a run left where another could read them.

    Args:
        used: Name and files of each run, in the order in which they ran.
    """
    left_by: dict[str, str] = {}
    for name, files in used[:-1]:
        for path in files.left:
            left_by.setdefault(path, name)
    for number, (_, files) in enumerate(used):
        # A file elsewhere that has changed since the first run began, by a way that is not seen.
        for path in files.read if number else ():
            if os.path.isabs(path) and not _is_below(path, left_by) and path not in left_by:  # noqa: PTH117 - compared as text
                left_by[path] = ""
    return tuple(
        SharedFile(
            path=scrub(path),
            left_by=by,
            read_by=tuple(name for name, files in used if name != by and _has_read(files, path)),
        )
        for path, by in sorted(left_by.items())
    )


def _changed_since(path: str, since: float) -> bool:
    """Whether a file or folder is there, and has changed."""
    try:
        return changed_at(path, follow_links=False, since=since) >= since
    except (OSError, ValueError):
        return False


def _is_below(path: str, folders: Collection[str]) -> bool:
    return any(str(folder) in folders for folder in Path(path).parents)


def _has_read(files: Used, path: str) -> bool:
    """Whether a run read a file, or one in a folder."""
    return path in files.read or any(name.startswith(path + os.sep) for name in files.read)
