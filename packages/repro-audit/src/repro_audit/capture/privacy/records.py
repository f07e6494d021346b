"""Clean whole records: every text in them, whatever field it stands in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from repro_audit.capture.privacy.places import Here, hide_places
from repro_audit.capture.privacy.secrets import is_secret_name, mask, mask_secrets

__all__ = ["Cleaner"]

T = TypeVar("T")
_DIGEST = "sha256:"


class Cleaner:
    """Cleans texts, and records: each text in those once."""

    def __init__(self, project: Path | None = None) -> None:
        """Prepare.

        Args:
            project: The project's folder, which becomes ``.``; None as long as it is not known.
        """
        self.project = project

    @property
    def project(self) -> Path | None:
        """The project's folder."""
        return self._project

    @project.setter
    def project(self, project: Path | None) -> None:
        self._project = project
        self._here = Here.of(project)
        self._known: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return a text without people, machines, places and secrets."""
        return hide_places(mask_secrets(text), self._here)

    def record(self, value: T, *, settings: bool = False) -> T:
        """Return a record, or any value of records, tuples, lists and dicts, with its texts clean.

        Args:
            value: What is cleaned. Numbers stay as they are, and digests.
            settings: Whether the keys of dicts are names of settings, of which some are secret.
        """
        cleaned: T = self._value(value, settings=settings)
        return cleaned

    def _text(self, text: str) -> str:
        if text.startswith(_DIGEST) and len(text) == len(_DIGEST) + 64:
            return text
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self.text(text)
        return known

    def _value(self, value: Any, *, settings: bool) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, tuple | list):
            items = [self._value(item, settings=settings) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        if isinstance(value, dict):
            return self._dict(value, settings=settings)
        return value

    def _dict(self, value: dict[Any, Any], *, settings: bool) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key, item in value.items():
            name = shown = self._text(key) if isinstance(key, str) else key
            number = 1
            while shown in result:  # two names that differ in what is hidden alone
                number += 1
                shown = f"{name}-{number}"
            if settings and isinstance(item, str) and isinstance(key, str) and is_secret_name(key):
                result[shown] = mask(item)
            else:
                result[shown] = self._value(item, settings=settings)
        return result
