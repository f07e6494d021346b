"""What Keras was asked for and keeps no note of: how models were compiled, with which callbacks.

It is read when the call is made. What a callback holds later is what came of the training.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from repro_audit.canonical import encode
from repro_audit.capture.backend import Configs
from repro_audit.capture.settings import callback_settings
from repro_audit.manifest.training import Json
from repro_audit.recording.session.draft import Draft, DraftModel

__all__ = ["CallbackSettings", "Compiling"]

_AGAIN = "the model was compiled again after it had been trained"
_BEFORE = "the model was compiled before recording began"


class CallbackSettings:
    """The settings of callbacks as they were when each was seen first."""

    def __init__(self) -> None:
        self._known: list[tuple[weakref.ref[Any], dict[str, Json]]] = []

    def read(self, callbacks: Sequence[Any], outputs: Sequence[str]) -> tuple[dict[str, Json], ...]:
        """Return the settings of the callbacks that a fit begins with.

        Args:
            callbacks: The user's callbacks, which have not acted in this fit.
            outputs: Paths the run writes.
        """
        return tuple(self._of(callback, outputs) for callback in callbacks)

    def _of(self, callback: Any, outputs: Sequence[str]) -> dict[str, Json]:
        known = (settings for item, settings in self._known if item() is callback)
        found = next(known, None)
        if found is None:
            found = callback_settings(callback, outputs)
            self._known.append((weakref.ref(callback), found))
        return found


class Compiling:
    """What models were asked for by compile."""

    def __init__(self, draft: Draft, backend: Configs) -> None:
        """Prepare.

        Args:
            draft: Where the models are.
            backend: The framework.
        """
        self._draft = draft
        self._backend = backend
        self._seen: weakref.WeakKeyDictionary[Any, dict[str, Json] | str] = (
            weakref.WeakKeyDictionary()
        )

    def compiled(
        self, model: Any, given: Mapping[str, Any], own: Mapping[str, Any], outputs: Sequence[str]
    ) -> None:
        """Take note of a call of compile, as `repro_audit.recording.backends.observers` has it."""
        self._seen[model] = self._read(model, given, own, outputs)
        item = next((item for item in self._draft.models if item.reference() is model), None)
        if item is not None and item.training is not None:
            # Which of a model's metrics are whose is known of its first training alone.
            item.training = item.training._replace(metrics=None, compile=None)
            for field in ("metrics", "compile"):
                self._draft.mark_missing(_path(item, field), _AGAIN)

    def model_found(self, item: DraftModel, model: Any, outputs: Sequence[str]) -> None:
        """Add to a model that has just been read what its compile was asked for."""
        found = self._seen.get(model)
        if found is None:
            found = self._read(model, None, {}, outputs)
            if found:
                # Keras keeps a part of it.
                self._draft.mark_missing(_path(item, "compile"), _BEFORE)
        if isinstance(found, str):
            self._draft.mark_missing(_path(item, "compile"), found)
        elif item.training is not None:
            item.training = item.training._replace(compile=found)

    def _read(
        self,
        model: Any,
        given: Mapping[str, Any] | None,
        own: Mapping[str, Any],
        outputs: Sequence[str],
    ) -> dict[str, Json] | str:
        """Return the arguments; why there are none where they cannot be read."""
        try:
            arguments = self._backend.compile_arguments(model, given, own, outputs)
            return dict(encode(arguments))
        except Exception as error:  # noqa: BLE001 - a user's get_config may do anything
            return f"compile arguments: {type(error).__name__}"


def _path(item: DraftModel, field: str) -> str:
    return f"$.conditions.training.models[{item.index}].{field}"
