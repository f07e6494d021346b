"""What is seen of a run, and what becomes of it.

Hooks and the user's own calls tell a `Recorder` what happens; it reads what is to be read, keeps
it in a draft and writes that as a manifest, as a whole each time. A failure of the recorder
becomes a `RecordingWarning` and a field marked missing; training goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro_audit.capture.kernel import running_cell
from repro_audit.capture.rank import capture_rank
from repro_audit.manifest.records import Evaluation, Manifest
from repro_audit.recording.request import Request
from repro_audit.recording.session.conditions import ConditionReader
from repro_audit.recording.session.draft import Draft, DraftFit, DraftModel
from repro_audit.recording.session.fits import FitRecorder
from repro_audit.recording.session.guarding import guarded, text_of, warn
from repro_audit.recording.session.inputs import Inputs
from repro_audit.recording.session.interventions import Interventions
from repro_audit.recording.session.manifest_file import ManifestFile
from repro_audit.recording.session.models import Models
from repro_audit.recording.session.safe_tracing import SafeTracer
from repro_audit.recording.session.stopping import stop_if_asked
from repro_audit.recording.session.tracing import Tracer
from repro_audit.recording.session.unfollowed import Children, Unfollowed

if TYPE_CHECKING:
    from repro_audit.manifest.conditions import Seeds
    from repro_audit.recording.backends.base import Backend, Controlled
    from repro_audit.recording.session.conditions import CaptureRead
    from repro_audit.recording.session.inputs import Sources
    from repro_audit.trace import Column

__all__ = ["Recorder"]


class Recorder:
    """Reads one run into a draft, its manifest and its trace.

    Attributes:
        backend: The framework.
        backs_up: Whether each fit is given a `BackupAndRestore`, as a request may ask for.
        trace: Takes the steps.
        file: Takes what is known.
        open: Whether the recording goes on; in a child that was forked from it, it does not.
    """

    def __init__(
        self,
        backend: Backend,
        path: Path,
        request: Request | None,
        tracer: Tracer | None,
        *,
        controlled: Controlled,
        seeds: Seeds | None = None,
        sources: Sources | None = None,
        automatic: bool = False,
        file_order: Callable[[], str | None] = lambda: None,
        read: CaptureRead = lambda *_: None,
        written: Callable[[], Collection[str]] = tuple,
        restored: Callable[[], bool | None] = lambda: None,
        children: Children | None = None,
    ) -> None:
        """Read what later code could change.

        Args:
            backend: The framework.
            path: Where the manifest goes.
            request: What the process that started this one asks for.
            tracer: Writes the trace, if there is to be one.
            controlled: What `repro_audit.control` did in this process.
            seeds: The seeds, where they were read before; else they are read now.
            sources: Has the digests of what pipelines are made from.
            automatic: Whether the script knows nothing of the recording, and tells of nothing.
            file_order: Returns in which order folders were listed, where that is seen.
            read: Returns what was read from outside, where that is seen.
            written: Returns the whole paths of what was written, where that is seen.
            restored: Returns whether weights were loaded so far, where that can be seen.
            children: Looks at child processes, where nobody outside does.
        """
        self.backend = backend
        self.open = True
        self.file = ManifestFile(path, self._manifest)
        self._request = request
        self.backs_up = request is not None and request.back_up
        self._file_order, self._read, self._written = file_order, read, written
        self._draft = Draft()
        self._draft.rank = capture_rank()
        self._models = Models(self._draft, backend)
        self.interventions = Interventions(request, self._draft, backend)
        self.trace = SafeTracer(tracer, self._draft, self.failed)
        self._conditions = ConditionReader(
            self._draft, backend, self, controlled, seeds, Inputs(sources), restored
        )
        self._loops: dict[int, FitRecorder] = {}
        self._automatic = automatic
        self._unfollowed = Unfollowed(self._draft, self._models, children)

    # The life of a recording.

    def begin(self, arguments: Sequence[str], outputs: Sequence[str]) -> None:
        """Read what can be read before any training, and write a first manifest.

        Args:
            arguments: ``sys.argv``.
            outputs: Paths the run writes.

        Raises:
            OutputError: The manifest cannot be written.
        """
        self._conditions.at_start(arguments, outputs)
        self.file.begin()

    @guarded("$.conditions.initializers.restored")
    def used_before(self) -> bool:
        """Return whether the framework was in use before; None where that cannot be read."""
        return self.backend.in_use()

    def discard(self) -> None:
        """Leave no trace; the manifest is another recording's to write."""
        self.open = False
        self.trace.discard()

    def end(
        self, error: BaseException | None, arguments: Sequence[str], outputs: Sequence[str]
    ) -> None:
        """Read what can be read last, and write the manifest.

        Args:
            error: The exception that ended the run, if any.
            arguments: ``sys.argv``.
            outputs: Paths the run was told to write.
        """
        self.open = False
        self._draft.end(error)
        for item, model in self._models.alive():
            if item.index in self._loops and self._automatic:
                self._close_loop(item)
            if item.training is None:
                self.read_training(model)
            self.read_final_state(item, model)
        self._count_unfollowed()
        self._read_last(arguments, outputs)
        self.trace.end()
        self.file.write()

    @guarded("$.conditions.code")
    def _read_last(self, arguments: Sequence[str], outputs: Sequence[str]) -> None:
        """Read the conditions that only the end knows."""
        self._conditions.code(arguments, outputs, self._written())
        self._conditions.all_given()
        self._conditions.all_restored()
        self._conditions.file_order(self._file_order())
        self._conditions.read(self._read)

    # What the user tells.

    @guarded("$.conditions.data")
    def data(self, role: str, arrays: tuple[Any, ...]) -> None:
        """Digest the content of a data set."""
        self._conditions.data(role, arrays)

    @guarded("$.outcomes.initial_weights")
    def watch(self, model: Any) -> None:
        """Read the initial weights of a model that a hand-written loop will train."""
        self._models.read_initial(self._models.seen(model), model)

    @guarded("$.outcomes.fits")
    def loop_step(self, model: Any, batch: Any, loss: Any) -> None:
        """Count one step of a hand-written loop, after its update."""
        if self.open:
            self._loop(model).loop_steps(1, lambda: batch, loss)

    def loop_epoch(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Close an epoch of a hand-written loop."""
        loop = self._loop_of_epoch(model)
        if loop is not None:
            loop.loop_epoch(logs)

    # What hooks tell.

    @guarded("$.conditions.determinism.backend.models")
    def compiled(self, model: Any, given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        """Take note of what a model's compile was asked for."""
        self._conditions.compiled(model, given, own)

    @guarded("$.conditions.training.fits")
    def fit_begins(self, model: Any, arguments: Mapping[str, Any]) -> FitRecorder:
        """Take note of a fit, and return what it is to tell."""
        item = self._models.seen(model)
        if item.index in self._loops:
            if self._automatic:
                self._close_loop(item)
            del self._loops[item.index]
        arguments = {**arguments, **(self._limits(arguments) or {})}
        self._conditions.data_given("fit", arguments)
        self._unfollowed.look()
        for argument in ("x", "validation_data"):
            self._conditions.dataset(len(self._draft.fits), argument, arguments[argument])
        return self._fit(item, DraftFit(model=item.index, ended=False), arguments)

    @guarded("$.conditions.training.fits")
    def _limits(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.backend.limits(arguments)

    @guarded("$.outcomes.initial_weights")
    def model_found(self, model: Any) -> None:
        """Take note of a model, and of what it holds if it has been built."""
        if self.open and self.backend.is_built(model):
            self.built(model)

    def built(self, model: Any) -> None:
        """Read the initial weights of a model that has been built."""
        item = self._models.seen(model)
        if item.initial is None:
            self._models.read_initial(item, model)

    def loop_model_found(self, model: Any) -> None:
        """Take note of what a loop is about to train, unless the user tells of loops."""
        if self._automatic:
            self.model_found(model)

    @guarded("$.conditions.training.fits")
    def batch_seen(
        self, fit: int, columns: Sequence[Column], shapes: Sequence[tuple[int, ...]]
    ) -> None:
        """Take note of a fit's first batch: its columns, and their shapes before all others."""
        self._conditions.batch(fit, columns, shapes)

    @guarded("$.conditions.training.models")
    def optimizer_found(self, model: Any, optimizer: Any) -> None:
        """Take note of an optimizer that is about to update a model."""
        item = self._models.known(model)
        if self.open and item is not None:
            self._conditions.optimizer(item, optimizer)

    @guarded("$.outcomes.fits")
    def loop_updates(self, model: Any, steps: int, batch: Callable[[], Any]) -> None:
        """Take note of updates outside any fit: steps of a loop, unless the user tells of those."""
        if not self.open:
            return
        if self._automatic:
            self._loop(model).loop_steps(steps, batch, None)
        else:
            self._unfollowed.updates(model, steps)

    def trained_otherwise(self, variable: Any) -> None:
        """Take note of a variable that was trained without a Keras optimizer."""
        if self.open:
            self._unfollowed.otherwise(variable)

    def unfollowed(self, noun: str, rest: str) -> None:
        """Count something that was trained and cannot be followed."""
        if self.open:
            self._draft.unfollowed(noun, rest)

    def fit_unfollowed(self, *, trained_by_both: bool) -> None:
        """Count a fit in another thread, which also ends the trace of a model that both train."""
        self.unfollowed("fit", "in another thread")
        if trained_by_both:
            self.trace.give_up(RuntimeError("two threads train the model at once"))

    @guarded("$.outcomes.evaluations")
    def evaluate_begins(self, model: Any, arguments: Mapping[str, Any]) -> None:
        """Take note of an evaluate outside any fit."""
        self._models.seen(model)
        self.model_found(model)
        self._conditions.data_given("evaluate", arguments)

    @guarded("$.outcomes.evaluations")
    def evaluated(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take the results of an evaluate outside any fit."""
        self.read_training(model)
        dtypes = self.metric_dtypes(model)
        self._draft.evaluations.append(
            Evaluation(
                model=self._models.seen(model).index,
                after_fits=len(self._draft.fits),
                results={name: float(value) for name, value in logs.items()},
                dtypes={name: dtypes.get(name) for name in logs},
            )
        )
        self.file.update()

    # What a fit asks for.

    @guarded("$.conditions.determinism.backend.models")
    def step_traced(self, model: Any, graph: Any) -> None:
        """Look through a step that was traced."""
        self._conditions.step_traced(self._models.seen(model).index, graph)

    @guarded("$.conditions.training")
    def read_training(self, model: Any) -> None:
        """Read the conditions that need a model, and a backend in use."""
        self._conditions.training(self._models.seen(model), model)

    @guarded("$.conditions.training.models")
    def read_optimizers(self, model: Any) -> None:
        """Read the optimizers that have updated a model, those that are not known yet."""
        item = self._models.seen(model)
        for optimizer in self.backend.optimizers(model):
            self._conditions.optimizer(item, optimizer)

    @guarded("$.outcomes.final_state")
    def read_final_state(self, item: DraftModel, model: Any) -> None:
        """Read the state that a model ends with as far as is known now."""
        self._models.read_final(item, model)

    def metric_dtypes(self, model: Any) -> Mapping[str, str]:
        """Return the dtype of each metric of a model.

        Returns:
            Dtypes by the name of the metric; empty where they cannot be read.
        """
        return self._metric_dtypes(model) or {}

    @guarded("$.outcomes.fits.dtypes")
    def _metric_dtypes(self, model: Any) -> Mapping[str, str]:
        return self.backend.metric_dtypes(model)

    def epoch_took(self, seconds: float) -> None:
        """Take note of how long an epoch took."""
        self._draft.epoch_durations_s.append(round(seconds, 3))

    def epoch_taken(self) -> None:
        """Write the manifest, and end the process if it was to train so long."""
        self.file.update()
        self.trained(None)

    def trained(self, steps: int | None) -> None:
        """End the process if it was to train so many steps more; None is at an epoch's end."""
        request = self._request
        if request is not None and request.stop_after_epoch is not None:
            epochs = sum(len(fit.epochs) for fit in self._draft.fits)
            stop_if_asked(request, epochs, steps, self.file.write)

    # How it is read.

    def mark_missing(self, path: str, reason: str) -> None:
        """Note that the field at JSONPath `path` cannot be read."""
        self._draft.mark_missing(path, reason)

    def mark_recorded(self, path: str) -> None:
        """Note that the field at `path` has been read after all."""
        self._draft.mark_recorded(path)

    def failed(self, path: str, error: Exception) -> None:
        """Say that something could not be recorded, and let training go on."""
        reason = self._draft.cleaner.text(f"{type(error).__name__}: {text_of(error)}")[:500]
        self._draft.mark_missing(path, reason)
        warn(f"repro-audit could not record {path}: {reason}")

    def _manifest(self) -> Manifest:
        """Return what is known by now."""
        self.trace.update_draft()
        return self._draft.manifest()

    def _fit(self, item: DraftModel, draft: DraftFit, arguments: Mapping[str, Any]) -> FitRecorder:
        """Begin a fit, or a loop."""
        number = len(self._draft.fits)
        self._draft.fits.append(draft)
        self._draft.fit_cells.append(running_cell())
        self._conditions.fit(item.index, arguments)
        return FitRecorder(self, draft, number, item)

    def _loop(self, model: Any) -> FitRecorder:
        """Return the hand-written loop that trains `model`, taking note of it at its first step."""
        item = self._models.seen(model)
        if item.index not in self._loops:
            self.read_training(model)
            if item.initial is None:
                self._draft.mark_missing(
                    f"$.outcomes.initial_weights[{item.index}]",
                    "run.watch(model) was not called before the first step",
                )
            draft = DraftFit(model=item.index, first_epoch=1)
            self._loops[item.index] = self._fit(item, draft, {})
        return self._loops[item.index]

    @guarded("$.outcomes.fits")
    def _loop_of_epoch(self, model: Any) -> FitRecorder | None:
        return self._loop(model) if self.open else None

    def _close_loop(self, item: DraftModel) -> None:
        """End the loop that a model was trained in last, if nobody has closed an epoch of it."""
        loop = self._loops[item.index]
        if not loop.draft.epochs:
            loop.take_epoch({})

    @guarded("$.outcomes.fits")
    def _count_unfollowed(self) -> None:
        self._unfollowed.count()
