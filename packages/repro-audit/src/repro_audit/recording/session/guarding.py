"""Let what cannot be recorded cost one field of the manifest, and never the training."""

from __future__ import annotations

import contextlib
import functools
import sys
import warnings
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from repro_audit.errors import RecordingWarning

__all__ = ["guarded", "text_of", "warn"]

P = ParamSpec("P")
R = TypeVar("R")


class _Recording(Protocol):
    def failed(self, path: str, error: Exception) -> None:
        """Take note that the field at JSONPath `path` could not be recorded."""


S = TypeVar("S", bound=_Recording)

_MAX_CHARACTERS = 20_000
"""An exception may quote a whole file."""


def guarded(
    path: str,
) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R | None]]:
    """Make a method warn where it fails, and mark the field at `path` missing.

    Args:
        path: JSONPath of the field that the method reads.

    Returns:
        A decorator. A method that it decorates returns None where it fails.
    """

    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R | None]:
        @functools.wraps(method)
        def tried(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever fails here, training goes on
                self.failed(path, error)
                return None

        return tried

    return decorate


def warn(message: str) -> None:
    """Warn; where the script makes errors of warnings, only say so."""
    try:
        warnings.warn(message, RecordingWarning, stacklevel=4)
    except RecordingWarning:
        if sys.stderr is not None:
            sys.stderr.write(f"{message}\n")


def text_of(error: BaseException | None) -> str:
    """Return what an exception says, as far as is told; of a stranger's even that can fail."""
    with contextlib.suppress(Exception):
        return str(error)[:_MAX_CHARACTERS]
    return ""
