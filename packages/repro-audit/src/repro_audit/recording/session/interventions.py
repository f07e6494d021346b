"""What a recording changes in a run on purpose, where a request asks for it: never by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repro_audit.manifest.records import Flip

if TYPE_CHECKING:
    from repro_audit.recording.backends import base
    from repro_audit.recording.request import Request
    from repro_audit.recording.session.draft import Draft, DraftModel

__all__ = ["Interventions"]


class Interventions:
    """Flips the bit of a positive control, and moves weights by one unit in the last place."""

    def __init__(self, request: Request | None, draft: Draft, backend: base.Models) -> None:
        self._request = request
        self._draft = draft
        self._backend = backend

    def before_training(self, item: DraftModel, model: Any) -> None:
        """Move the weights that a model begins with, before anybody reads them.

        One that its first step builds, or a loop's, is moved after that step.
        """
        wanted = None if self._request is None else self._request.perturb
        if wanted is not None and not item.moved and self._backend.is_built(model):
            item.moved = True
            if self._backend.move_weights(model, wanted):
                self._draft.perturbation = wanted

    def after_step(self, item: DraftModel, model: Any, step: int) -> None:
        """Flip one bit, once in a run; move what could not be moved before.

        Args:
            item: What is known of the model.
            model: The model.
            step: The step, from 1.
        """
        self.before_training(item, model)
        if self._request is not None and self._request.flip and self._draft.flip is None:
            position, element, bit = self._backend.flip_bit(model)
            self._draft.flip = Flip(
                step=step, model=item.index, position=position, element=element, bit=bit
            )
