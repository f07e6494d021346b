"""See whether weights are loaded or set, so that they are not what their initializers gave."""

from __future__ import annotations

import sys

from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.backends.select import names

__all__ = ["Restoring", "called_by_framework"]

# Private places in Keras, as they stand in the sources of 3.12.0 and of 3.15.1; those of a
# framework are in its `NAMES`. When one moves, name the new place here: a function that is not
# where it was makes the field missing, and a module that is gone is never looked into, so that
# weights loaded through it are not seen.
_LOADERS = (
    ("keras.src.layers.layer", "Layer.load_own_variables"),
    ("keras.src.layers.layer", "Layer.set_weights"),
    ("keras.src.models.model", "Model.set_state_tree"),
    ("keras.src.saving.saving_api", "load_model"),
    ("keras.src.saving.saving_api", "load_weights"),
    ("keras.src.saving.saving_lib", "load_model"),
    ("keras.src.saving.saving_lib", "load_weights_only"),
    ("keras.src.legacy.saving.legacy_h5_format", "load_model_from_hdf5"),
    ("keras.src.legacy.saving.legacy_h5_format", "load_weights_from_hdf5_group"),
    ("keras.src.legacy.saving.legacy_h5_format", "load_weights_from_hdf5_group_by_name"),
)
_VARIABLES = (("keras.src.backend.common.variables", "Variable"),)
_ASSIGNMENTS = ("assign", "assign_add", "assign_sub")
_FRAMEWORKS = ("keras.", "tf_keras.", *names("modules"))
_BETWEEN = (Patches.__module__, *names("between"))
_SETTERS = frozenset({"__setattr__", "learning_rate"})
"""What stands between a function and its caller, modules and functions: they call on somebody's
account."""

_RESTORED = "$.conditions.initializers.restored"


class Restoring:
    """Whether weights were loaded or set in this process.

    Attributes:
        seen: Whether they were, as far as was looked.
    """

    def __init__(self) -> None:
        self.seen = False
        self._since_start = False

    def install(self, patches: Patches, *, since_start: bool) -> None:
        """Begin to look.

        Args:
            patches: Keeps what is put in a place of others.
            since_start: Whether no variable can have been made so far.
        """
        self._since_start = since_start
        for module, name in (*_LOADERS, *names("loaders")):
            patches.watch(module, name, self._loads, lost=_RESTORED)
        for module, owner in (*_VARIABLES, *names("variables")):
            for name in _ASSIGNMENTS:
                patches.watch(module, f"{owner}.{name}", self._assigned, lost=_RESTORED)

    def known(self) -> bool | None:
        """Return whether weights were loaded or set.

        Returns:
            None where that may not have been seen.
        """
        return True if self.seen else False if self._since_start else None

    def _loads(self, _: Call) -> Watch:
        self.seen = True
        yield None

    def _assigned(self, _: Call) -> Watch:
        if not self.seen and not called_by_framework():
            self.seen = True
        yield None


def called_by_framework() -> bool:
    """Whether the function around whose call a watcher stands was called by a framework.

    To be asked by the watcher itself, before its ``yield``.
    """
    frame = sys._getframe(2)  # what stands around the function
    module, between = "", True
    while frame is not None and between:
        frame = frame.f_back  # type: ignore[assignment]
        module = "" if frame is None else str(frame.f_globals.get("__name__", ""))
        between = module.startswith(_BETWEEN) or (
            frame is not None and frame.f_code.co_name in _SETTERS
        )
    return module.startswith(_FRAMEWORKS)
