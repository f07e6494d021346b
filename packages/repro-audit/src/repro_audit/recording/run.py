"""`record`: what a user calls to record a run."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from repro_audit.capture.privacy import short_paths
from repro_audit.capture.rank import rank_path
from repro_audit.errors import CaptureError, OutputError, printable
from repro_audit.files import PathLock
from repro_audit.manifest import Manifest, load
from repro_audit.manifest.writing import check_replaceable
from repro_audit.recording.generators import unmoved_generators
from repro_audit.recording.process.current import process
from repro_audit.recording.process.supervisor.descendants import Descendants
from repro_audit.recording.request import Request
from repro_audit.recording.session.tracing import Tracer, TraceSettings, check_setting
from repro_audit.trace import trace_path

if TYPE_CHECKING:
    from repro_audit.manifest.conditions import Seeds
    from repro_audit.recording.process.unrecorded import Unrecorded
    from repro_audit.recording.session.recorder import Recorder

__all__ = ["Run", "record"]


def record(
    path: str | os.PathLike[str] = "manifest.json",
    *,
    outputs: Sequence[str | os.PathLike[str] | None] = (),
    trace: TraceSettings = "step",
) -> Run:
    """Record every fit and evaluate of a block into a manifest, and its steps into a trace.

    Recording changes no bit of the run. Use it as a context manager, or call `Run.start` and
    `Run.stop`. The manifest is written when recording begins, after every epoch and at the
    end, as a whole each time; the trace lies beside it (``manifest.trace``) and grows with
    each step.

    Args:
        path: Where the manifest goes.
        outputs: Other paths this run writes. Where they appear on the command line the
            manifest shows ``<output>``, so that runs that write elsewhere have equal
            arguments.
        trace: Which steps are traced: ``step``, every one, or as many as the size of the
            model's state allows (every one up to 16 MB); a number, every so many;
            ``epoch``, only each epoch's end; None, no trace.

    Returns:
        The recording, which has not begun.

    Example:
        >>> with repro_audit.record("manifest.json") as run:  # doctest: +SKIP
        ...     run.data("train", x_train, y_train)
        ...     model.fit(x_train, y_train, epochs=2)
    """
    return Run(path, outputs=outputs, trace=trace)


class Run:
    """A recording. `record` makes one."""

    _recorder: Recorder
    _told: Recorder | Unrecorded
    _seeds: Seeds | None = None
    _automatic = False

    def __init__(
        self,
        path: str | os.PathLike[str] = "manifest.json",
        *,
        outputs: Sequence[str | os.PathLike[str] | None] = (),
        trace: TraceSettings = "step",
    ) -> None:
        """Prepare a recording; nothing is read or written before `start`.

        Raises:
            CaptureError: `trace` is no trace setting.
        """
        self.path = Path(path)
        self._outputs = [os.fspath(item) for item in (path, *outputs) if item is not None]
        self._arguments = list(sys.argv)
        self._trace = check_setting(trace)
        self._lock: PathLock | None = None

    def start(self) -> Self:
        """Begin to record, and write a first manifest with status ``running``.

        Returns:
            This recording.

        Raises:
            CaptureError: Another recording is open, Keras is absent or on another backend.
            OutputError: The manifest or the trace cannot be written to its path, or another
                process is writing it.
        """
        if process.unrecorded is not None:
            self._told = process.unrecorded
            process.unrecorded.start()
            return self
        with process.lock:
            if process.automatic is not None and not self._automatic:
                process.automatic.give_way()
            if process.active is not None:
                message = (
                    f"A recording to {printable(str(process.active.path))} is open. "
                    "Stop it before another begins."
                )
                raise CaptureError(message)
            self._start()
        return self

    def _start(self) -> None:
        """Begin to record; no other recording is open."""
        try:
            # The script may change folder before the recording ends.
            self._outputs += [os.path.abspath(item) for item in self._outputs]  # noqa: PTH100 - as text
        except OSError as error:
            message = f"The current folder cannot be used: {error.strerror}. Go to one that exists."
            raise OutputError(message) from None
        request = process.request
        setting = self._trace
        with unmoved_generators(), contextlib.ExitStack() as undo:
            # Whatever is imported may draw, and what is imported here is not imported later.
            import xxhash  # noqa: F401 - used where data and steps are read

            from repro_audit.recording.session.recorder import Recorder

            self.path, self._lock = self._take_path(request)
            undo.callback(self._lock.release)
            self._outputs.append(os.fspath(self._lock.file))
            check_replaceable(self.path)
            if request is not None:
                setting = request.trace_setting(setting)
            backend = process.backend()
            tracer = None if setting is None else Tracer(trace_path(self.path), setting)
            if tracer is not None:
                undo.callback(tracer.discard)
            undo.callback(process.unwatch)
            reads = process.watch_reads()
            recorder = Recorder(
                backend,
                self.path,
                request,
                tracer,
                controlled=process.controlled,
                seeds=self._seeds,
                sources=process.sources,
                automatic=self._automatic,
                file_order=process.file_order,
                read=reads.capture,
                written=reads.written,
                restored=process.restoring.known,
                children=Descendants(os.getpid()) if request is None else None,
            )
            recorder.begin(self._arguments, self._outputs)
            undo.pop_all()
        self._told = self._recorder = recorder
        process.begins(self, since_start=recorder.used_before() is False)

    def _take_path(self, request: Request | None) -> tuple[Path, PathLock]:
        """Return where the manifest goes, and what keeps other processes from writing there.

        Where the process that started this one names the place, and one of its other children
        is writing there, that other one is the run, and this one records where it says itself.

        Raises:
            OutputError: Another process is writing there.
        """
        own = rank_path(self.path.absolute())
        if request is not None:
            asked = rank_path(request.path(process.begun + 1))
            lock = PathLock(asked)
            if lock.acquire():
                self._outputs.append(os.fspath(asked))
                return asked, lock
        lock = PathLock(own)
        if not lock.acquire():
            message = (
                f"{printable(str(own))}: {lock.holder} is recording there. Name another file, or "
                "wait for its end."
            )
            raise OutputError(message)
        return own, lock

    def stop(self, error: BaseException | None = None) -> None:
        """End the recording and write the manifest.

        Args:
            error: The exception that ended the run, if any: its status is then ``failed``.
        """
        if process.unrecorded is not None:
            process.unrecorded.stop()
        with process.lock:
            if process.active is not self:
                return
            process.updates.ends()
            try:
                # Which optimizers made updates is known until the recording is over.
                self._recorder.end(error, self._arguments, self._outputs)
            finally:
                process.ends(self)
                if self._lock is not None:
                    self._lock.release()

    def discard(self) -> None:
        """End the recording and leave nothing of it; another one takes its place."""
        process.ends(self)
        process.begun -= 1
        self._recorder.discard()
        if self._lock is not None:
            self._lock.release()

    def abandon(self) -> None:
        """See nothing more, and write nothing: in a process that was forked from this one."""
        self._recorder.open = False
        if self._lock is not None:
            self._lock.forget()

    @property
    def recorder(self) -> Recorder:
        """Reads the run."""
        return self._recorder

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; the user's exception goes on unchanged."""
        self.stop(error)

    def data(self, role: str, *arrays: Any) -> None:
        """Digest the content of a data set.

        Args:
            role: What it is for: ``train``, ``validation``, ``test``.
            arrays: Arrays, tensors, data frames, or paths of files. Not a loader: reading
                one would move it.
        """
        self._told.data(role, arrays)

    def watch(self, model: Any) -> None:
        """Read the initial weights of a model that a hand-written loop will train.

        Call it before the first step. A model that is only fitted needs no call.
        """
        self._told.watch(model)

    def step(self, model: Any, batch: Any = None, loss: Any = None) -> None:
        """Record one step of a hand-written loop, after its update.

        Args:
            model: The model that was trained.
            batch: What it was trained on: a tensor, ``(x, y, sample_weight)`` or another
                structure. Without it the trace does not tell one batch from another.
            loss: The step's loss, a scalar.
        """
        self._told.loop_step(model, batch, loss)

    def epoch(self, model: Any, logs: Mapping[str, Any] | None = None) -> None:
        """Close an epoch of a hand-written loop.

        Args:
            model: The model that was trained.
            logs: Metrics of this epoch by name, numbers.
        """
        self._told.loop_epoch(model, logs or {})

    def __repr__(self) -> str:
        """Say where the manifest goes, and whether recording goes on."""
        begun = "ended" if "_recorder" in vars(self) else "not begun"
        state = "recording" if process.active is self else begun
        # A notebook keeps this beside the cell.
        (path,) = short_paths([str(self.path)])
        return f"<repro_audit recording to {printable(path)}: {state}>"

    def recorded(self) -> Manifest | None:
        """Return what the manifest holds by now.

        Returns:
            The manifest as its file is; None where there is no file yet.
        """
        if "_recorder" not in vars(self) or not self.path.exists():
            return None
        return load(self.path)
