"""Keep people, machines and secrets out of a manifest."""

from __future__ import annotations

import getpass
import re
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

__all__ = ["mask_arguments", "mask_setting", "scrub", "without_credentials", "without_folders"]

_SECRET_OPTION = re.compile(
    r"^--?[\w.-]*(token|secret|passw(or)?d|passphrase|api[-_.]?key|credential|auth|private[-_.]?key)",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"^(hf_|ghp_|gho_|github_pat_|sk-|xox[abp]-|AKIA|eyJ)[\w.-]{12,}$|://[^/\s:@]+:[^/\s@]+@"
)
_GENERIC_NAMES = {"root", "user", "admin", "runner", "ubuntu", "localhost", "python", "jovyan"}


def scrub(text: str, project: Path | None = None) -> str:
    """Return `text` without the home folder, the user's name and the host's name.

    Args:
        text: A path, an argument or the text of an exception.
        project: The project's folder, which becomes ``.``.
    """
    for path, short in ((project, "."), (_home(), "~")):
        if path is not None and len(path.parts) > 1:
            text = re.sub(re.escape(str(path)) + r"(?=/|\b|$)", short, text)
    for name, short in ((_user(), "<user>"), (socket.gethostname(), "<host>")):
        if len(name) > 2 and name.lower() not in _GENERIC_NAMES:
            text = re.sub(rf"\b{re.escape(name)}\b", short, text)
    return text


def mask_arguments(
    arguments: Sequence[str], outputs: Sequence[str], project: Path | None
) -> tuple[str, ...]:
    """Return command-line arguments fit for a manifest.

    Args:
        arguments: ``sys.argv``.
        outputs: Paths the run writes; each becomes ``<output>``, so that runs that differ
            only in where they write have equal arguments.
        project: The project's folder.

    Returns:
        One for each argument, in its order.

    >>> mask_arguments(["train.py", "--token", "abc", "--out=a.json"], ["a.json"], None)
    ('train.py', '--token', '<secret>', '--out=<output>')
    """
    masked = []
    secret_follows = False
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if secret_follows and not argument.startswith("-"):
            masked.append("<secret>")
        elif argument in outputs:
            masked.append("<output>")
        elif equals and value in outputs:
            masked.append(f"{option}=<output>")
        elif equals and (_SECRET_OPTION.match(option) or _SECRET_VALUE.search(value)):
            masked.append(f"{option}=<secret>")
        elif _SECRET_VALUE.search(argument):
            masked.append("<secret>")
        else:
            masked.append(scrub(argument, project))
        secret_follows = not equals and bool(_SECRET_OPTION.match(argument))
    return tuple(masked)


def mask_setting(name: str, text: str, outputs: Sequence[str]) -> str:
    """Return the text of a setting fit for a manifest: no secret, and of a path its last part.

    Args:
        name: The setting, whose name may say that it is a secret.
        text: What it was set to.
        outputs: Paths the run writes.

    >>> mask_setting("filepath", "/home/me/best.keras", []), mask_setting("api_key", "abc", [])
    ('best.keras', '<secret>')
    """
    (masked,) = mask_arguments([f"--{name}={text}"], outputs, None)
    return without_folders(masked.partition("=")[2])


def without_folders(text: str) -> str:
    """Return of a path its last part, which stays where the run is moved, and other text as it is.

    >>> without_folders("/data/train.csv"), without_folders("val_loss"), without_folders("<output>")
    ('train.csv', 'val_loss', '<output>')
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    if text.startswith(tempfile.gettempdir() + "/"):
        return "<temporary>"
    return scrub(text.rstrip("/").rpartition("/")[2])


def without_credentials(url: str) -> str:
    """Return `url` without user, password, query and fragment.

    >>> without_credentials("git+https://me:secret@example.org/repo?x=1")
    'git+https://example.org/repo'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


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
