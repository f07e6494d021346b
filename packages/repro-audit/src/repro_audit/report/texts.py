"""Every text in a manifest, grouped by what it could tell of somebody, for an author to read."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from repro_audit.errors import printable
from repro_audit.manifest import Manifest
from repro_audit.wording import counted

__all__ = ["GROUPS", "Group", "Place", "group_texts", "render_texts_json", "render_texts_text"]

SCHEMA = "repro-audit/texts-1"


class Group(NamedTuple):
    """What texts of one kind could tell.

    Attributes:
        name: What they are about.
        tells: What somebody could learn from them.
        paths: The fields they stand in, as a regular expression of the beginning of a JSONPath.
    """

    name: str
    tells: str
    paths: str


class Place(NamedTuple):
    """A text, and where it stands.

    Attributes:
        text: As it is in the file.
        paths: JSONPaths; of a name its own, with ``~`` behind it.
    """

    text: str
    paths: tuple[str, ...]


GROUPS = (
    Group(
        "people and machines",
        "Which machine it was: few have that processor, kernel and accelerator.",
        r"\$\.conditions\.environment\.(?!timezone|locale|variables|backend)|\$\.rank",
    ),
    Group(
        "place and time",
        "When and where it ran: a zone and a language may point to a country.",
        r"\$\.conditions\.environment\.(timezone|locale)|\$\.information\.(started|updated)"
        r"|\$\.conditions\.environment\.variables\.(LANG|LC_\w+|TZ)\b",
    ),
    Group(
        "project and code",
        "Whose code it is: a commit, and the digest of a file, are found in a public repository.",
        r"\$\.conditions\.code",
    ),
    Group(
        "failures and what is missing",
        "What an exception says, in the words of the code that raised it.",
        r"\$\.missing|\$\.information\.failure",
    ),
    Group(
        "data",
        "Which data they are: a digest is found again by whoever has them.",
        r"\$\.conditions\.data|\$\.conditions\.determinism\.datasets",
    ),
    Group(
        "models and layers",
        "Names that the authors gave, and how the model is made.",
        r"\$\.conditions\.(training|initializers|seeds)|\$\.conditions\.determinism\.execution"
        r"|\$\.information\.labels",
    ),
    Group(
        "packages",
        "What is installed: a private package names who wrote it.",
        r"\$\.conditions\.packages",
    ),
    Group(
        "settings of the environment",
        "Values of the variables that a manifest holds, and what the backend was told.",
        r"\$\.conditions\.(environment|determinism)",
    ),
    Group(
        "results",
        "Names of metrics, and digests that a rerun makes again.",
        r"\$\.outcomes|\$\.trace",
    ),
    Group(
        "the file itself",
        "What names the run and what recorded it. The identity begins with the time of the start.",
        r"\$",
    ),
)
"""Every text belongs to the first of these that its path begins with; the last takes any."""

_PATTERNS = [re.compile(group.paths) for group in GROUPS]
_MASKED = re.compile(r"<(?:secret|path|mail):[0-9a-f]{4}>|<(?:user|host|python|output)>")
_MAX_WHERE = 46


def group_texts(manifest: Manifest) -> dict[str, tuple[Place, ...]]:
    """Return every text in a manifest by the name of its group, each once with all its places.

    Args:
        manifest: Of any version, as it was read.

    Returns:
        A list for each of `GROUPS`, in its order; those of a group in the order of the file.
    """
    found: dict[str, dict[str, list[str]]] = {group.name: {} for group in GROUPS}
    for path, text in _texts(manifest, "$"):
        name = next(
            group.name
            for group, pattern in zip(GROUPS, _PATTERNS, strict=True)
            if pattern.match(path)
        )
        found[name].setdefault(text, []).append(path)
    return {
        name: tuple(Place(text, tuple(paths)) for text, paths in texts.items())
        for name, texts in found.items()
    }


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text below a record behind its path: values, and keys that no schema names."""
    if isinstance(value, str):
        yield path, value
    elif hasattr(value, "_fields"):
        for name, item in zip(value._fields, value, strict=True):
            yield from _texts(item, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{key}" if re.fullmatch(r"\w+", key) else f"{path}[{key!r}]"
            yield f"{inner}~", key
            yield from _texts(item, inner)


def render_texts_json(manifests: Sequence[tuple[str, Manifest]]) -> str:
    """Return the texts of manifests as JSON.

    Args:
        manifests: Each behind what it is called.
    """
    document = {
        "schema": SCHEMA,
        "manifests": [
            {
                "name": name,
                "groups": [
                    {
                        "name": group.name,
                        "tells": group.tells,
                        "texts": [
                            {"text": place.text, "paths": list(place.paths)}
                            for place in found[group.name]
                        ],
                    }
                    for group in GROUPS
                ],
            }
            for name, found in ((name, group_texts(manifest)) for name, manifest in manifests)
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_texts_text(manifests: Sequence[tuple[str, Manifest]], *, width: int) -> str:
    """Return the texts of manifests to be read, made printable.

    Args:
        manifests: Each behind what it is called.
        width: Columns of a line.
    """
    lines: list[str] = []
    for name, manifest in manifests:
        found = group_texts(manifest)
        total = sum(map(len, found.values()))
        masked = sum(
            _MASKED.search(place.text) is not None for places in found.values() for place in places
        )
        lines += [
            f"{printable(name)}: {counted(total, 'text')}, {masked:,} with something masked",
            "",
        ]
        for group in GROUPS:
            if found[group.name]:
                lines += [f"{group.name} ({len(found[group.name]):,})"]
                lines += textwrap.wrap(
                    group.tells, width, initial_indent="  ", subsequent_indent="  "
                )
                lines += [line for place in found[group.name] for line in _shown(place, width)]
                lines += [""]
    return "\n".join(lines)


def _shown(place: Place, width: int) -> Iterator[str]:
    """Yield the lines of one text: where it stands, and itself, whole."""
    where = printable(place.paths[0]).removesuffix("~")
    more = len(place.paths) - 1
    where += f" and {counted(more, 'other place')}" if more else ""
    text = printable(place.text) or "(empty)"
    if len(where) <= _MAX_WHERE and len(text) <= width - _MAX_WHERE - 6:
        yield f"    {where:<{_MAX_WHERE}}  {text}"
        return
    yield f"    {where}"
    yield from textwrap.wrap(
        text, width, initial_indent=" " * 8, subsequent_indent=" " * 8, break_on_hyphens=False
    ) or [" " * 8 + text]
