"""Read a manifest that a stranger wrote.

Nothing in the file is ever run, followed, fetched or used as a path. Whatever is wrong with
it becomes one `ManifestError` that says where, what was expected and what stands there.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any, NoReturn

from repro_audit.canonical import SPECIAL, digest_bytes, digest_json, number
from repro_audit.errors import ManifestError, printable, shown
from repro_audit.files import read_bounded
from repro_audit.manifest.fields import HOLDING, fill_absent, make_whole, take_unknown
from repro_audit.manifest.records import (
    NOT_UNDERSTOOD,
    UNRECORDED,
    VERSION,
    FitOutcome,
    Manifest,
    Outcomes,
)
from repro_audit.manifest.structure import structure
from repro_audit.manifest.validation import validate
from repro_audit.manifest.versions import READABLE, upgraded

__all__ = ["load", "parse", "read_json"]

_MAX_DEPTH = 100
"""Levels of nesting that are accepted; a model of models needs about thirty."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""How half of a character beyond 16 bits is written; UTF-8 cannot hold one by itself."""

_MAX_NUMBER_LENGTH = 400
"""Digits of a number that are accepted; the longest float64 in full has 309 before its point."""

_ALWAYS_WITHIN = 300
"""Characters of an integer that is within float64 whatever its digits are."""


def load(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest, or a Keras ``history.json`` in place of one.

    Args:
        path: File to read; ``-`` is standard input.

    Returns:
        What the file says, in the current version of the format; a history becomes a manifest that
        holds no conditions and one fit.

    Raises:
        ManifestError: The file cannot be read, is not valid, has another digest than it
            says, or is of a version this release does not know.
    """
    return parse(read_bounded(path), printable(os.fspath(path)))


def parse(content: bytes, name: str) -> Manifest:
    """Return the manifest in `content`, which messages call `name`.

    Raises:
        ManifestError: As `load`.
    """
    document = read_json(content, name)
    if not isinstance(document, dict):
        message = f"{name}: $: expected an object, received {shown(document)}."
        raise ManifestError(message)
    if "schema" not in document and _is_history(document):
        return _from_history(document, content, name)
    if document.get("schema") not in READABLE:
        raise ManifestError(_unknown_version(document, name))
    version = document["schema"].removeprefix("repro-audit/")
    validate(document, name, version)
    _check_digest(document, name)
    return structure(Manifest, _understood(document, version))


def _unknown_version(document: dict[str, Any], name: str) -> str:
    """Return the message about a document of a version that this release does not read."""
    message = (
        f"{name}: $.schema: expected {' or '.join(map(repr, READABLE))}, "
        f"received {shown(document.get('schema'))}."
    )
    recorder = document.get("recorder")
    if not isinstance(recorder, str):
        return f"{message} Another release of repro-audit may read it."
    return f"{message} The release that wrote it, {shown(recorder)}, reads it."


def _understood(document: dict[str, Any], version: str) -> dict[str, Any]:
    """Return what a valid document says, in the current version, with every field.

    What its release did not record, and what this one does not know, is named in ``missing``.
    """
    from repro_audit_schemas import schema

    if version == VERSION:
        unknown, absent = make_whole(document, schema(VERSION))
    else:
        unknown = take_unknown(document, schema(version))
        document = upgraded(document)
        absent = fill_absent(document, schema(VERSION))
    document["missing"] += [
        {"path": path, "reason": reason}
        for paths, reason in ((absent, UNRECORDED), (unknown, NOT_UNDERSTOOD))
        for path in paths
    ]
    return document


def read_json(content: bytes, name: str) -> Any:  # noqa: C901 - the hooks of one parser
    """Return the JSON value in `content`, refusing everything that JSON leaves undefined.

    Raises:
        ManifestError: Not UTF-8, not JSON, a key given twice, NaN or an infinity as a
            literal, a number that is too long or beyond float64, a lone surrogate, or
            nested too deeply.
    """

    def refuse(message: str) -> NoReturn:
        text = f"{name}: {message}"
        raise ManifestError(text) from None

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    refuse(f"the key {shown(key)} is given twice in one object.")
                seen.add(key)
        return result

    def integer(text: str) -> int:
        if len(text) > _MAX_NUMBER_LENGTH:
            refuse(
                f"expected a number of at most {_MAX_NUMBER_LENGTH} digits, received {len(text):,}."
            )
        if len(text) > _ALWAYS_WITHIN:
            real(text)
        return int(text)

    def real(text: str) -> float:
        value = float(text) if len(text) <= 2 * _MAX_NUMBER_LENGTH else math.inf
        if math.isinf(value):
            refuse(f"expected a number within float64, received {shown(text, 20)}.")
        return value

    def constant(text: str) -> NoReturn:
        refuse(f'{text} is not JSON. Expected the string "{text}" in its place.')

    if content.startswith(b"%PDF-"):
        refuse("is a PDF. Expected a JSON file.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse(f"expected UTF-8, received other bytes at offset {error.start:,}.")
    try:
        document = json.loads(
            text,
            object_pairs_hook=without_duplicates,
            parse_int=integer,
            parse_float=real,
            parse_constant=constant,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno:,}, column {error.colno:,}"
        reason = error.msg.removesuffix(" at")
        hint = "It may have been cut off."
        if name.endswith(".py"):
            hint = f"To record a script: repro-audit record {name}"
        refuse(f"is not JSON: {reason} at {place}. {hint}")
    except RecursionError:
        refuse(f"is nested too deeply. Expected at most {_MAX_DEPTH} levels.")
    (_check_values if _SURROGATE.search(text) else _check_depth)(document, refuse)
    return document


def _check_values(document: Any, refuse: Any) -> None:
    """Refuse deep nesting and lone surrogates, without recursion."""
    level = [document]
    for _ in range(_MAX_DEPTH):
        following: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                following.extend(value)
                following.extend(value.values())
            elif isinstance(value, list):
                following.extend(value)
            elif isinstance(value, str) and not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    refuse(f"expected Unicode text, received a lone surrogate in {shown(value)}.")
        if not following:
            return
        level = following
    _refuse_depth(refuse)


def _check_depth(document: Any, refuse: Any) -> None:
    """Refuse what `_check_values` refuses, where no text can hold a surrogate: most values."""
    level = [document] if type(document) in HOLDING else []
    for _ in range(_MAX_DEPTH - 1):
        level = [
            item
            for value in level
            for item in (value.values() if type(value) is dict else value)
            if type(item) in HOLDING
        ]
        if not level:
            return
    if any(level):
        _refuse_depth(refuse)


def _refuse_depth(refuse: Any) -> None:
    refuse(f"is nested too deeply. Expected at most {_MAX_DEPTH} levels.")


def _check_digest(document: dict[str, Any], name: str) -> None:
    """Refuse a document whose content is not what its digest says."""
    rest = {key: value for key, value in document.items() if key != "digest"}
    try:
        actual = digest_json(rest)
    except ValueError as error:
        message = f"{name}: cannot be written as canonical JSON: {printable(str(error))[:200]}."
        raise ManifestError(message) from None
    if actual != document["digest"]:
        message = (
            f"{name}: $.digest: expected {actual}, received {document['digest']}. "
            "The file was changed or damaged after it was written."
        )
        raise ManifestError(message)


def _is_history(document: dict[str, Any]) -> bool:
    """Whether a document is the `history` dict of a Keras History: lists of numbers."""
    return bool(document) and all(
        isinstance(values, list)
        and all(
            (isinstance(value, int | float) and not isinstance(value, bool))
            or (isinstance(value, str) and value in SPECIAL)
            for value in values
        )
        for values in document.values()
    )


def _from_history(document: dict[str, Any], content: bytes, name: str) -> Manifest:
    """Return a manifest that holds a history and nothing else."""
    history: dict[str, tuple[float | None, ...]] = {
        key: tuple(number(value) for value in values) for key, values in document.items()
    }
    fit = FitOutcome(
        model=None,
        steps=None,
        first_epoch=None,
        ended=None,
        epochs=(),
        trace=(),
        history=history,
        dtypes=dict.fromkeys(history),
    )
    return Manifest(
        # A history has no run id: one file given twice is one run, two equal files are two.
        run_id=digest_bytes(name.encode() + content)[7:39],
        status="complete",
        recorder="history.json",
        outcomes=Outcomes(fits=(fit,)),
    )
