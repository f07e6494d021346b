"""The models of a run: which they are, and the state they begin and end with."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from repro_audit.capture.state import StateDigests
from repro_audit.recording.session.draft import Draft, DraftModel

if TYPE_CHECKING:
    from repro_audit.recording.backends import base

__all__ = ["Models"]


class Models:
    """Reads models into a draft, in the order in which they are seen."""

    def __init__(self, draft: Draft, backend: base.Models) -> None:
        self._draft = draft
        self._backend = backend

    def known(self, model: Any) -> DraftModel | None:
        """Return what is known of a model.

        Returns:
            Its draft; None where the model was not seen.
        """
        return next((item for item in self._draft.models if item.reference() is model), None)

    def seen(self, model: Any) -> DraftModel:
        """Return what is known of a model, which from now on counts."""
        item = self.known(model)
        if item is not None:
            return item
        index = len(self._draft.models)
        item = DraftModel(reference=weakref.ref(model), index=index)
        self._draft.models.append(item)
        self._draft.mark_missing(
            f"$.outcomes.initial_weights[{index}]",
            "the model was not built before its first step: give it an Input or call build",
        )
        self._draft.mark_missing(f"$.outcomes.final_state[{index}]", "the run has not ended")
        return item

    def alive(self) -> list[tuple[DraftModel, Any]]:
        """Return the models that are still there, each behind what is known of it."""
        pairs = ((item, item.reference()) for item in self._draft.models)
        return [(item, model) for item, model in pairs if model is not None]

    def own(self, variable: Any) -> bool:
        """Whether a variable belongs to a model that is still there."""
        wanted = self._backend.key(variable)
        return any(wanted in self._backend.keys(model) for _, model in self.alive())

    def covers(self, one: Any, other: Any) -> bool:
        """Whether all that is trained of one model are variables of another, or of the same."""
        return self._backend.trainable_keys(other) <= self._backend.keys(one)

    def key(self, variable: Any) -> int:
        """Return what tells a variable from others as long as it lives."""
        return self._backend.key(variable)

    def read_initial(self, item: DraftModel, model: Any) -> None:
        """Read the weights that a model begins with."""
        tensors = self._backend.weights(model)
        item.initial = StateDigests().capture(tensors)
        item.labels = tuple(tensor.label for tensor in tensors)
        self._draft.mark_recorded(f"$.outcomes.initial_weights[{item.index}]")

    def read_final(self, item: DraftModel, model: Any) -> None:
        """Read the state that a model, and its optimizer, end with as far as is known now."""
        tensors = self._backend.state(model)
        item.final = item.state.capture(tensors)
        item.labels = tuple(tensor.label for tensor in tensors)
        self._draft.mark_recorded(f"$.outcomes.final_state[{item.index}]")
