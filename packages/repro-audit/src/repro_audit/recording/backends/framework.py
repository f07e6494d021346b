"""What of a backend is known before any framework is imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from repro_audit.recording.backends.base import Backend, Controlled, Place

if TYPE_CHECKING:
    from repro_audit.recording.backends.observers import TrainingObserver
    from repro_audit.recording.backends.patching import Patches
    from repro_audit.recording.backends.turn import Turn
    from repro_audit.recording.backends.updates import Updates

__all__ = ["Framework", "Names", "Reorder", "TrainingWatch"]


class TrainingWatch(Protocol):
    """Sees variables that are trained without an optimizer of Keras."""

    @property
    def waiting(self) -> bool:
        """Whether there are variables to look at."""

    def look(self, *, last: bool = False) -> None:
        """Look which variables have changed; `last` at the end of a recording."""


Reorder = Callable[[Any], Any]
"""Returns the data of a fit in another order; None where they are no pipeline of the framework."""


class Names(NamedTuple):
    """Where in a framework that is done which recording watches.

    Attributes:
        modules: How the names of its modules begin.
        between: How those begin that call on somebody else's account.
        replica_threads: How the module of a replica's thread begins.
        seeders: Functions that seed a generator, and the name and place of the seed.
        loaders: Functions that load weights.
        variables: Classes of variables; their methods ``assign…`` set them.
        functions: What runs a compiled function.
        slices: What makes a pipeline from arrays.
    """

    modules: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    replica_threads: tuple[str, ...] = ()
    seeders: tuple[tuple[Place, tuple[str, int]], ...] = ()
    loaders: tuple[Place, ...] = ()
    variables: tuple[Place, ...] = ()
    functions: tuple[Place, ...] = ()
    slices: tuple[Place, ...] = ()


class Framework(Protocol):
    """What the package of a backend offers, importing no framework before `load` is called."""

    NAMES: Names

    def watch_settings(self, patches: Patches, controlled: Controlled) -> None:
        """See when a script turns on what `control` could have turned on.

        Args:
            patches: Keeps what is put in a place of others.
            controlled: Where it is noted, unless `control` did it.
        """

    def vary_op_determinism(self, patches: Patches, *, on: bool) -> None:
        """Have op determinism on or off in this process, whatever the script says."""

    def vary_threads(self, patches: Patches, threads: int) -> None:
        """Have another number of threads inside one operation where the script sets one."""

    def vary_order(self, patches: Patches) -> Reorder:
        """Have its pipelines shuffle otherwise.

        Returns:
            What gives the data of a fit in another order.
        """

    def watch_training(
        self,
        patches: Patches,
        recorder: Callable[[], TrainingObserver | None],
        turn: Turn,
        updates: Updates,
        called_by_framework: Callable[[], bool],
    ) -> TrainingWatch:
        """See variables that are trained without an optimizer of Keras.

        Args:
            patches: Keeps what is put in a place of others.
            recorder: Returns what is to be told; None where there is no recording.
            turn: Which fit this thread is in.
            updates: Knows what optimizers of Keras update.
            called_by_framework: Whether the function that a watcher stands around was called by
                a framework.

        Returns:
            What looks whether they have changed, each time it is asked.
        """

    def load(self, optimizers: Callable[[Any], Sequence[Any]]) -> Backend:
        """Return the backend.

        Args:
            optimizers: Returns the optimizers that update a model.
        """
