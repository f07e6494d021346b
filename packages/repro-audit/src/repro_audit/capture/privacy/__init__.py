"""Keep people, machines and secrets out of every file: the one place that decides what is hidden.

What is written of a run passes through here: each text that is read, and at last every text of the
manifest, the trace and the audit of a repeat (`Cleaner`), so that a field that is new is covered.

| is hidden | becomes |
|---|---|
| a secret: by its name, in a URL, or by its format | ``<secret:3f9a>`` |
| the project's folder, the home, Python's own folder | ``.``, ``~``, ``<python>`` |
| any other absolute path but of the system, up to its last part | ``<path:3f9a>/train.csv`` |
| a mail address | ``<mail:3f9a>`` |
| names of the user and of the machine | ``<user>``, ``<host>`` |

The four digits are 16 bits of a digest: two runs with two values are seen to differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from repro_audit.capture.privacy.arguments import mask_words
from repro_audit.capture.privacy.files import distinct_names, short_paths
from repro_audit.capture.privacy.notebooks import clean_notebook
from repro_audit.capture.privacy.places import temporary_folders
from repro_audit.capture.privacy.records import Cleaner

__all__ = [
    "Cleaner",
    "clean_notebook",
    "distinct_names",
    "mask_arguments",
    "mask_setting",
    "scrub",
    "short_paths",
    "temporary_folders",
    "without_credentials",
    "without_folders",
]


def scrub(text: str, project: Path | None = None) -> str:
    """Return `text` without people, machines, places and secrets.

    Args:
        text: A path, an argument or the text of an exception.
        project: The project's folder, which becomes ``.``.

    >>> scrub("https://me:hunter2@example.org/x?token=hunter2 of /scratch/lab/x/a.png")
    'https://<secret:ae68>@example.org/x?token=<secret:f52f> of <path:4fc5>/a.png'
    """
    return Cleaner(project).text(text)


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

    >>> mask_arguments(["train.py", "--token", "hunter2", "--out=a.json"], ["a.json"], None)
    ('train.py', '--token', '<secret:f52f>', '--out=<output>')
    """
    cleaner = Cleaner(project)
    return tuple(map(cleaner.text, mask_words(arguments, outputs)))


def without_credentials(url: str) -> str:
    """Return `url` without user, password, query and fragment.

    >>> without_credentials("git+https://me:secret@example.org/repo?x=1")
    'git+https://example.org/repo'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def mask_setting(name: str, text: str, outputs: Sequence[str]) -> str:
    """Return the text of a setting fit for a manifest: no secret, and of a path its last part.

    Args:
        name: The setting, whose name may say that it is a secret.
        text: What it was set to.
        outputs: Paths the run writes.

    >>> mask_setting("filepath", "/home/me/best.keras", []), mask_setting("api_key", "hunter2", [])
    ('best.keras', '<secret:f52f>')
    """
    (masked,) = mask_words([f"--{name}={text}"], outputs)
    return without_folders(masked.partition("=")[2])


def without_folders(text: str) -> str:
    """Return of a path its last part, which stays where the run is moved, and other text as it is.

    >>> without_folders("/data/train.csv"), without_folders("val_loss"), without_folders("<output>")
    ('train.csv', 'val_loss', '<output>')
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    if text.startswith(tuple(f"{folder.rstrip('/')}/" for folder in temporary_folders())):
        return "<temporary>"
    return scrub(text.rstrip("/").rpartition("/")[2])
