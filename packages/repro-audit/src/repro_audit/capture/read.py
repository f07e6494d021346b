"""The condition `read`: environment variables and files that a program read from outside."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from repro_audit.canonical import digest_file
from repro_audit.capture.code import is_installed, own_modules
from repro_audit.capture.privacy import scrub, temporary_folders
from repro_audit.capture.privacy.secrets import is_secret_name
from repro_audit.manifest.fields import path_below
from repro_audit.manifest.inputs import ReadFile
from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.capture.backend import Missed

__all__ = [
    "FILES",
    "MAX_BYTES",
    "MAX_FILES",
    "MAX_TOTAL_BYTES",
    "VARIABLES",
    "Opened",
    "capture_files",
    "digest_as_opened",
    "is_no_input",
    "printable_name",
    "variable_digests",
]

FILES = "$.conditions.read.files"
VARIABLES = "$.conditions.read.variables"

MAX_FILES = 1000
"""Files that a manifest names."""

MAX_BYTES = 256 * 2**20
"""Size of a file that is digested."""

MAX_TOTAL_BYTES = 2**30
"""Size of all that are."""

_SYSTEM = ("/bin/", "/dev/", "/etc/", "/lib/", "/lib64/", "/proc/", "/sbin/", "/sys/")
_SYSTEM_ELSEWHERE = ("/usr/", "/var/cache/", "/var/lib/")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - files of others are looked at, none is made
_TOOLS = frozenset(
    {".git", ".hg", ".ipython", ".jupyter", ".svn", "__pycache__", "fontconfig", "matplotlib"}
)
"""Folders of tools, whose files decide no bit."""

_OF_TOOLS = re.compile(
    r"keras\.json|matplotlibrc|fontlist-.*|.*\.(pyc|pyo|so|dylib|ttf|otf|ttc|afm|pfb|mplstyle)"
)
"""Names of such files, and of those that belong to packages and fonts wherever they lie."""

_SECRET = re.compile(
    r"(.*[._-])?(credentials?|secrets?|token|passwd|password|netrc|pgpass|id_(rsa|ecdsa|ed25519))"
    r"(\.(json|ya?ml|toml|txt|ini|csv))?"
    r"|kaggle\.json|\.env(\..*)?|.*\.(env|pem|key|p12|pfx|keystore)",
    re.IGNORECASE,
)
"""Names of files that hold a secret, which the digest of a short file would let one guess."""

_SECRET_FILES = frozenset({".htpasswd", ".npmrc", ".pypirc", "stored_tokens"})
_SECRET_FOLDERS = frozenset({".aws", ".gnupg", ".ssh", ".docker", ".azure", "gcloud"})
_MAX_NAME = 100
"""Characters of a name; a path in `missing`, or of a difference, holds as many in full."""


class Opened(NamedTuple):
    """A file as it was when it was opened first.

    Attributes:
        size: Its size in bytes.
        modified_ns: When it was modified last.
        changed: When it was changed last, in seconds of the clock.
        on_import: Whether a package opened it while it was imported.
        digest: Its digest, where that was taken by then.
    """

    size: int
    modified_ns: int
    changed: float
    on_import: bool = False
    digest: str | None = None

    @classmethod
    def of(cls, status: os.stat_result, *, on_import: bool) -> Opened:
        """Return what the status of a file says."""
        changed = max(status.st_mtime, status.st_ctime)
        return cls(status.st_size, status.st_mtime_ns, changed, on_import)

    def is_as_was(self, status: os.stat_result) -> bool:
        """Whether the file still has the size and the time that it had."""
        return (self.size, self.modified_ns) == (status.st_size, status.st_mtime_ns)


def variable_digests(environment: Mapping[bytes, bytes]) -> dict[bytes, str]:
    """Return 16 bits of a digest of each variable, which say that two differ and nothing more.

    Args:
        environment: Values by name.

    Returns:
        Four hexadecimal digits by name. No value is kept.
    """
    return {
        name: hashlib.sha256(name + b"=" + value).hexdigest()[:4]
        for name, value in environment.items()
    }


def printable_name(name: str) -> str:
    """Return a name as a manifest can hold it, without the user's name; it may be any bytes at all.

    Args:
        name: Name of a variable or a file.

    Returns:
        Unicode text. Of what is long the middle is left out, and told from others by a digest.
    """
    text = scrub(name).encode("utf-8", "backslashreplace").decode()
    if len(text) <= _MAX_NAME:
        return text
    return f"{text[:40]}…{hashlib.sha256(text.encode()).hexdigest()[:4]}…{text[-40:]}"


def is_no_input(path: str) -> bool:
    """Whether a file belongs to the system, a package or a tool, wherever the project lies.

    Args:
        path: The whole path.
    """
    system = path.startswith(_SYSTEM) and not path.startswith(_SHARED_MEMORY + os.sep)
    return (
        system
        or _OF_TOOLS.fullmatch(path.rpartition(os.sep)[2]) is not None
        or is_installed(path)
        or not _TOOLS.isdisjoint(Path(path).parts)
    )


def digest_as_opened(path: str, opened: Opened) -> str | None:
    """Return the digest of a file, which it had when it was opened if it has not changed since.

    Returns:
        None where it has changed.

    Raises:
        OSError: It cannot be read, or may not be: closing it would end the program's own locks.
    """
    before = os.stat(path)  # noqa: PTH116 - as text, as it was opened
    if not opened.is_as_was(before):
        return None
    if _is_locked(before):
        raise OSError(errno.EACCES, "a lock of it is held")
    digest = digest_file(Path(path))
    return digest if opened.is_as_was(os.stat(path)) else None  # noqa: PTH116


def _is_locked(status: os.stat_result) -> bool:
    """Whether somebody holds a POSIX lock of a file, as far as the system tells.

    A process loses its locks of a file whenever it closes a descriptor of it, whoever opened that.

    Source:
        ``fcntl`` and ``proc_locks`` in the Linux manual; "How To Corrupt An SQLite Database File".
    """
    try:
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return False
    return re.search(rf"POSIX .*:{status.st_ino} ", locks) is not None


def capture_files(
    opened: Mapping[str, Opened],
    project: Path | None,
    began: float,
    temporary: Iterable[str],
    missed: Missed,
) -> dict[str, ReadFile]:
    """Digest the files that a program has read, when it has done so.

    A file that still has the size and the time that it had when it was read first has its content,
    too: so it is digested last, when nothing waits for it.

    Args:
        opened: What is known of each file, by its whole path.
        project: The project's folder; None where it could not be found.
        began: When the process began, in seconds of the clock.
        temporary: Folders in which files come and go: one counts there only if it was there
            before the process, and still is.
        missed: Takes what cannot be read.

    Returns:
        The files by their names, those that came first by name where there are too many.
    """
    imported = {str(path) for _, _, path in own_modules()}
    places = _Places(project, tuple(temporary))
    named: dict[str, tuple[str, Opened]] = {}
    for path, file in opened.items():
        name = places.name(path, file, began)
        if name is not None and os.path.realpath(path) not in imported:
            named.setdefault(name, (path, file))
    names = sorted(named)
    if len(names) > MAX_FILES:
        left = counted(len(names) - MAX_FILES, "file")
        first = names[MAX_FILES]
        missed(FILES, f"{left} more, from {first!r} on, left out: the first {MAX_FILES:,} stand")
    found: dict[str, ReadFile] = {}
    budget = MAX_TOTAL_BYTES
    for name in names[:MAX_FILES]:
        path, file = named[name]
        digest, why = _digest(path, file, budget)
        if why:
            missed(path_below(path_below(FILES, name), "digest"), why)
        elif file.digest is None:
            budget -= file.size
        found[name] = ReadFile(digest=digest, bytes=file.size)
    return found


def _digest(path: str, file: Opened, budget: int) -> tuple[str | None, str]:
    """Return the digest of a file; else None, and why there is none."""
    if _is_secret(path):
        return None, "by its name it holds a secret, which a digest would let one guess"
    if file.digest is not None:
        return file.digest, ""
    if file.size > MAX_BYTES:
        return None, f"it is larger than {MAX_BYTES >> 20} MiB"
    if file.size > budget:
        return None, f"no more than {MAX_TOTAL_BYTES >> 20} MiB are digested in all"
    try:
        digest = digest_as_opened(path, file)
    except FileNotFoundError:
        return None, "it was gone when the run ended"
    except OSError as error:
        return None, f"it could not be read: {error.strerror}"
    return digest, "" if digest else "it was changed after it was read"


def _is_secret(path: str) -> bool:
    *folders, name = Path(path).parts
    named = _SECRET.fullmatch(name) or is_secret_name(Path(name).stem) or name in _SECRET_FILES
    return bool(named) or not _SECRET_FOLDERS.isdisjoint(folders)


class _Places:
    """Where files lie: in the project, in the home folder, elsewhere, or where none counts."""

    def __init__(self, project: Path | None, temporary: tuple[str, ...]) -> None:
        self._project = None if project is None else str(project) + os.sep
        prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
        self._python = tuple(prefix + os.sep for prefix in prefixes if prefix != os.sep)
        folders = {*temporary_folders(), *temporary}
        self._temporary = tuple(
            folder.rstrip(os.sep) + os.sep for folder in self._with_targets(folders)
        )

    @staticmethod
    def _with_targets(folders: Iterable[str]) -> Iterator[str]:
        for folder in folders:
            yield folder
            yield os.path.realpath(folder)

    def name(self, path: str, file: Opened, began: float) -> str | None:
        """Return what a file is called; None where it is no input."""
        inside = self._inside(path)
        if inside is not None:
            return printable_name(inside)
        elsewhere = path.startswith((*self._python, *_SYSTEM_ELSEWHERE))
        if elsewhere or file.on_import or self._came_and_goes(path, file, began):
            return None
        home = scrub(path)
        if home.startswith("~" + os.sep):
            return printable_name(home)
        short = hashlib.sha256(os.fsencode(Path(path).parent)).hexdigest()[:4]
        return printable_name(Path(f"<{short}>", *Path(path).parts[-2:]).as_posix())

    def _inside(self, path: str) -> str | None:
        """Return a path below the project, by whatever link it was named; else None."""
        if self._project is None:
            return None
        for whole in (path, os.path.realpath(path)):
            if whole.startswith(self._project):
                below = self._project
                within = tuple(prefix for prefix in self._python if prefix.startswith(below))
                return None if whole.startswith(within) else whole.removeprefix(below)
        return None

    def _came_and_goes(self, path: str, file: Opened, began: float) -> bool:
        """Whether a file lies in a temporary folder and has not stayed there all along."""
        if not path.startswith(self._temporary):
            return False
        try:
            there = file.is_as_was(os.stat(path))  # noqa: PTH116 - as above
        except OSError:
            there = False
        return not there or file.changed >= began
