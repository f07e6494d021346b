"""The condition `packages`: what is installed, and the files that say what is wanted."""

from __future__ import annotations

import csv
import functools
import json
import os
import re
import sys
import tomllib
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from repro_audit.canonical import digest_bytes, digest_file
from repro_audit.capture.privacy import without_credentials
from repro_audit.manifest.conditions import Package, Packages, Requirements, Source

if TYPE_CHECKING:
    from repro_audit.capture.backend import Missed

__all__ = ["capture_packages", "record_digest"]

_LOCK_FILES = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "pixi.lock")
_REQUIREMENT_FILES = ("constraints*.txt", "requirements*.txt", "requirements/*.txt")


def capture_packages(project: Path | None, missed: Missed) -> Packages:
    """Read the version, the content digest and the origin of every installed distribution.

    Args:
        project: The project's folder, where requirement and lock files are looked for, if known.
        missed: Takes what cannot be read.

    Returns:
        Distributions by normalised name, sorted; of two that share a name, the one that is
        imported.

    Source:
        PEP 503 for the normalised names, PEP 610 for where a distribution came from.
    """
    distributions = _distributions(tuple(map(_state, sys.path)))
    for name, package in distributions.items():
        if package.digest is None:
            path = f"$.conditions.packages.distributions['{name}'].digest"
            missed(path, "the distribution has no RECORD")
    return Packages(
        distributions=dict(distributions),
        requirements=() if project is None else tuple(_requirements(project)),
    )


def _state(place: str) -> tuple[str, int | None]:
    """Return a place that distributions are looked for in, and when one last came or went."""
    try:
        return place, os.stat(place or os.curdir).st_mtime_ns  # noqa: PTH116 - may be no path
    except OSError:
        return place, None


@functools.lru_cache(maxsize=1)
def _distributions(_places: tuple[tuple[str, int | None], ...]) -> dict[str, Package]:
    """Return what is installed, by normalised name, sorted.

    A process may record several runs, and there are 40,000 rows to read: they are read again where
    something has come or gone.
    """
    found: dict[str, Package] = {}
    for distribution in metadata.distributions():
        name, version = _identity(distribution)
        # The first one on sys.path is the one that is imported.
        if name and name not in found:
            found[name] = Package(
                version=version,
                digest=record_digest(distribution.read_text("RECORD")),
                source=_source(distribution),
            )
    return dict(sorted(found.items()))


def _identity(distribution: metadata.Distribution) -> tuple[str, str]:
    """Return the name of a distribution, normalised, and its version.

    Only the headers are parsed: the description behind them takes ten times as long.
    """
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    headers = HeaderParser().parsestr(re.split(r"\r?\n\r?\n", text, maxsplit=1)[0])
    name = re.sub(r"[-_.]+", "-", headers["Name"] or "").lower()
    return name, headers["Version"] or ""


def record_digest(record: str | None) -> str | None:
    """Return the digest of a distribution's RECORD, equal whichever installer wrote it.

    Installers add their own metadata, compiled bytecode and scripts, and order and quote
    rows as they like. So the rows are read as CSV, those of ``*.dist-info``, ``*.pyc`` and
    ``../`` are left out, and the rest are sorted.

    Returns:
        ``sha256:`` and 64 hexadecimal digits; None where there is no RECORD.

    >>> record_digest("b.py,sha256=x,1\\na.py,sha256=y,2\\n") == record_digest(
    ...     "a.py,sha256=y,2\\nb.py,sha256=x,1\\na-1.dist-info/INSTALLER,,\\n"
    ... )
    True
    """
    if record is None:
        return None
    rows = sorted(
        row
        for row in csv.reader(record.splitlines())
        if row
        and not row[0].endswith(".pyc")
        and not row[0].startswith("../")
        and ".dist-info/" not in row[0]
    )
    return digest_bytes(json.dumps(rows).encode())


def _source(distribution: metadata.Distribution) -> Source | None:
    """Return where a distribution came from, by PEP 610, or None for a package index."""
    text = distribution.read_text("direct_url.json")
    if text is None:
        return None
    origin = json.loads(text)
    url = str(origin.get("url", ""))
    return Source(
        editable=bool(origin.get("dir_info", {}).get("editable", False)),
        # A local folder's path names a person's machine and helps nobody else.
        url=None if url.startswith("file:") else without_credentials(url),
        commit=origin.get("vcs_info", {}).get("commit_id"),
    )


def _requirements(project: Path) -> list[Requirements]:
    """Return the requirement and lock files in the project's folder."""
    paths = [project / name for name in _LOCK_FILES]
    for pattern in _REQUIREMENT_FILES:
        paths.extend(sorted(project.glob(pattern)))
    paths.append(project / "pyproject.toml")
    found = []
    for path in paths:
        if not path.is_file():
            continue
        if path.name in _LOCK_FILES:
            pinned, loose = 0, list[str]()
        else:
            wanted = _pyproject(path) if path.name == "pyproject.toml" else _lines(path)
            if not wanted:
                continue
            pinned, loose = _count(wanted)
        found.append(
            Requirements(
                file=path.relative_to(project).as_posix(),
                digest=digest_file(path),
                pinned=pinned,
                loose=tuple(loose),
            )
        )
    return found


def _pyproject(path: Path) -> list[str]:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return list(document.get("project", {}).get("dependencies", []))


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ").splitlines()
    stripped = (re.split(r"\s#|\s--", line.strip())[0].strip() for line in lines)
    return [line for line in stripped if line and not line.startswith(("#", "-"))]


def _count(wanted: list[str]) -> tuple[int, list[str]]:
    """Return how many requirements have one exact version, and the names of the others."""
    from packaging.requirements import InvalidRequirement, Requirement

    pinned, loose = 0, []
    for text in wanted:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        operators = {specifier.operator for specifier in requirement.specifier}
        if operators & {"==", "==="} and "*" not in str(requirement.specifier):
            pinned += 1
        elif requirement.url is None:
            loose.append(requirement.name)
    return pinned, sorted(set(loose))
