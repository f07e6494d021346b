"""Find people, machines and places in a text: names of users and hosts, mail addresses, paths."""

from __future__ import annotations

import functools
import getpass
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from repro_audit.capture.privacy.secrets import digest_16
from repro_audit.capture.privacy.words import GENERIC, SYSTEM, harmless

__all__ = ["Here", "hide_places", "is_owned", "is_private_part", "temporary_folders"]

_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp", "/dev/shm")  # noqa: S108 - none is made there

_HOMES = re.compile(r"homes?\d*|users?", re.IGNORECASE)
"""What the folder at the root is called whose folders bear the names of users."""

_OWNERS = re.compile(
    r"(homes?\d*|users?|people|staff|students|groups?|projects?|labs?)", re.IGNORECASE
)
"""What a folder is called whose folders bear the names of people and of groups."""

_PATH = re.compile(
    r"(?P<quote>['\"])(?P<quoted>/[^'\"\n]+)(?P=quote)"
    r"|(?:(?<![\w/.~<>@-])|(?<=file://))(?P<bare>/(?:[^\s/'\"<>|:;,()\[\]{}=*?&#]+/?)+)"
)
_WINDOWS_HOME = re.compile(
    r"(?i)((?:[a-z]:)?\\{1,2}(?:users|documents and settings)\\{1,2})[^\\\s'\"]+"
)
_SHARED_HOME = re.compile(r"(?i)(\\{2,4}[^\\\s'\"]+\\{1,2}(?:homes?|users?)\\{1,2})[^\\\s'\"]+")
_OTHER_HOME = re.compile(r"(?<![\w/.~])~[A-Za-z_][\w.-]*(?=/)")
_RELATIVE_HOME = re.compile(r"((?<![\w./])(?:\.\./)+(?:homes?|Users)/)[^/\s'\"]+")
_LOGIN = re.compile(r"(?<![\w.+-])(?!git@)[\w.+-]+@[\w.-]+(?=:[~/])")
"""Of whoever logs in on another machine, as scp and rsync take it."""

_MAIL = re.compile(r"(?<![\w.+-])(?!git@)[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}(?![\w-])")
_SEEN = re.compile(r"<(?:secret|path|mail):[0-9a-f]{4}>")


def temporary_folders() -> tuple[str, ...]:
    """Return folders in which files come and go.

    Python is not asked for its own: it would make a file there, and settle where it is for the
    whole program.
    """
    asked = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return tuple(filter(None, (*_TEMPORARY, *asked, tempfile.tempdir)))


class Here(NamedTuple):
    """Where a process runs, and by whom.

    Attributes:
        project: The project's folder; None where none is known.
        home: The user's home folder.
        users: Names of the user.
        hosts: Names of the machine, without its domain.
        domain: The domain of the machine; empty where its name has none.
    """

    project: str | None
    home: str | None
    users: frozenset[str]
    hosts: frozenset[str]
    domain: str

    @classmethod
    def of(cls, project: Path | None) -> Here:
        """Ask the system; it may say another thing later."""
        full = [socket.gethostname(), os.environ.get("HOSTNAME", "")]
        domains = {name.partition(".")[2].lower() for name in full}
        users = {_user(), os.environ.get("SUDO_USER", "")}
        home = _home()
        for folder in (home, project):
            # A home may be another user's than who runs: in a container, or by sudo.
            if folder is not None and len(folder.parts) > 2 and _HOMES.fullmatch(folder.parts[1]):
                users.add(folder.parts[2])
        return cls(
            project=_folder(project),
            home=_folder(home),
            users=_named(users),
            hosts=_named(name.partition(".")[0] for name in full),
            domain=max((name for name in domains if "." in name), key=len, default=""),
        )


def hide_places(text: str, here: Here) -> str:
    """Return a text without the names of people and machines, and without where data lie.

    Args:
        text: Of any kind. What was hidden before stays as it is.
        here: Whose names they are.

    Returns:
        The text, with the project's folder as ``.``, the home as ``~``, Python's as ``<python>``;
        other absolute paths keep their last part, behind 16 bits of a digest of the rest.
    """
    if "/" in text:
        for folder, short in _folders(here):
            text = re.sub(rf"(?<![\w.~>-]){re.escape(folder)}(?=$|[^\w.-]|\.(?!\w))", short, text)
        text = _PATH.sub(lambda found: _hide_path(found, here), text)
        text = _OTHER_HOME.sub("~<user>", text)
        text = _RELATIVE_HOME.sub(lambda found: f"{found[1]}<user>", text)
    if "\\" in text:
        for pattern in (_WINDOWS_HOME, _SHARED_HOME):
            text = pattern.sub(lambda found: f"{found[1]}<user>", text)
    if "@" in text:
        for pattern in (_MAIL, _LOGIN):
            text = pattern.sub(lambda found: _hide_mail(found[0], here), text)
    return _hide_names(text, here)


def is_private_part(parts: tuple[str, ...], index: int) -> bool:
    """Whether a part of an absolute path may be the name of a person or a group.

    The first two may always be: a root of data or homes, and whose they are.

    Args:
        parts: Those of the path, with its root.
        index: Which one.

    >>> parts = PurePosixPath("/scratch/ada/images/train.csv").parts
    >>> [is_private_part(parts, index) for index in range(1, 5)]
    [True, True, False, False]
    """
    return index <= 2 or is_owned(parts[index - 1])


def is_owned(folder: str) -> bool:
    """Whether what lies in a folder of this name bears the names of people or groups."""
    return _OWNERS.fullmatch(folder) is not None


def _hide_path(found: re.Match[str], here: Here) -> str:
    """Return what stands for an absolute path."""
    path, quote = found["quoted"] or found["bare"], found["quote"] or ""
    whole, slash = path.rstrip("/."), path[len(path.rstrip("/.")) :]
    parts = PurePosixPath(whole).parts
    if len(parts) < 3 or parts[1] in SYSTEM or _SEEN.search(path):
        return found[0]
    keep = not is_private_part(parts, len(parts) - 1)
    shown = f"/{parts[-1]}" if keep else ""
    # Of the user's own name nothing goes into the digest: another user's run is to agree.
    hidden = _hide_names(whole[: -len(shown)] if keep else whole, here)
    return f"{quote}<path:{digest_16(hidden)}>{shown}{slash}{quote}"


def _hide_mail(address: str, here: Here) -> str:
    """Return what stands for a mail address; for one's own on this machine, two names."""
    name, _, host = address.lower().partition("@")
    if name in here.users and here.domain and host.endswith(here.domain):
        return "<user>@<host>"
    return f"<mail:{digest_16(address)}>"


def _hide_names(text: str, here: Here) -> str:
    """Hide the names of the user and of the machine, wherever they stand as words."""
    lowered = text.lower()
    if here.domain and here.domain in lowered:
        text = re.sub(
            rf"(?i)(?<![\w.-])(?:[\w-]+\.)*{re.escape(here.domain)}(?![\w-])", "<host>", text
        )
    for names, short in ((here.hosts, "<host>"), (here.users, "<user>")):
        for name in names:
            if name in lowered:
                text = _name_pattern(name).sub(short, text)
    return text


@functools.cache
def _name_pattern(name: str) -> re.Pattern[str]:
    """Return what finds a name as a word; an underscore parts words."""
    letters = re.escape(name)
    if name in harmless():
        return re.compile(
            rf"(?i)(?<=/){letters}(?=/|$)|(?<![^\W_]){letters}(?=@)|(?<=[@~]){letters}(?![^\W_])"
        )
    return re.compile(rf"(?i)(?<![^\W_]){letters}(?![^\W_])")


def _folders(here: Here) -> Iterable[tuple[str, str]]:
    """Return the folders that have a short name, the innermost first where one is in another."""
    folders = {here.project: ".", here.home: "~"}
    for prefix in (sys.prefix, sys.base_prefix):
        if not SYSTEM.intersection(Path(prefix).parts[1:2]):
            folders.setdefault(_folder(Path(prefix)), "<python>")
    known = ((folder, short) for folder, short in folders.items() if folder)
    return sorted(known, key=lambda item: (item[1] != ".", -len(item[0])))


def _folder(path: Path | None) -> str | None:
    return None if path is None or len(path.parts) < 2 else str(path)


def _named(names: Iterable[str]) -> frozenset[str]:
    """Return the names that tell something, in small letters."""
    folded = (name.lower() for name in names)
    return frozenset(name for name in folded if len(name) > 2 and name not in GENERIC)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
