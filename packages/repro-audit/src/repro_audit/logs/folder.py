"""A folder of TensorBoard's event files: one run, as `tensorboard --logdir` shows it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from repro_audit.canonical import digest_bytes
from repro_audit.errors import printable
from repro_audit.files import LIMIT_BYTES, IrregularFileError, open_regular, read_bounded
from repro_audit.logs.events import EventCurves, joined
from repro_audit.logs.kinds import HEAD_BYTES
from repro_audit.logs.log import Log, refuse
from repro_audit.wording import listed

__all__ = ["read_folder"]

_MAX_ENTRIES = 10_000
_MAX_DEPTH = 4
_SETS = {"train": 0, "validation": 1}
"""Folders in which Keras keeps the data sets of one run, in the order of a history."""

_OURS = re.compile(rb"repro-audit\\?/manifest-")


def read_folder(path: str | os.PathLike[str]) -> tuple[Log, bytes]:
    """Return the log of the run whose event files are in a folder, and what identifies it.

    Args:
        path: The folder.

    Returns:
        The log, and bytes that are others for other files.

    Raises:
        ManifestError: It holds no event file, those of several runs, one that is damaged, or more
            than 64 MiB of them.
    """
    root, name = Path(path), printable(os.fspath(path))
    found: dict[Path, list[Path]] = {}
    others: list[Path] = []
    for file in _files(root, name):
        if "tfevents" in file.name:
            found.setdefault(file.parent, []).append(file)
        elif file.suffix == ".json":
            others.append(file)
    if not found:
        refuse(name, _without_events(root, others))
    runs = {folder.parent if folder.name in _SETS else folder for folder in found}
    if len(runs) > 1 and root not in found:
        names = listed(printable(str(run.relative_to(root))) for run in sorted(runs))
        refuse(name, f"holds the event files of {len(runs)} runs: {names}. Give one of them.")
    parts, identity, left = [], [], LIMIT_BYTES
    for folder in sorted(found, key=lambda folder: (_SETS.get(folder.name, 2), folder)):
        within = folder != root or folder.name in _SETS or folder.resolve().name in _SETS
        part = EventCurves(name, folder.resolve().name if within else "")
        for file in sorted(found[folder]):
            content = _content(file, left, name)
            left -= len(content)
            part.read(content, printable(str(file)))
            identity.append(digest_bytes(content))
        parts.append(part)
    log = joined(parts)
    if log is None:
        what = "holds event files without a scalar, such as those of a profile"
        refuse(name, f"{what}. Give the folder that the TensorBoard callback writes to.")
    return log, "".join(identity).encode()


def _files(root: Path, name: str) -> Iterator[Path]:
    """Yield the files in a folder and those below it, as far as a log may lie.

    A link is followed only to a JSON file, of which only the name is told.

    Raises:
        ManifestError: There are too many, or a folder cannot be read.
    """
    waiting, count = [(root, 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    count += 1
                    if count > _MAX_ENTRIES:
                        refuse(name, f"holds more than {_MAX_ENTRIES:,} files. Name one of them.")
                    if entry.is_dir(follow_symlinks=False):
                        if depth < _MAX_DEPTH:
                            waiting.append((Path(entry.path), depth + 1))
                    elif entry.is_file(follow_symlinks=entry.name.endswith(".json")):
                        yield Path(entry.path)
        except OSError as error:
            refuse(name, f"cannot be read: {error.strerror}.")


def _content(file: Path, left: int, name: str) -> bytes:
    """Return what a file holds, which is nothing while its writer has written nothing yet."""
    try:
        size = file.stat().st_size
    except OSError as error:
        refuse(name, f"cannot be read: {error.strerror}.")
    if size > left:
        refuse(name, f"holds more than {LIMIT_BYTES // 2**20} MiB of event files.")
    return read_bounded(file) if size else b""


def _without_events(root: Path, others: list[Path]) -> str:
    """Say what is in a folder that holds no event file."""
    manifests = sorted(file for file in others if _is_manifest(file))
    if not manifests:
        return "is a folder without a manifest or TensorBoard's event files. Name a file."
    names = listed(printable(str(file.relative_to(root))) for file in manifests)
    return f"is a folder. Name the manifests in it: {names}."


def _is_manifest(file: Path) -> bool:
    """Whether the schema of a manifest stands in the first bytes of a file, as we write it."""
    try:
        with open_regular(file) as opened:
            return _OURS.search(opened.read(HEAD_BYTES)) is not None
    except (OSError, IrregularFileError):
        return False
