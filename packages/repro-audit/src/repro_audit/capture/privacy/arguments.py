"""The command line, as a manifest may hold it: each word by itself, and as the one before says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from repro_audit.capture.privacy.secrets import is_secret_name, mask, mask_secrets

__all__ = ["mask_words"]

_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_LIKE_AN_OPTION = re.compile(
    r"--[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*(?:=.*)?|-[A-Za-z]{1,3}(?:=.*)?", re.DOTALL
)
_USERS = frozenset({"-u", "--user", "--proxy-user", "--login"})


def mask_words(words: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Return the words of a command line without secrets.

    Args:
        words: As in ``sys.argv``.
        outputs: Paths the run writes; each becomes ``<output>``.

    Returns:
        One for each word.
    """
    masked = []
    before = ""
    for word in words:
        name, equals, value = word.partition("=")
        if _is_secret_of(before, word):
            masked.append(mask(word))
        elif word in outputs:
            masked.append("<output>")
        elif equals and value in outputs:
            masked.append(f"{name}=<output>")
        elif equals and _is_name(name) and is_secret_name(name):
            masked.append(f"{name}={mask(value)}")
        else:
            masked.append(mask_secrets(word))
        before = word
    return masked


def _is_name(text: str) -> bool:
    """Whether a word up to its first ``=`` is a name, and no JSON or URL."""
    return re.fullmatch(r"[-+~]*[\w./@\[\]-]+", text) is not None


def _is_secret_of(option: str, word: str) -> bool:
    """Whether a word is the secret that the option before it asks for."""
    if option.endswith((":", "=")):  # a header, or what a shell has parted
        return is_secret_name(option)
    if not _OPTION.fullmatch(option):
        return False
    if option == "-p":  # a password of some, patience or a port of others
        return not word.startswith("-") and _NUMBER.fullmatch(word) is None
    if option in _USERS:
        return ":" in word and not word.startswith("-")
    return is_secret_name(option) and _LIKE_AN_OPTION.fullmatch(word) is None
