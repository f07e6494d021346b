"""Where a remedy belongs: in the script, in another file of the project, or in a shell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from repro_audit.manifest import Manifest

__all__ = ["Language", "files_at", "is_below_project", "language_of", "scripts_of"]

Language = Literal["python", "shell", "words"]
"""What a remedy is written in; ``words`` say what no code can do."""

_SHELL = ("echo", "export", "git", "pip", "repro-audit", "unset")
"""The programs that remedies run."""

_FILE = re.compile(r"\$\.conditions\.(?:code|read)\.files(?:\['([^']+)'\]|\.(\w+))$")
_REQUIREMENTS = re.compile(r"\$\.conditions\.packages\.requirements\[(\d+)\]")


def language_of(code: str) -> Language:
    """Return what a remedy is written in.

    >>> language_of("export PYTHONHASHSEED=0"), language_of("rng = np.random.default_rng(1)")
    ('shell', 'python')
    >>> language_of("# run it again to its end")
    'words'
    """
    lines = [line for line in code.splitlines() if line and not line.startswith("#")]
    if not lines:
        return "words"
    return "shell" if lines[0].split(maxsplit=1)[0] in _SHELL else "python"


def files_at(manifest: Manifest, paths: Sequence[str], code: str) -> tuple[str, ...]:
    """Return the files of a run's project in which something is to be mended.

    They are those that the conditions name; else, where the remedy is Python, the script. A
    manifest says which file, and no line.

    Args:
        manifest: The run.
        paths: JSONPaths of what was seen.
        code: The remedy.

    Returns:
        Their paths below the project's folder; none where the remedy belongs into no file.
    """
    named = [name for path in paths if (name := _named(manifest, path)) is not None]
    if not named and language_of(code) == "python":
        return scripts_of(manifest)
    return tuple(dict.fromkeys(filter(is_below_project, named)))


def scripts_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the file that was run; none where it is not one of the project's."""
    code = manifest.conditions.code
    if code is None:
        return ()
    # Of a module the command line holds the file.
    names = [code.entry_point, *code.argv[:1]]
    found = (name for name in names if name in code.files and is_below_project(name))
    return tuple(found)[:1]


def is_below_project(name: str) -> bool:
    """Whether a stranger's text is a plain path that leads to no other place.

    >>> is_below_project("src/train.py"), is_below_project("../train.py")
    (True, False)
    >>> is_below_project("/etc/passwd"), is_below_project("<path:3f9a>/train.py")
    (False, False)
    """
    parts = name.split("/")
    plain = name.isprintable() and not re.search(r"[\\:<>]", name)
    return plain and not any(part in {"", ".", "..", "~"} for part in parts)


def _named(manifest: Manifest, path: str) -> str | None:
    """Return the file that a condition is about."""
    if found := _FILE.match(path):
        return found[1] or found[2]
    packages, found = manifest.conditions.packages, _REQUIREMENTS.match(path)
    if found and packages is not None and int(found[1]) < len(packages.requirements):
        return packages.requirements[int(found[1])].file
    return None
