"""Read JSON that a stranger wrote: whatever JSON leaves undefined is refused in one line."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from repro_audit.errors import ManifestError, shown

__all__ = ["read_json"]

_HOLDING = frozenset({dict, list})

_MAX_DEPTH = 100
"""Levels of nesting that are accepted; a model of models needs about thirty."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""How half of a character beyond 16 bits is written; UTF-8 cannot hold one by itself."""

_MAX_NUMBER_LENGTH = 400
"""Digits of a number that are accepted; the longest float64 in full has 309 before its point."""

_LITERALS = ("true", "false", "null", "NaN", "-Infinity", "Infinity")
"""Words of which a file that was cut off may hold the beginning."""

_ALWAYS_WITHIN = 300
"""Characters of an integer that is within float64 whatever its digits are."""


def read_json(  # noqa: C901 - the hooks of one parser
    content: bytes | str, name: str, *, with_nan: bool = False
) -> Any:
    """Return the JSON value in `content`, refusing everything that JSON leaves undefined.

    Args:
        content: The file's bytes, or their text.
        name: What messages call the file.
        with_nan: Whether NaN and infinities may be literals, as Python's `json` writes them.

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

    def constant(text: str) -> float:
        if with_nan:
            return float(text)
        refuse(f'{text} is not JSON. Expected the string "{text}" in its place.')

    if isinstance(content, str):
        text = content
    else:
        if content.startswith(b"%PDF-"):
            refuse("is a PDF. Expected a JSON file.")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            refuse(f"expected UTF-8, received other bytes at offset {error.start:,}.")
    if text.startswith("\ufeff"):
        refuse("begins with a byte order mark. Expected the file as it was written, without one.")
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
        hint = " It may have been cut off." if _is_cut_off(text, error) else ""
        refuse(f"is not JSON: {reason} at {place}.{hint}")
    except RecursionError:
        refuse(f"is nested too deeply. Expected at most {_MAX_DEPTH} levels.")
    (_check_values if _SURROGATE.search(text) else _check_depth)(document, refuse)
    return document


def _is_cut_off(text: str, error: json.JSONDecodeError) -> bool:
    """Whether JSON breaks off at its end, and nothing before that is wrong with it."""
    if error.msg.startswith("Unterminated string"):
        return True
    rest = text[error.pos :].strip()
    begun = not rest.strip(".eE+-") or any(word.startswith(rest) for word in _LITERALS)
    return begun and bool(text.strip())


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
    level = [document] if type(document) in _HOLDING else []
    for _ in range(_MAX_DEPTH - 1):
        level = [
            item
            for value in level
            for item in (value.values() if type(value) is dict else value)
            if type(item) in _HOLDING
        ]
        if not level:
            return
    if any(level):
        _refuse_depth(refuse)


def _refuse_depth(refuse: Any) -> None:
    refuse(f"is nested too deeply. Expected at most {_MAX_DEPTH} levels.")
