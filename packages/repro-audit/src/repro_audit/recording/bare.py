"""Record nothing of a run but the state its models end with.

`repro_audit.repeat` asks for one such run, to see whether recording changes a run: nothing is
added to a fit, no step is seen, and a model is read only when its training is over.
"""

from __future__ import annotations

import atexit
import functools
import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wrapt

from repro_audit.capture.state import capture_tensors
from repro_audit.manifest.writing import write
from repro_audit.recording.draft import Draft, DraftModel
from repro_audit.recording.loops import Loops
from repro_audit.recording.request import Request

__all__ = ["Bare"]


class Bare:
    """One process that is not recorded."""

    def __init__(self, request: Request) -> None:
        self._path = Path(request.manifest)
        self._pid = os.getpid()
        self._inside = False
        self._models: list[DraftModel] = []
        self._over = False
        self._loops = Loops(lambda: None if self._inside or self._over else self)

    def install(self) -> None:
        """See from now on which models are trained."""
        atexit.register(self.stop)
        wrapt.when_imported("keras.src.models.model")(self._models_defined)
        self._loops.install()

    # Of a script that records itself, the part it records counts.

    def start(self) -> None:
        """Begin anew."""
        self._models.clear()

    def stop(self) -> None:
        """Read the state that every model ends with, and write it."""
        if self._over or os.getpid() != self._pid:
            return
        self._over = True
        if not self._models:
            return
        draft = Draft()
        draft.missed("$.conditions", "this run was not recorded but for the state it ends with")
        for item in self._models:
            _read(item)
        draft.models, draft.status = self._models, "complete"
        write(draft.manifest(), self._path)

    # What the script, or a loop, tells.

    def data(self, role: str, arrays: tuple[Any, ...]) -> None:
        """Read nothing."""

    def watch(self, model: Any) -> None:
        """Take note of a model."""
        self._seen(model)

    loop_found = watch

    def loop_step(self, model: Any, batch: Any, loss: Any) -> None:
        """Take note of a model."""
        self.watch(model)

    def loop_steps(self, model: Any, steps: int) -> None:
        """Take note of a model."""
        self.watch(model)

    def loop_epoch(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take note of a model."""
        self.watch(model)

    def _seen(self, model: Any) -> DraftModel:
        for item in self._models:
            if item.reference() is model:
                return item
        item = DraftModel(reference=weakref.ref(model), index=len(self._models))
        self._models.append(item)
        return item

    def _models_defined(self, module: Any) -> None:
        for name in ("fit", "evaluate"):
            setattr(module.Model, name, self._called(name, getattr(module.Model, name)))

    def _called(self, name: str, original: Any) -> Any:
        @functools.wraps(original)
        def called(model: Any, *args: Any, **kwargs: Any) -> Any:
            if self._inside or self._over:
                return original(model, *args, **kwargs)
            item = self._seen(model)
            self._inside = True
            try:
                result = original(model, *args, **kwargs)
            finally:
                self._inside = False
            if name == "fit":
                _read(item)
            return result

        return called


def _read(item: DraftModel) -> None:
    """Read the state of a model that is still there; else what was read last counts."""
    from repro_audit.recording.tensorflow import TensorFlow

    model = item.reference()
    if model is not None:
        item.final = capture_tensors(TensorFlow().state(model))
