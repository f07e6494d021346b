"""Where runs happen and where their evidence goes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from repro_audit.errors import OutputError, RunError, printable

__all__ = [
    "AUDIT",
    "LOG",
    "MANIFEST",
    "WORKING_DIRECTORIES",
    "prepare_directory",
    "snapshot",
    "working_directory",
]

AUDIT, MANIFEST, LOG = "audit.json", "manifest.json", "log.txt"
WORKING_DIRECTORIES = ("here", "copy", "empty")
_OURS = re.compile(r"run-\d+|control|bare|vary-[a-z-]+|seed-\d+|audit\.json|\.gitignore")
_NOT_COPIED = (".git", ".hg", ".venv", "venv", ".nox", ".tox", "node_modules", "__pycache__")
_MOST_FILES = 50_000


def prepare_directory(directory: Path) -> None:
    """Make the directory of a repeat, and clear it of an earlier repeat's files.

    Raises:
        RunError: It holds something that no repeat left there.
        OutputError: It cannot be made or written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        entries = list(directory.iterdir())
        strangers = [entry.name for entry in entries if not _OURS.fullmatch(entry.name)]
        if strangers:
            message = (
                f"{printable(str(directory))}: expected an empty folder or that of an earlier "
                f"repeat, received one with {printable(strangers[0])!r} in it. "
                "Name another with --directory."
            )
            raise RunError(message)
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        # Else the evidence of one run would make the repository of the next one dirty.
        (directory / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        message = f"{printable(str(directory))}: cannot be written: {error.strerror}."
        raise OutputError(message) from error


@contextlib.contextmanager
def working_directory(kind: str, directory: Path, *, elsewhere: bool = False) -> Iterator[Path]:
    """Give the folder a run is started in, and take it away again where it was made for it.

    Args:
        kind: ``here``, the current folder; ``copy``, a copy of it; ``empty``.
        directory: Where the evidence goes; never part of a copy.
        elsewhere: Whether to give a folder of another path, which shows the same files.
    """
    if elsewhere:
        with tempfile.TemporaryDirectory(prefix="repro-audit-") as made:
            folder = Path(made) / "elsewhere"
            folder.mkdir()
            for entry in Path.cwd().iterdir() if kind != "empty" else ():
                (folder / entry.name).symlink_to(entry)
            yield folder
        return
    if kind == "here":
        yield Path.cwd()
        return
    with tempfile.TemporaryDirectory(prefix="repro-audit-") as made:
        # One fixed name below the random one, so that nothing in a run depends on it.
        folder = Path(made) / "cwd"
        if kind == "copy":
            evidence = directory.resolve()

            def ignored(parent: str, names: list[str]) -> set[str]:
                return {
                    name
                    for name in names
                    if name in _NOT_COPIED or (Path(parent) / name).resolve() == evidence
                }

            shutil.copytree(Path.cwd(), folder, ignore=ignored, symlinks=True)
        else:
            folder.mkdir()
        yield folder


def snapshot(folder: Path, directory: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file a run could read below `folder`.

    Args:
        folder: The folder runs are started in.
        directory: Where the evidence goes; not looked into.
    """
    evidence = directory.resolve()
    files: dict[str, tuple[int, int]] = {}
    for parent, names, members in os.walk(folder):
        names[:] = [
            name
            for name in names
            if name not in _NOT_COPIED
            and not name.startswith(".")
            and (Path(parent) / name).resolve() != evidence
        ]
        for member in members:
            path = Path(parent) / member
            with contextlib.suppress(OSError):
                status = path.lstat()
                files[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
        if len(files) > _MOST_FILES:
            break
    return files
