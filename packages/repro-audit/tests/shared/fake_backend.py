"""A backend of NumPy alone, and models to train on it: what a session does, in milliseconds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from repro_audit.capture.backend import Held, StateTensor
from repro_audit.manifest.conditions import (
    DatasetOptions,
    Execution,
    Function,
    LayerInitializer,
    LayerSeed,
    RandomSource,
    Stage,
)
from repro_audit.manifest.training import Json
from repro_audit.recording.backends.base import Controlled, Switches
from repro_audit.recording.backends.observers import Notes, StepObserver
from repro_audit.recording.backends.patching import Call, Patches
from repro_audit.recording.request import Request
from repro_audit.recording.session.recorder import Recorder
from repro_audit.recording.session.tracing import Tracer
from repro_audit.trace import Column, trace_path
from repro_audit.trace.fingerprint import dtype_name

__all__ = ["FakeBackend", "Model", "begin", "fit"]


class Variable:
    """A value, a name, and whether it is trained."""

    def __init__(self, name: str, value: Any, *, trainable: bool = True) -> None:
        self.name = name
        self.value = np.asarray(value)
        self.trainable = trainable


class Model:
    """One layer of weights, trained by a rate and a momentum.

    Attributes:
        variables: Kernel, bias and a count of calls.
        slots: What its optimizer keeps; none before its first step.
        built: Whether it has its weights.
    """

    def __init__(self, size: int = 3, *, seed: int = 0, built: bool = True) -> None:
        kernel = np.random.default_rng(seed).normal(size=(size,)).astype("float32")
        self.variables = [
            Variable("kernel", kernel),
            Variable("bias", np.zeros(1, "float32")),
            Variable("calls", np.int32(0), trainable=False),
        ]
        self.slots: list[Variable] = []
        self.built = built

    def step(self, batch: np.ndarray[Any, Any]) -> np.float32:
        """Train one step on rows of as many numbers as there are weights; return the loss."""
        kernel, bias, calls = self.variables
        self.built = True
        self.slots = self.slots or [Variable("momentum", np.zeros_like(kernel.value))]
        error = batch @ kernel.value + bias.value
        momentum = self.slots[0]
        momentum.value = momentum.value * np.float32(0.5) + batch.T @ error / np.float32(len(batch))
        kernel.value = kernel.value - np.float32(0.1) * momentum.value
        bias.value = bias.value - np.float32(0.1) * error.mean(keepdims=True)
        calls.value = calls.value + np.int32(1)
        return np.float32((error**2).mean())


class FakeBackend:
    """Answers all that a session asks. What is `broken` raises."""

    name = "fake"

    def __init__(self, broken: Sequence[str] = (), *, seed: int | None = 7) -> None:
        """Prepare.

        Args:
            broken: Names of methods that raise.
            seed: The seed that was declared.
        """
        self.seed = seed
        self.used = False
        for name in broken:
            assert callable(getattr(self, name)), name
            setattr(self, name, _raising(name))

    # Facts.

    def build(self) -> str:
        return "fake 1.0"

    def devices(self) -> Sequence[str]:
        return ["CPU"]

    def in_use(self) -> bool:
        return self.used

    def declared_seed(self) -> int | None:
        return self.seed

    def global_seed(self) -> int | None:
        return self.seed

    def generator_state(self) -> Any:
        return None

    # Models.

    def model_class(self, model: Any) -> str:
        return type(model).__name__

    def model_config(self, model: Any) -> Any:
        return {"size": len(model.variables[0].value)}

    def compile_config(self, model: Any) -> Mapping[str, Any]:
        return {"loss": "mse", "metrics": None}

    def compile_arguments(
        self,
        model: Any,
        given: Mapping[str, Any] | None,
        own: Mapping[str, Any],
        outputs: Sequence[str],
    ) -> Mapping[str, Any]:
        return {"loss_weights": None if given is None else given.get("loss_weights"), **own}

    def own_code(self, model: Any) -> Mapping[str, str]:
        return {"Model": "sha256:" + "0" * 64}

    def optimizer_config(self, optimizer: Any) -> Any:
        return {"rate": 0.1}

    def layer_seeds(self, model: Any, index: int) -> list[LayerSeed]:
        return [LayerSeed(model=index, layer="Model", seed=5, given=True)]

    def layer_initializers(self, model: Any, index: int) -> list[LayerInitializer]:
        return []

    def sample_initializer(self, name: str, seed: int, shape: tuple[int, ...]) -> Any:
        return np.full(shape, seed, "float32")

    def execution(self, model: Any, index: int, jit_requested: bool | str | None) -> Execution:
        return Execution(
            model=index,
            jit_requested=jit_requested,
            jit=False,
            eager=True,
            steps_per_execution=1,
            dtype_policy="float32",
        )

    def limits(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def optimizers(self, model: Any) -> Sequence[Any]:
        return [model] if model.slots else []

    def metric_dtypes(self, model: Any) -> Mapping[str, str]:
        return {"loss": "float32"}

    def is_built(self, model: Any) -> bool:
        return bool(model.built)

    def key(self, variable: Any) -> int:
        return id(variable)

    def keys(self, model: Any) -> set[int]:
        return set(map(id, model.variables))

    def trainable_keys(self, model: Any) -> set[int]:
        return {id(variable) for variable in model.variables if variable.trainable}

    def weights(self, model: Any) -> list[StateTensor]:
        return _state(model)[: len(model.variables)]

    def state(self, model: Any) -> list[StateTensor]:
        return _state(model)

    def describe_state(self, model: Any) -> list[tuple[str, str, str]]:
        return [(item.kind, item.layer, item.role) for item in _state(model)]

    def move_weights(self, model: Any, seed: int) -> int:
        for number, variable in enumerate(model.variables):
            value = variable.value.copy()
            value.view("i4")[...] += np.int32((seed + number) % 2)
            variable.value = value
        return len(model.variables)

    def flip_bit(self, model: Any) -> tuple[int, int, int]:
        value = model.variables[0].value.copy()
        value.view("u4")[0] ^= np.uint32(1 << 11)
        model.variables[0].value = value
        return 0, 0, 11

    # Data.

    def data_options(self, fit: int, argument: str, data: Any) -> DatasetOptions | None:
        if data is None:
            return None
        return DatasetOptions(
            fit=fit,
            argument=argument,
            kind="arrays",
            op_determinism=False,
            deterministic=None,
            workers=None,
            use_multiprocessing=None,
            random=(),
            stages=(),
        )

    def data_code(self, kind: str, data: Any) -> tuple[tuple[RandomSource, ...], Held]:
        return (), ()

    def data_function(
        self, kind: str, data: Any, outputs: Sequence[str]
    ) -> tuple[dict[str, Json] | None, Function | None]:
        return None, None

    def data_stages(
        self, kind: str, data: Any, failed: Callable[[str, Exception], None]
    ) -> tuple[tuple[Stage, ...], Held]:
        return (), ()

    # Steps.

    def first_batch(self, model: Model, observer: Any) -> None:
        return None

    def observe_steps(
        self, model: Any, observer: StepObserver, patches: Patches
    ) -> AbstractContextManager[str | None]:
        return contextlib.nullcontext()

    def loop_step(
        self, model: Any, batch: Any, loss: Any
    ) -> tuple[tuple[Column, ...], list[np.ndarray[Any, Any]]]:
        return _of_step(model, batch, loss)

    def batch_given(self, call: Call, _: Any) -> Any:
        return call.args or None

    def runs_now(self) -> bool:
        return True

    def unseen(self) -> AbstractContextManager[Any]:
        return contextlib.nullcontext()

    def is_first_replica(self) -> bool:
        return True

    def step_optimizers(self, model: Any) -> list[Any]:
        return []

    def updates_made(self, optimizer: Any) -> int | None:
        return int(optimizer.variables[2].value)

    # Settings and switches: it has none.

    def set_seed(self, seed: int) -> None:
        self.seed = seed

    def set_threads(self, threads: int) -> None:
        pass

    def turn_op_determinism_on(self, controlled: Controlled) -> None:
        pass

    def op_determinism(self) -> bool:
        return False

    def threads_requested(self) -> tuple[int, int]:
        return 0, 0

    def switches(
        self, variables: Mapping[str, str], controlled: Controlled, notes: Notes
    ) -> Switches:
        return _NoSwitches()


class _NoSwitches:
    """A backend that has no switches of its own."""

    def begin(self) -> None:
        pass

    def model_found(self, model: Any, index: int) -> None:
        pass

    def step_traced(self, index: int, graph: Any) -> None:
        pass

    def training_begins(self) -> None:
        pass

    def record(self) -> None:
        return None


def _raising(name: str) -> Any:
    def raises(*_: Any, **__: Any) -> Any:
        message = f"{name} is broken"
        raise LookupError(message)

    return raises


def _tensor(variable: Variable, kind: str) -> StateTensor:
    return StateTensor(
        label=variable.name, layer="Model", role=variable.name, array=variable.value, kind=kind
    )


def _state(model: Model) -> list[StateTensor]:
    weights = [_tensor(variable, "weight") for variable in model.variables]
    return weights + [_tensor(variable, "optimizer") for variable in model.slots]


def _of_step(
    model: Model, batch: Any, loss: Any
) -> tuple[tuple[Column, ...], list[np.ndarray[Any, Any]]]:
    """Return columns and arrays of a step: those of the batch and the loss, then the state's."""
    given = [("batch", "x", batch), ("loss", "loss", loss)]
    known = [(kind, role, np.asarray(item)) for kind, role, item in given if item is not None]
    columns = tuple(_column(kind, role, value) for kind, role, value in known)
    state = [variable.value for variable in model.variables + model.slots]
    return columns, [*(value for _, _, value in known), *state]


def _column(kind: str, role: str, value: np.ndarray[Any, Any]) -> Column:
    return Column(
        kind=kind,
        role=role,
        layer=None,
        position=None,
        dtype=dtype_name(value.dtype),
        shape=(None,) * value.ndim if kind == "batch" else value.shape,
        bits=kind == "loss",
    )


# What hooks do around training, done by hand.


@contextlib.contextmanager
def begin(
    path: Path,
    backend: FakeBackend | None = None,
    *,
    trace: str | int | None = "step",
    **options: Any,
) -> Iterator[Recorder]:
    """Record until the block ends, as `Run` would; an exception ends the recording and goes on.

    Args:
        path: Where the manifest goes.
        backend: What is recorded.
        trace: Which steps are traced.
        options: What else a recorder takes; `request` as keywords of a `Request`.
    """
    tracer = None if trace is None else Tracer(trace_path(path), trace)
    request = options.pop("request", None)
    if request is not None:
        request = Request(manifest=str(path), **request)
    recorder = Recorder(
        backend or FakeBackend(), path, request, tracer, controlled=Controlled(), **options
    )
    recorder.begin(["train.py"], [str(path)])
    error: BaseException | None = None
    try:
        yield recorder
    except BaseException as raised:
        error = raised
        raise
    finally:
        recorder.end(error, ["train.py"], [str(path)])


BATCHES = np.random.default_rng(1).normal(size=(3, 4, 3)).astype("float32")


def fit(
    recorder: Recorder, model: Model, epochs: int = 2, initial_epoch: int = 0, **given: Any
) -> None:
    """Fit a model on three batches an epoch, and tell of it as the hooks of `fit` do."""
    backend = recorder.backend
    arguments = {
        "x": BATCHES, "validation_data": None, "callbacks": None,
        "epochs": epochs, "initial_epoch": initial_epoch, **given,
    }  # fmt: skip
    told = recorder.fit_begins(model, arguments)
    if told is None:
        for batch in [batch for _ in range(initial_epoch, epochs) for batch in BATCHES]:
            model.step(batch)
        return
    backend.used = True  # type: ignore[attr-defined] - the fake's own
    told.train_begins()
    for epoch in range(initial_epoch, epochs):
        told.epoch_begins(epoch + 1)
        for number, batch in enumerate(BATCHES):
            loss = model.step(batch)
            if recorder.open and told.should_trace():
                told.step(model, *_of_step(model, batch, loss))
            told.batch_ended(number, len(BATCHES))
        told.epoch_ended({"loss": float(loss)})
    told.train_ended()
