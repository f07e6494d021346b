"""Record nothing of a run but the state its models end with.

`repro_audit.repeat` asks for one such run, to see whether recording changes a run: nothing is
added to a fit, no step is seen, and a model is read only when its training is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from repro_audit.capture.kernel import kernel_shell
from repro_audit.manifest.writing import write
from repro_audit.recording.backends.fit_hooks import MODEL
from repro_audit.recording.backends.patching import Call, Watch
from repro_audit.recording.process.current import process
from repro_audit.recording.process.ending import at_end
from repro_audit.recording.request import Request
from repro_audit.recording.session.draft import Draft
from repro_audit.recording.session.models import Models

__all__ = ["Unrecorded"]

_STATE = "$.outcomes.final_state"


class Unrecorded:
    """One process that is not recorded."""

    def __init__(self, request: Request) -> None:
        self._path = Path(request.manifest)
        self._draft = Draft()
        self._told = False
        self._over = False

    def install(self) -> None:
        """See from now on which models are trained."""
        at_end(self.stop)
        for name, watcher in (("fit", self._fit), ("evaluate", self._evaluate)):
            process.patches.watch(MODEL, f"Model.{name}", watcher, lost=_STATE)
        process.watch_updates(process.patches)

    # Of a script that records itself, the part it records counts.

    def start(self) -> None:
        """Begin anew; from now on the script tells of its loops."""
        self._draft = Draft()
        self._told = True

    def stop(self) -> None:
        """Read the state that every model ends with, and write it."""
        if self._over or process.is_child:
            return
        self._over = True
        if not self._draft.models:
            return
        models = self._models()
        for item, model in models.alive():
            models.read_final(item, model)
        self._draft.mark_missing(
            "$.conditions", "this run was not recorded but for the state it ends with"
        )
        self._draft.status = "complete"
        write(self._draft.manifest(), self._path)

    # What the script, or a loop, tells.

    def data(self, role: str, arrays: tuple[Any, ...]) -> None:
        """Read nothing."""

    def watch(self, model: Any) -> None:
        """Take note of a model."""
        if not self._over:
            self._models().seen(model)

    def loop_model_found(self, model: Any) -> None:
        """Take note of what a loop trains, unless the script tells of loops."""
        if not self._told:
            self.watch(model)

    def optimizer_found(self, model: Any, optimizer: Any) -> None:
        """Read nothing."""

    def trained_otherwise(self, variable: Any) -> None:
        """Read nothing."""

    def unfollowed(self, noun: str, rest: str) -> None:
        """Count nothing."""

    def loop_step(self, model: Any, batch: Any, loss: Any) -> None:
        """Take note of a model."""
        self.watch(model)

    def loop_updates(self, model: Any, steps: int, batch: Callable[[], Any]) -> None:
        """Take note of a model."""
        self.loop_model_found(model)

    def loop_epoch(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take note of a model."""
        self.watch(model)

    def _models(self) -> Models:
        if not self._draft.models and kernel_shell() is not None:
            # Before IPython's own, which empties the namespace of the notebook.
            at_end(self.stop)
        # Not before there is a model: the script has the first word.
        return Models(self._draft, process.backend())

    def _fit(self, call: Call) -> Watch:
        model = call.args[0]
        with process.turn.taken(model) as mine, process.updates.of_fit(model):
            if not mine or self._over:
                return
            models = self._models()
            item = models.seen(model)
            yield None
            models.read_final(item, model)

    def _evaluate(self, call: Call) -> Watch:
        model = call.args[0]
        if process.turn.inside or process.turn.elsewhere or self._over:
            return
        self.watch(model)
        with process.turn.taken(model):
            yield None
