"""Read a run's conditions when they can be read: some at its start, some once it trains."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro_audit.canonical import encode
from repro_audit.capture.backend import Missed
from repro_audit.capture.code import Source, capture_code, find_source
from repro_audit.capture.data import capture_data
from repro_audit.capture.determinism import usable_cores
from repro_audit.capture.environment import capture_environment, environment_variables
from repro_audit.capture.generators import capture_generators
from repro_audit.capture.initializers import capture_builtin_initializers
from repro_audit.capture.packages import capture_packages
from repro_audit.capture.seeds import capture_seeds
from repro_audit.capture.training import capture_fit, capture_model
from repro_audit.manifest.conditions import (
    DatasetOptions,
    Determinism,
    Execution,
    Initializers,
    Seeds,
)
from repro_audit.manifest.inputs import Read
from repro_audit.manifest.training import BatchTensor, optimizer_field
from repro_audit.recording.backends.base import Backend, Controlled
from repro_audit.recording.backends.observers import Notes
from repro_audit.recording.session.asked import CallbackSettings, Compiling
from repro_audit.recording.session.draft import Draft, DraftModel
from repro_audit.recording.session.guarding import text_of
from repro_audit.recording.session.inputs import Inputs

if TYPE_CHECKING:
    from repro_audit.trace import Column

__all__ = ["CaptureRead", "ConditionReader"]

_READ = "$.conditions.read"

CaptureRead = Callable[[Path | None, Missed], Read | None]
"""Returns what was read from outside, given the project's folder and what takes what is missing."""

_NO_DATA = "no arrays were given to a fit, and run.data was not called"


class ConditionReader:
    """Reads conditions into a draft. One that cannot be read costs none of the others."""

    def __init__(
        self,
        draft: Draft,
        backend: Backend,
        notes: Notes,
        controlled: Controlled,
        seeds: Seeds | None,
        inputs: Inputs,
        restored: Callable[[], bool | None],
    ) -> None:
        """Take note of what later code could change: the environment and the backend's state.

        Args:
            draft: Where conditions go.
            backend: The framework.
            notes: Takes what could not be read.
            controlled: What `repro_audit.control` did in this process.
            seeds: The seeds, where they were read before; else they are read at the start.
            inputs: Digests the arrays given to fits.
            restored: Returns whether weights were loaded so far, where that can be seen.
        """
        self._restored = restored
        self._known_seeds = seeds
        self._inputs = inputs
        self._draft = draft
        self._backend = backend
        self._notes = notes
        self._controlled = controlled
        self._variables = environment_variables()
        self._switches = backend.switches(self._variables, controlled, notes)
        self._switches.begin()
        self._jit_requested: weakref.WeakKeyDictionary[Any, bool | str] = (
            weakref.WeakKeyDictionary()
        )
        self._compiling = Compiling(draft, backend)
        self._callbacks = CallbackSettings()
        self._outputs: Sequence[str] = ()
        self._execution: list[Execution] = []
        self._datasets: list[DatasetOptions] = []
        self._held: list[tuple[str, Any]] = []
        self.source: Source | None = None

    def at_start(self, arguments: Sequence[str], outputs: Sequence[str]) -> None:
        """Read what can be read without a backend in use.

        Args:
            arguments: ``sys.argv``.
            outputs: Paths the run writes.
        """
        missed, backend, variables = self._draft.mark_missing, self._backend, self._variables
        self._outputs = outputs
        self._read(
            "seeds",
            lambda: self._known_seeds or capture_seeds(backend, variables, self._controlled.seed),
        )
        self._read("environment", lambda: capture_environment(backend, variables, None, missed))
        with self._failing("$.conditions.code"):
            self.source = find_source()
            self._draft.cleaner.project = self.source.project
        self._read("packages", lambda: capture_packages(self.project, missed))
        self.code(arguments, outputs)
        missed(_READ, "the run has not ended")
        for part in ("training", "determinism", "initializers"):
            missed(f"$.conditions.{part}", "no training has begun")
        missed("$.conditions.data", _NO_DATA)

    def code(
        self, arguments: Sequence[str], outputs: Sequence[str], written: Collection[str] = ()
    ) -> None:
        """Read the code; at the end again, when all of it has been imported.

        Args:
            arguments: ``sys.argv``.
            outputs: Paths the run was told to write.
            written: Whole paths of what it was seen to write.
        """
        source = self.source
        if source is not None:
            missed = self._draft.mark_missing
            self._read("code", lambda: capture_code(source, arguments, outputs, written, missed))

    @property
    def project(self) -> Path | None:
        """The project's folder; None where it could not be found."""
        return None if self.source is None else self.source.project

    def file_order(self, order: str | None) -> None:
        """Take note of the order in which folders were listed, which the end knows."""
        environment = self._draft.conditions.environment
        if environment is not None:
            self._set(environment=environment._replace(file_order=order))

    def read(self, capture: CaptureRead) -> None:
        """Take what the program read from outside, whose files are digested last."""
        missed = self._draft.mark_missing
        self._read("read", lambda: capture(self.project, missed))
        if self._draft.conditions.read is None and not self._draft.is_missing(_READ):
            missed(_READ, "what was read was not seen")

    def data(self, role: str, arrays: tuple[Any, ...]) -> None:
        """Digest the content of a data set."""
        self._set(data=self._inputs.told(role, capture_data(arrays)))
        self._draft.mark_recorded("$.conditions.data")

    def data_given(self, call: str, arguments: Mapping[str, Any]) -> None:
        """Digest the arrays that a fit or an evaluate was given."""
        path = "$.conditions.data"
        try:
            known = self._inputs.data_given(call, arguments)
        except Exception as error:  # noqa: BLE001 - a loader is none that can be read: no failure
            if not self._draft.conditions.data:
                self._draft.mark_missing(path, self._draft.cleaner.text(text_of(error))[:500])
            return
        if known:
            self._set(data=known)
            self._draft.mark_recorded(path)

    def all_given(self) -> None:
        """Add the arrays that no fit has taken, which the end knows."""
        known = self._inputs.all()
        if known:
            self._set(data=known)
            self._draft.mark_recorded("$.conditions.data")

    def compiled(self, model: Any, given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        """Take note of what a model's compile was asked for; Keras keeps only what came of it."""
        jit_requested = given.get("jit_compile")
        if isinstance(jit_requested, bool | str):
            self._jit_requested[model] = jit_requested
        self._compiling.compiled(model, given, own, self._outputs)

    def fit(self, model: int, arguments: Mapping[str, Any]) -> None:
        """Read what a fit was asked to do, or a loop, which has no arguments."""
        path = f"$.conditions.training.fits[{len(self._draft.fit_arguments)}]"
        callbacks = arguments.get("callbacks") or ()
        callbacks = getattr(callbacks, "callbacks", callbacks)  # a keras.callbacks.CallbackList
        callbacks = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        record = capture_fit(model, arguments, callbacks)
        with self._failing(f"{path}.callback_settings"):
            settings = self._callbacks.read(callbacks, self._outputs)
            record = record._replace(callback_settings=settings)
        self._draft.fit_arguments.append(record)
        self._draft.mark_missing(f"{path}.batch", "no step of it told of its batch")

    def batch(self, fit: int, columns: Sequence[Column], shapes: Sequence[tuple[int, ...]]) -> None:
        """Take note of the tensors of a fit's first batch, if its step tells of any."""
        tensors = tuple(
            BatchTensor(column.role, column.dtype, tuple(map(int, shape)))
            for column, shape in zip(columns, shapes, strict=False)
            if column.kind == "batch"
        )
        if tensors:
            record = self._draft.fit_arguments[fit]
            self._draft.fit_arguments[fit] = record._replace(batch=tensors)
            self._draft.mark_recorded(f"$.conditions.training.fits[{fit}].batch")

    def dataset(self, fit: int, argument: str, data: Any) -> None:
        """Read how data given to a fit is prepared, and the generators that this holds."""
        path = f"$.conditions.determinism.datasets[{len(self._datasets)}]"
        backend, record = self._backend, None
        with self._failing(path):
            record = backend.data_options(fit, argument, data)
        if record is None:
            return
        with self._failing(f"{path}.random"):
            sources, found = backend.data_code(record.kind, data)
            record = record._replace(random=sources)
            self._held.extend(found)
        with self._failing(f"{path}.function"):
            arguments, function = backend.data_function(record.kind, data, self._outputs)
            record = record._replace(arguments=arguments, function=function)
        with self._failing(f"{path}.stages"):
            stages, found = backend.data_stages(
                record.kind,
                data,
                lambda part, error: self._notes.failed(f"{path}.{part}", error),
            )
            record = record._replace(stages=stages)
            self._held.extend(found)
        self._datasets.append(record)

    def step_traced(self, model_index: int, graph: Any) -> None:
        """Look through a step that was traced, by whatever the backend looks for."""
        self._switches.step_traced(model_index, graph)
        determinism = self._draft.conditions.determinism
        if determinism is not None:
            self._set(determinism=determinism._replace(backend=self._switches.record()))

    def optimizer(self, item: DraftModel, optimizer: Any) -> None:
        """Read an optimizer that updates a model, once."""
        if any(known() is optimizer for known in item.known_optimizers):
            return
        item.known_optimizers.append(weakref.ref(optimizer))
        field = optimizer_field(len(item.optimizers))
        path = f"$.conditions.training.models[{item.index}].{field}"
        config = None
        with self._failing(path):
            config = encode(self._backend.optimizer_config(optimizer))
        item.optimizers.append(config)

    def training(self, item: DraftModel, model: Any) -> None:
        """Read what needs a model, and a backend in use: before a fit, or after an evaluate."""
        if item.training is None:
            self._model(item, model)
        self._generators()
        self._switches.training_begins()
        self._read(
            "determinism",
            lambda: Determinism(
                usable_cores=usable_cores(),
                backend=self._switches.record(),
                execution=tuple(self._execution),
                datasets=tuple(self._datasets),
            ),
        )
        environment = self._draft.conditions.environment
        if environment is not None and environment.devices is None:
            with self._failing("$.conditions.environment.devices"):
                devices = tuple(self._backend.devices())
                self._set(environment=environment._replace(devices=devices))

    def _model(self, item: DraftModel, model: Any) -> None:
        """Read a model that is seen for the first time."""
        draft, backend = self._draft, self._backend
        item.training = capture_model(backend, model, item.index, draft.mark_missing)
        self._compiling.model_found(item, model, self._outputs)
        draft.mark_recorded("$.conditions.training")
        jit_requested = self._jit_requested.get(model)
        if jit_requested is None:
            draft.mark_missing(
                f"$.conditions.determinism.execution[{item.index}].jit_requested",
                "the model was compiled before recording began",
            )
        with self._failing(f"$.conditions.determinism.execution[{item.index}]"):
            self._execution.append(backend.execution(model, item.index, jit_requested))
        self._switches.model_found(model, item.index)
        with self._failing("$.conditions.seeds.layers"):
            self._seeds_again(model, item.index)
        known = draft.conditions.initializers
        self._read(
            "initializers",
            lambda: Initializers(
                builtin=known.builtin if known else capture_builtin_initializers(backend),
                layers=(
                    *(known.layers if known else ()),
                    *backend.layer_initializers(model, item.index),
                ),
                restored=self._restored(),
            ),
        )

    def all_restored(self) -> None:
        """Read again whether weights were loaded or set, which the end alone knows."""
        known = self._draft.conditions.initializers
        if known is not None:
            self._set(initializers=known._replace(restored=self._restored()))

    def _seeds_again(self, model: Any, index: int) -> None:
        """Add what the layers drew, and a seed that was set after recording began."""
        seeds = self._draft.conditions.seeds
        if seeds is None:
            return
        if self._backend.declared_seed() != seeds.declared:
            now = capture_seeds(self._backend, self._variables, self._controlled.seed)
            seeds = seeds._replace(
                declared=now.declared,
                declared_by=now.declared_by,
                backend=seeds.backend._replace(seed=now.backend.seed),
            )
        layers = (*seeds.layers, *self._backend.layer_seeds(model, index))
        self._set(seeds=seeds._replace(layers=layers))

    def _generators(self) -> None:
        """Add NumPy generators of the run's own code, each once, and those that data holds."""
        held, self._held = self._held, []
        seeds = self._draft.conditions.seeds
        if seeds is None:
            return
        with self._failing("$.conditions.seeds.generators"):
            found = capture_generators(held, seeds.generators)
            found = (*seeds.generators, *found)
            # One generator may be seen in two places, and again at the next fit.
            known = {(item[1:] if item.entropy else item): item for item in reversed(found)}
            self._set(seeds=seeds._replace(generators=tuple(reversed(known.values()))))

    def _read(self, part: str, capture: Callable[[], Any]) -> None:
        """Read one condition; where that fails, it is missing."""
        path = f"$.conditions.{part}"
        self._draft.mark_recorded(path)
        self._set(**{part: None})
        with self._failing(path):
            self._set(**{part: capture()})

    def _set(self, **parts: Any) -> None:
        """Keep what was read of some conditions."""
        self._draft.conditions = self._draft.conditions._replace(**parts)

    @contextlib.contextmanager
    def _failing(self, path: str) -> Iterator[None]:
        """Let what cannot be read in a block be missing, and cost nothing else."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest can still be read
            self._notes.failed(path, error)
