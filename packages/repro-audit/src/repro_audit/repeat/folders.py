"""Where runs happen and where their evidence goes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from repro_audit.capture.privacy import Cleaner
from repro_audit.errors import OutputError, RunError, printable
from repro_audit.files import PathLock, read_bounded

__all__ = [
    "AUDIT",
    "ENSEMBLE",
    "FILES",
    "LOG",
    "MANIFEST",
    "WORKING_DIRECTORIES",
    "clean_log",
    "log_tail",
    "prepared_directory",
    "snapshot",
    "working_directory",
]

AUDIT, REPORT, MANIFEST, LOG = "audit.json", "report.html", "manifest.json", "log.txt"
ENSEMBLE = "ensemble.json"
FILES = "files.json"
EARLIER = "earlier"
WORKING_DIRECTORIES = ("here", "copy", "empty")
_OURS = re.compile(
    r"run-\d+|control|unrecorded|apart|stopped|resumed(?:-control)?|vary-[a-z-]+|"
    r"(?:seed|perturb)-\d+|"
    r"(?:audit|ensemble)\.json|report\.html|\.gitignore|earlier"
)
_NOT_COPIED = (".git", ".hg", ".ipynb_checkpoints", ".nox", ".tox", "__pycache__")
_MAX_FILES = 1_000_000
_LARGE_BYTES = 64 * 2**20
_TAIL_BYTES = 64 * 1024
_PIECE = 64 * 1024
_KEY_BEGINS, _KEY_ENDS = "-----BEGIN ", "-----END "


@contextlib.contextmanager
def prepared_directory(directory: Path) -> Iterator[None]:
    """Make the directory of a repeat, move an earlier repeat's files aside, and keep it.

    Raises:
        RunError: It holds something that no repeat left there, is where runs start, or another
            repeat keeps it.
        OutputError: It cannot be made or written.
    """
    if Path.cwd().is_relative_to(directory.resolve()):
        message = (
            f"{printable(str(directory))}: the runs start there, and what they leave could not be "
            "told from the evidence. Name another folder with --directory."
        )
        raise RunError(message)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error
    lock = PathLock(directory / AUDIT)
    if not lock.acquire():
        message = (
            f"{printable(str(directory))}: {lock.holder} repeats a run there. "
            "Name another folder with --directory, or wait for its end."
        )
        raise RunError(message)
    try:
        _set_aside(directory, lock)
        yield
    finally:
        lock.release()


def _set_aside(directory: Path, lock: PathLock) -> None:
    """Move what an earlier repeat has left in a directory to a folder in it.

    A repeat that fails takes nothing from the one before. What was set aside before that goes,
    unless what would take its place is a repeat that came to no comparison.
    """
    try:
        entries = [entry for entry in directory.iterdir() if entry.name != lock.file.name]
        earlier = directory / EARLIER
        before = [*earlier.iterdir()] if earlier.is_dir() else []
        strangers = [entry.name for entry in entries + before if not _OURS.fullmatch(entry.name)]
        if strangers:
            message = (
                f"{printable(str(directory))}: expected an empty folder or that of an earlier "
                f"repeat, received one with {printable(strangers[0])!r} in it. "
                "Name another with --directory."
            )
            raise RunError(message)
        left = [entry for entry in entries if entry.name not in {EARLIER, ".gitignore"}]
        if left and (_has_compared(directory / AUDIT) or not earlier.exists()):
            if earlier.exists():
                _remove(earlier)
            earlier.mkdir()
            for entry in left:
                entry.rename(earlier / entry.name)
        else:
            for entry in left:
                _remove(entry)
        # Else the evidence of one run would make the repository of the next one dirty.
        (directory / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(directory, error) from error


def _has_compared(audit: Path) -> bool:
    """Whether an audit is there that compares runs: another one is no evidence of anything."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return bool(json.loads(read_bounded(audit)).get("comparisons"))
    return False


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _unwritable(directory: Path, error: OSError) -> OutputError:
    return OutputError(f"{printable(str(directory))}: cannot be written: {error.strerror}.")


@contextlib.contextmanager
def working_directory(
    kind: str, directory: Path, *, elsewhere: bool = False, source: Path | None = None
) -> Iterator[Path]:
    """Give the folder a run is started in, and take it away again where it was made for it.

    Args:
        kind: ``here``, the current folder; ``copy``, a copy of it, with links to large files;
            ``whole``, a copy through which nothing reaches the folder itself; ``empty``.
        directory: Where the evidence goes; never part of a copy.
        elsewhere: Whether to give a folder of another path, which shows the same files.
        source: What a copy is of; None is the current folder.

    Yields:
        The absolute path of the folder.
    """
    if kind == "here" and not elsewhere:
        yield Path.cwd()
        return
    with tempfile.TemporaryDirectory(prefix="repro-audit-") as made:
        # One fixed name below the random one, so that nothing in a run depends on it.
        folder = Path(made) / ("elsewhere" if elsewhere else "cwd")
        if kind in {"copy", "whole"}:
            whole = kind == "whole"
            _copy(Path.cwd() if source is None else source, folder, directory, whole=whole)
        else:
            folder.mkdir()
        if kind == "here" and elsewhere:
            for entry in Path.cwd().iterdir():
                (folder / entry.name).symlink_to(entry)
        yield folder


def _copy(source: Path, folder: Path, directory: Path, *, whole: bool) -> None:
    """Copy a folder; unless all of it is wanted, large files are linked to, for they are data.

    Raises:
        RunError: It cannot be copied.
    """
    evidence = directory.resolve()

    def ignored(parent: str, names: list[str]) -> set[str]:
        # A link to a folder that it lies in would be followed for ever.
        around = {evidence, *Path(parent).resolve().parents, Path(parent).resolve()}
        return {
            name
            for name in names
            if _is_left_out(Path(parent) / name) or (Path(parent) / name).resolve() in around
        }

    def copied(path: str, target: str) -> None:
        if not whole and os.stat(path).st_size > _LARGE_BYTES:  # noqa: PTH116 - shutil's own signature
            os.symlink(os.path.abspath(path), target)  # noqa: PTH100, PTH211 - as above
        else:
            shutil.copy2(path, target)

    try:
        shutil.copytree(
            source,
            folder,
            ignore=ignored,
            symlinks=not whole,
            ignore_dangling_symlinks=True,
            copy_function=copied,
        )
    except (OSError, shutil.Error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)[:200]
        message = (
            f"The folder that the runs start in cannot be copied: {printable(why)}. Start them in "
            "a smaller one, or with --cwd empty."
        )
        raise RunError(message) from error


def _is_left_out(path: Path) -> bool:
    """Whether a folder is no part of what a run works on: a tool's, or an environment."""
    return path.name in _NOT_COPIED or (path / "pyvenv.cfg").is_file()


def snapshot(folder: Path, directory: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file a run could read below `folder`.

    Args:
        folder: The folder runs are started in; links in it to other folders are followed.
        directory: Where the evidence goes; not looked into.

    Returns:
        Size in bytes and time of change in nanoseconds, by the path below `folder`; not complete in
        a folder of more than a million files.
    """
    evidence = directory.resolve()
    files: dict[str, tuple[int, int]] = {}
    seen = {evidence}
    for parent, names, members in os.walk(folder, followlinks=True):
        for name in list(names):
            whole = (Path(parent) / name).resolve()
            if whole in seen or _is_left_out(whole):
                names.remove(name)
            seen.add(whole)
        for member in members:
            path = Path(parent) / member
            with contextlib.suppress(OSError):
                status = path.lstat()
                files[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
        if len(files) > _MAX_FILES:
            break
    return files


def clean_log(log: Path) -> None:
    """Take people, machines, places and secrets out of a log, which travels with the evidence.

    Args:
        log: The log of a run that has ended; one that cannot be read or written stays.
    """
    cleaned = log.with_suffix(".cleaned")
    with contextlib.suppress(OSError):
        clean = Cleaner(Path.cwd()).text
        with (
            log.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines,
            cleaned.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file,
        ):
            # In pieces of whole lines: a private key has several.
            while piece := lines.readlines(_PIECE):
                text = "".join(piece)
                if text.rfind(_KEY_BEGINS) > text.rfind(_KEY_ENDS):
                    text += "".join(lines.readlines(_PIECE))
                file.write(clean(text))
        cleaned.replace(log)
    with contextlib.suppress(OSError):
        cleaned.unlink(missing_ok=True)


def log_tail(log: Path, lines: int = 20) -> list[str]:
    """Return the last lines of a log, safe to print.

    Args:
        log: The log of a run.
        lines: How many, at most.

    Returns:
        Lines without their ends; empty where the log cannot be read.
    """
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    # A progress bar rewrites its line by carriage returns: the last state counts.
    return [printable(line.rpartition("\r")[2]) for line in text.rstrip().split("\n")[-lines:]]
