"""What this process records: one recording at a time, and what watches on its behalf."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from repro_audit.recording.backends import select
from repro_audit.recording.backends.base import Backend, Controlled
from repro_audit.recording.backends.fit_hooks import FitHooks
from repro_audit.recording.backends.observers import LoopObserver
from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.backends.restoring import Restoring, called_by_framework
from repro_audit.recording.backends.turn import Turn
from repro_audit.recording.backends.updates import Updates
from repro_audit.recording.request import Request
from repro_audit.recording.session.inputs import Sources

if TYPE_CHECKING:
    from repro_audit.recording.process.files import Files
    from repro_audit.recording.process.reads import Reads
    from repro_audit.recording.process.unrecorded import Unrecorded
    from repro_audit.recording.run import Run
    from repro_audit.recording.session.recorder import Recorder

__all__ = ["Automatic", "Process", "process"]


class Automatic(Protocol):
    """What records a script that does not record itself."""

    def begin(self) -> None:
        """Begin to record, once."""

    def give_way(self) -> None:
        """Leave the recording to the script."""


class Process:
    """The state that recording keeps of one process.

    Attributes:
        lock: Held while a recording begins or ends.
        patches: What stands in a place of others as long as the process lives.
        turn: Which thread trains, and what.
        updates: Sees which optimizers update which models.
        restoring: Sees whether weights are loaded.
        active: The recording that is open.
        begun: Recordings that have begun so far.
        automatic: Records this process as long as it does not record itself.
        unrecorded: Takes the place of a recorder where nothing is to be recorded.
        sources: Has the digests of what tf.data pipelines are made from.
        files: Notes the files that are read, where a launcher has started the process.
        reads: Notes what the program reads from outside.
        controlled: What `repro_audit.control`, or the script, has set.
        is_child: Whether it was forked from a process that was recorded.
    """

    def __init__(self) -> None:
        self.is_child = False
        self._of_parent: dict[str, Any] = {}
        self._watches_forks = False
        # A forked child has both from its parent: settings hold in it, and models of its parent
        # were made ready by that backend.
        self.controlled = Controlled()
        self._backend: Backend | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.lock = threading.RLock()
        self.active: Run | None = None
        self.begun = 0
        self.automatic: Automatic | None = None
        self.unrecorded: Unrecorded | None = None
        self.sources = Sources()
        self.files: Files | None = None
        self.reads: Reads | None = None
        self._failures: list[tuple[str, Exception]] = []
        self.patches = Patches(self.failed)
        self._watch_anew()

    def _watch_anew(self) -> None:
        self._of_keras = Patches(self.failed)
        self.turn = Turn(select.names("replica_threads"))
        self.updates = Updates(self._loop_observer, self.turn, self.backend)
        self.restoring = Restoring()
        self._fits = FitHooks(self.recorder, self.turn, self.updates, self.backend)
        self._watches_keras = False

    @property
    def request(self) -> Request | None:
        """What the process that started this one asks of it; it asks nothing of a forked child.

        Raises:
            CaptureError: What it asks cannot be read.
        """
        return None if self.is_child else Request.from_environment()

    def backend(self) -> Backend:
        """Return what Keras runs on; Keras is imported for that.

        Raises:
            CaptureError: Keras is not installed, or runs on a backend that is not recorded.
        """
        if self._backend is None:
            self._backend = select.import_backend(self._optimizers)
        return self._backend

    def _optimizers(self, model: Any) -> Sequence[Any]:
        return self.updates.optimizers(model)

    def file_order(self) -> str | None:
        """Return in which order folders were listed.

        Returns:
            ``system`` or ``reversed``; None where no folder was listed, or that is not seen.
        """
        return None if self.files is None else self.files.order

    def watch_reads(self) -> Reads:
        """See from now on what is read from outside, until the recording ends, unless it is seen.

        Returns:
            What sees it.

        Raises:
            OSError: There is no current folder.
        """
        from repro_audit.recording.process.files import Files
        from repro_audit.recording.process.reads import Reads

        if self.reads is None:
            reads = Reads(since_start=False)
            Files(reverse=None, reads=reads).install(self._of_keras)
            reads.install(self._of_keras)
            self.reads = reads
        return self.reads

    def recorder(self) -> Recorder | None:
        """Return what is to be told of training, which begins a recording that waits for it.

        Returns:
            The recorder; None where there is no recording.
        """
        if self.active is None and self.automatic is not None:
            self.automatic.begin()
        return None if self.active is None else self.active.recorder

    def _loop_observer(self) -> LoopObserver | None:
        return self.recorder() if self.unrecorded is None else self.unrecorded

    def watch_keras(self, *, since_start: bool) -> None:
        """See every fit, evaluate and update from now on.

        Args:
            since_start: Whether no variable can have been made so far.
        """
        self.watch_forks()
        if not self._watches_keras:
            self._watches_keras = True
            self._fits.install(self._of_keras)
            self.watch_updates(self._of_keras)
            for module, name in select.names("slices"):
                self._of_keras.watch(module, name, self._source, lost="$.conditions.data")
            self.restoring.install(self._of_keras, since_start=since_start)

    def watch_updates(self, patches: Patches) -> None:
        """See every update of a variable from now on.

        Args:
            patches: Keeps what is put in a place of others.
        """
        watches = [
            framework.watch_training(
                patches, self._loop_observer, self.turn, self.updates, called_by_framework
            )
            for framework in select.FRAMEWORKS.values()
        ]
        self.updates.install(patches, select.names("functions"), watches)

    def _source(self, call: Call) -> Watch:
        """Digest the arrays that a pipeline is made from, where they are given to it."""
        # What Keras makes of arrays is read where they were given to Keras.
        recorded = self.active is not None or self.automatic is not None
        watched = recorded and not called_by_framework()
        dataset = yield None
        if watched:
            tensors = call.args[0] if call.args else call.kwargs.get("tensors")
            self.sources.created(dataset, tensors)

    def begins(self, run: Run, *, since_start: bool) -> None:
        """Take note that a recording has begun.

        Args:
            run: The recording.
            since_start: Whether no variable can have been made so far.
        """
        self.active = run
        self.begun += 1
        self.watch_keras(since_start=since_start)
        if self.automatic is None and not since_start:
            self.patches.safely("$.outcomes.fits", self.updates.adopt)
        failures, self._failures = self._failures, []
        for path, error in failures:
            self.failed(path, error)

    def unwatch(self) -> None:
        """Take the hooks of a recording out, if nobody is left to be told of anything."""
        if self.automatic is None:
            self._of_keras.take_out()
            self._watch_anew()
            if self.reads is not None and not self.reads.since_start:
                self.reads = None

    def ends(self, run: Run) -> None:
        """Take note that a recording is over."""
        if self.active is run:
            self.active = None
            self.unwatch()

    def failed(self, path: str, error: Exception) -> None:
        """Take note that something of ours failed in the script's own course.

        Args:
            path: JSONPath of what is missing for that.
            error: What happened.
        """
        with contextlib.suppress(Exception):  # there is nobody left to tell
            if self.active is None:
                # Not its traceback, which would keep all that the script held there.
                self._failures.append((path, error.with_traceback(None)))
            else:
                self.active.recorder.failed(path, error)

    def watch_forks(self) -> None:
        """From now on have a forked child take everything out: the recording is not its own."""
        if not self._watches_forks:
            self._watches_forks = True
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        # Freeing TensorFlow's objects in a child that has none of its threads can hang or crash
        # it: nothing is collected meanwhile, and of what was the parent's nothing is let go.
        collecting = gc.isenabled()
        gc.disable()
        with contextlib.suppress(Exception):  # the child must go on as it would without
            self.patches.take_out()
            self._of_keras.take_out()
            if self.active is not None:
                self.active.abandon()
        self.is_child = True
        self._of_parent = dict(vars(self))
        self._begin_anew()
        if collecting:
            gc.enable()


process = Process()
"""This process."""
