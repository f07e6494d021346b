"""What is trained in a recorded process and is not among the fits: kept, and counted at the end."""

from __future__ import annotations

import sys
import weakref
from typing import Any, Protocol

from repro_audit.recording.session.draft import Draft
from repro_audit.recording.session.models import Models

__all__ = ["Children", "Unfollowed"]


class Children(Protocol):
    """Looks at the processes that this one has started.

    Attributes:
        said: What is said of one that computed: a noun, and the rest.
    """

    said: tuple[str, str]

    @property
    def computing(self) -> int:
        """How many were seen to compute."""

    def look(self) -> None:
        """See which of them compute now."""


class Unfollowed:
    """Training that was noticed, of which the end knows whether it was followed after all."""

    def __init__(self, draft: Draft, models: Models, children: Children | None) -> None:
        """Prepare.

        Args:
            draft: Where it is named.
            models: Those that were seen.
            children: Looks at child processes; None where somebody outside does, who sees more.
        """
        self._draft = draft
        self._models = models
        self._children = children
        self._updated: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._otherwise: dict[int, weakref.ref[Any]] = {}

    def look(self) -> None:
        """See which child processes compute now."""
        if self._children is not None:
            self._children.look()

    def updates(self, model: Any, steps: int) -> None:
        """Take note of updates of which the user may still tell."""
        _, before = self._updated.get(id(model), (None, 0))
        self._updated[id(model)] = weakref.ref(model), before + steps

    def otherwise(self, variable: Any) -> None:
        """Take note of a variable that was trained without a Keras optimizer."""
        self._otherwise[self._models.key(variable)] = weakref.ref(variable)

    def count(self) -> None:
        """Name what is not in the fits: nobody told of it, and no final state holds it."""
        self.look()
        if self._children is not None and self._children.computing:
            self._draft.unfollowed(*self._children.said, self._children.computing)
        told = [model for _, model in self._models.alive()]
        for reference, steps in self._updated.values():
            model = reference()
            if model is None or not any(self._models.covers(one, model) for one in told):
                self._draft.unfollowed("update", "that run.step was not told of", steps)
        variables = [reference() for reference in self._otherwise.values()]
        lost = sum(item is None or not self._models.own(item) for item in variables)
        if lost and "tf_keras" in sys.modules:
            # It is also what tf.keras is where TF_USE_LEGACY_KERAS asks for it.
            version = getattr(sys.modules["tf_keras"], "__version__", "of unknown version")
            self._draft.refuse(f"training by Keras 2 (tf_keras {version}) is not recorded")
        elif lost:
            self._draft.unfollowed("variable", "trained without an optimizer of Keras 3", lost)
