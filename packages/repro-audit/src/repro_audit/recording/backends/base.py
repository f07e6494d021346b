"""What recording asks of a framework.

A backend is a package beside this file. What it offers before its framework is imported is in
`framework`; the rest is a `Backend`. `select` alone knows which there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from repro_audit.capture.backend import Configs, Facts, Held, Initializers, StateTensor
from repro_audit.manifest.conditions import (
    DatasetOptions,
    Execution,
    Function,
    RandomSource,
    Stage,
    TensorFlowDeterminism,
)
from repro_audit.manifest.training import Json

if TYPE_CHECKING:
    import numpy as np

    from repro_audit.recording.backends.observers import Notes, StepObserver
    from repro_audit.recording.backends.patching import Call, Patches
    from repro_audit.trace import Column

__all__ = [
    "Backend",
    "Controlled",
    "Data",
    "Models",
    "Settings",
    "Steps",
    "Switches",
]

Place = tuple[str, str]
"""A module, and the name of a function in it or ``Class.method``."""


class Controlled:
    """What `repro_audit.control` did in this process, for the recording that follows.

    Attributes:
        seed: The seed that it set.
        op_determinism: ``before_first_op`` or ``later``, where it was turned on.
        functions_traced_before: Functions that had been traced by then.
    """

    def __init__(self) -> None:
        self.seed: int | None = None
        self.op_determinism: str | None = None
        self.functions_traced_before: int | None = None


# What a backend answers.


class Models(Configs, Initializers, Protocol):
    """Models, their state and what updates them. Only `flip_bit` and `move_weights` set."""

    def execution(self, model: Any, index: int, jit_requested: bool | str | None) -> Execution:
        """Return how the steps of `model` are executed."""

    def limits(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the arguments of a fit that a setting of the framework caps, as it caps them.

        Returns:
            The capped arguments alone, by name; empty where no setting caps one.
        """

    def optimizers(self, model: Any) -> Sequence[Any]:
        """Return the optimizers that update a model, the first first."""

    def metric_dtypes(self, model: Any) -> Mapping[str, str]:
        """Return the dtype in which each metric of `model` is accumulated.

        Returns:
            Names of dtypes, such as ``float32``, by the metric's name.
        """

    def is_built(self, model: Any) -> bool:
        """Return whether every layer has its weights."""

    def key(self, variable: Any) -> int:
        """Return what tells a variable from others as long as it lives."""

    def keys(self, model: Any) -> set[int]:
        """Return what tells the variables of a model."""

    def trainable_keys(self, model: Any) -> set[int]:
        """Return what tells the trainable variables of a model.

        Returns:
            Numbers as `key` returns them; empty where the model cannot say.
        """

    def weights(self, model: Any) -> list[StateTensor]:
        """Return the variables of a built model, in its own order.

        Returns:
            Each with its value on the host, in its own dtype and shape; the states of layers'
            generators are among them.
        """

    def state(self, model: Any) -> list[StateTensor]:
        """Return the variables of a built model and then of its optimizers, in their own order.

        Returns:
            The tensors of `weights`, and then the optimizers' variables.
        """

    def describe_state(self, model: Any) -> list[tuple[str, str, str]]:
        """Return kind, layer and role of each tensor that `state` returns, reading none."""

    def move_weights(self, model: Any, seed: int) -> int:
        """Move each trainable weight up, down or not at all, by one unit in the last place.

        Args:
            model: A model that has been built.
            seed: Draws which. No generator of the run is used.

        Returns:
            How many were moved. Zeros, and what is not finite, are not.
        """

    def flip_bit(self, model: Any) -> tuple[int, int, int]:
        """Flip one mid-mantissa bit of the largest element of the largest weight.

        Returns:
            Position of the weight among the model's variables, position of the element in C order,
            and the bit, from 0, the least significant.
        """


class Data(Protocol):
    """What was given to a fit as data: read, never iterated."""

    def data_options(self, fit: int, argument: str, data: Any) -> DatasetOptions | None:
        """Return what was given to a fit as data, but for what its code and stages hold.

        Returns:
            The options; None where there is nothing to read: no data, or arrays to validate on.
        """

    def data_code(self, kind: str, data: Any) -> tuple[tuple[RandomSource, ...], Held]:
        """Return the random sources of the Python code of data, and NumPy generators in it.

        Returns:
            Both empty where data of that kind holds no Python code.
        """

    def data_function(
        self, kind: str, data: Any, outputs: Sequence[str]
    ) -> tuple[dict[str, Json] | None, Function | None]:
        """Return the plain values that Python code of data was given, and that code's digest.

        Returns:
            Both None where data of that kind holds no Python code.
        """

    def data_stages(
        self, kind: str, data: Any, failed: Callable[[str, Exception], None]
    ) -> tuple[tuple[Stage, ...], Held]:
        """Return the stages of a pipeline, the source first, and NumPy generators in them.

        Args:
            kind: The kind of data.
            data: What was given.
            failed: Takes what of a stage cannot be read, as ``stages[3].function``, and the error.

        Returns:
            Both empty where data of that kind is no pipeline.
        """


class Steps(Protocol):
    """Training steps, seen from outside."""

    def observe_steps(
        self, model: Any, observer: StepObserver, patches: Patches
    ) -> AbstractContextManager[str | None]:
        """Tell `observer` of every training step of `model` until the block ends.

        Args:
            model: The model.
            observer: Is told.
            patches: Keeps what is put in the place of the model's own.

        Returns:
            A context that gives None, or why steps cannot be seen.
        """

    def step_optimizers(self, model: Any) -> Sequence[Any]:
        """Return the optimizers that the step of a model holds, if an earlier fit has made it.

        Args:
            model: The model.

        Returns:
            Those whose variables the step hands over; none where the next fit makes the step.
        """

    def first_batch(
        self, model: Any, observer: StepObserver
    ) -> tuple[Sequence[Column], Sequence[tuple[int, ...]]] | None:
        """Return the first batch of a fit that wants no steps, once one of them has run.

        Args:
            model: The model that it trains.
            observer: Who would be told of its steps.

        Returns:
            Columns of the batch, and the shape of each; None where steps are told of, or where it
            was not seen.
        """

    def loop_step(
        self, model: Any, batch: Any, loss: Any
    ) -> tuple[tuple[Column, ...], list[np.ndarray[Any, Any]]]:
        """Return what one step of a hand-written loop was made of.

        Args:
            model: The model, after its update.
            batch: The batch, a structure of tensors or arrays; None where it is not known.
            loss: The step's loss; None where it is not known.

        Returns:
            Columns of batch and loss, and arrays: theirs, then those of the state.
        """

    def batch_given(self, call: Call, model: Any) -> Any:
        """Return the batch that a compiled step was called with, as `loop_step` takes one.

        Args:
            call: A call of what `Names.functions` names.
            model: The model that it has trained.

        Returns:
            None where the step may have taken its batch from elsewhere.
        """

    def runs_now(self) -> bool:
        """Return whether what is called now runs now, and becomes no part of a graph."""

    def unseen(self) -> AbstractContextManager[Any]:
        """Return a context in which what is read is no part of a graph or of a gradient."""

    def is_first_replica(self) -> bool:
        """Return whether this thread stands for all replicas of a step."""

    def updates_made(self, optimizer: Any) -> int | None:
        """Return how many updates an optimizer was asked for.

        Returns:
            The count that the optimizer keeps; None where it cannot be read.
        """


class Switches(Protocol):
    """What a backend alone has of the condition `determinism`, over one recording.

    It names itself what it cannot read.
    """

    def begin(self) -> None:
        """Read what later code could change."""

    def model_found(self, model: Any, index: int) -> None:
        """Read what decides the bits of the steps of a model."""

    def step_traced(self, index: int, graph: Any) -> None:
        """Look through a step of a model that was traced."""

    def training_begins(self) -> None:
        """Read what training fixes."""

    def record(self) -> TensorFlowDeterminism | None:
        """Return all that was read; the backend must be in use.

        Returns:
            The record; None for a backend that has no switches of its own.

        Raises:
            Exception: They cannot be read.
        """


class Settings(Protocol):
    """What `repro_audit.control` sets."""

    def set_seed(self, seed: int) -> None:
        """Seed everything that the framework seeds by its one call."""

    def set_threads(self, threads: int) -> None:
        """Ask for threads inside one operation, and for as many operations side by side.

        Raises:
            CaptureError: It is too late.
        """

    def turn_op_determinism_on(self, controlled: Controlled) -> None:
        """Turn op determinism on unless it is, and note what had run by then."""

    def op_determinism(self) -> bool:
        """Return whether op determinism is on."""

    def threads_requested(self) -> tuple[int, int]:
        """Return how many threads were requested.

        Returns:
            Threads inside one operation, and operations side by side; 0 is the framework's default.
        """


class Backend(Facts, Models, Data, Steps, Settings, Protocol):
    """Keras on one framework."""

    def switches(
        self, variables: Mapping[str, str], controlled: Controlled, notes: Notes
    ) -> Switches:
        """Return what reads the backend's own switches over one recording.

        Args:
            variables: Environment variables as they were when recording began.
            controlled: What `control` did.
            notes: Takes what cannot be read.
        """
