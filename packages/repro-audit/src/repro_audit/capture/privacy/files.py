"""What a report or an attachment calls a file that somebody has named on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from repro_audit.capture.privacy.places import is_owned, is_private_part
from repro_audit.capture.privacy.records import Cleaner

__all__ = ["distinct_names", "short_paths"]


def short_paths(paths: Sequence[str]) -> list[str]:
    """Return what a file that is to be shown to others calls each path.

    It is the path below the working folder. Elsewhere it is the file's name, with the folders that
    tell two of one name apart, but for those that may bear the name of a person or of a group.

    Args:
        paths: As they were given; ``-`` is standard input.

    Returns:
        One for each path. Two may be the same.

    >>> short_paths(["run-1/a.json", "/home/ada/run-1/m.json", "/home/eve/run-2/m.json"])
    ['run-1/a.json', 'run-1/m.json', 'run-2/m.json']
    """
    parts = [_below_here(path) for path in paths]
    whole = [PurePath(os.path.abspath(path)).parts for path in paths]  # noqa: PTH100 - links stay
    shown: list[str] = []
    for index, inside in enumerate(parts):
        own = whole[index]
        others = [other for other in whole[:index] + whole[index + 1 :] if other != own]
        count = 1
        while (
            any(other[-count:] == own[-count:] for other in others)
            and count + 1 < len(own)
            and not is_private_part(own, len(own) - count - 1)
        ):
            count += 1
        shown.append("/".join(inside or own[-count:]))
    return list(Cleaner().record(shown))


def distinct_names(paths: Sequence[str]) -> list[str]:
    """Return what a report calls each path: as `short_paths`, with a number where two are the same.

    >>> distinct_names(["/home/ada/m.json", "/home/eve/m.json"])
    ['m.json', 'm.json (2)']
    """
    names: list[str] = []
    for path, short in zip(paths, short_paths(paths), strict=True):
        number, name = 1, short
        # One file that is given twice is called so twice.
        while name in names and paths[names.index(name)] != path:
            number += 1
            name = f"{short} ({number})"
        names.append(name)
    return names


def _below_here(path: str) -> tuple[str, ...] | None:
    """Return the parts of a path below the working folder; None where it lies elsewhere.

    A file in somebody's home lies elsewhere, even if the working folder is that of all homes.
    """
    if path == "-":
        return ("-",)
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - what a link points to has another name
    try:
        here = Path.cwd()
        inside = whole.relative_to(here).parts
    except (ValueError, OSError):
        return None
    around = (here.name, *inside[:-2])
    owned = len(inside) > 1 and (here.parent == here or any(map(is_owned, around)))
    return None if owned else inside
