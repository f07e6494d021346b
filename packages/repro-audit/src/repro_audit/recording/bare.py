"""Record nothing of a run but the state its models end with.

`repro_audit.repeat` asks for one such run, to see whether recording changes a run: nothing is
added to a fit, no step is seen, and a model is read only when its training is over.
"""

from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import wrapt

from repro_audit.manifest.writing import write
from repro_audit.recording.calls import replace_method
from repro_audit.recording.draft import Draft
from repro_audit.recording.loops import Loops
from repro_audit.recording.models import Models
from repro_audit.recording.request import Request

__all__ = ["Bare"]


class Bare:
    """One process that is not recorded."""

    def __init__(self, request: Request) -> None:
        self._path = Path(request.manifest)
        self._pid = os.getpid()
        self._inside = False
        self._draft = Draft()
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
        self._draft = Draft()

    def stop(self) -> None:
        """Read the state that every model ends with, and write it."""
        if self._over or os.getpid() != self._pid:
            return
        self._over = True
        if not self._draft.models:
            return
        models = self._models()
        for item, model in models.alive():
            models.read_final(item, model)
        self._draft.missed(
            "$.conditions", "this run was not recorded but for the state it ends with"
        )
        self._draft.status = "complete"
        write(self._draft.manifest(), self._path)

    # What the script, or a loop, tells.

    def data(self, role: str, arrays: tuple[Any, ...]) -> None:
        """Read nothing."""

    def watch(self, model: Any) -> None:
        """Take note of a model."""
        self._models().seen(model)

    model_found = watch

    def loop_step(self, model: Any, batch: Any, loss: Any) -> None:
        """Take note of a model."""
        self.watch(model)

    def loop_steps(self, model: Any, steps: int) -> None:
        """Take note of a model."""
        self.watch(model)

    def loop_epoch(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take note of a model."""
        self.watch(model)

    def _models(self) -> Models:
        # Not before there is a model: this imports NumPy, and the script has the first word.
        from repro_audit.recording.tensorflow import TensorFlow

        return Models(self._draft, TensorFlow())

    def _models_defined(self, module: Any) -> None:
        for name in ("fit", "evaluate"):
            replace_method(module.Model, name, functools.partial(self._called, name=name))

    def _called(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(original)
        def called(model: Any, *args: Any, **kwargs: Any) -> Any:
            if self._inside or self._over:
                return original(model, *args, **kwargs)
            models = self._models()
            item = models.seen(model)
            self._inside = True
            try:
                result = original(model, *args, **kwargs)
            finally:
                self._inside = False
            if name == "fit":
                models.read_final(item, model)
            return result

        return called
