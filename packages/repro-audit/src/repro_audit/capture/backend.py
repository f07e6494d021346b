"""What recording asks of a framework. Only `repro_audit.recording` implements it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from repro_audit.manifest.conditions import (
    DatasetOptions,
    Execution,
    LayerInitializer,
    LayerSeed,
    RandomSource,
    Stage,
    TensorFlowModel,
)

if TYPE_CHECKING:
    import numpy as np

    from repro_audit.trace import Column

Held = tuple[tuple[str, Any], ...]
"""NumPy generators, each behind the place it was found in."""

Missed = Callable[[str, str], None]
"""Takes the JSONPath of a field that cannot be read, and the reason."""


@dataclass(frozen=True, kw_only=True)
class StateTensor:
    """One tensor of a model's state, read to the host.

    Attributes:
        label: Its name in the framework; never compared.
        layer: Class of the layer or optimizer that owns it.
        role: What it is to its owner, free of names: ``kernel``, ``momentum of 0``.
        array: Its value.
        kind: ``weight``, ``random`` (the state of a layer's generator) or ``optimizer``.
    """

    label: str
    layer: str
    role: str
    array: np.ndarray[Any, Any]
    kind: str


class Backend(Protocol):
    """Read access to a framework and to its models. Nothing here draws or sets."""

    name: str

    def build(self) -> str:
        """Return what identifies the framework's build."""

    def declared_seed(self) -> int | None:
        """Return the seed given to the framework's one call that seeds everything."""

    def global_seed(self) -> int | None:
        """Return the backend's own global seed."""

    def generator_state(self) -> Any:
        """Return the state of the generator that seeds eager operations; None before it exists."""

    def in_use(self) -> bool:
        """Return whether the backend has been initialised: settings it fixes then are fixed."""

    def op_determinism(self) -> bool:
        """Return whether op determinism is on."""

    def functions_traced(self) -> int:
        """Return how many functions have been traced; 0 while the backend is not in use."""

    def threads_requested(self) -> tuple[int, int]:
        """Return threads requested inside and between operations; 0 is the default."""

    def onednn(self) -> bool:
        """Return whether oneDNN's operations are used."""

    def tf32(self) -> bool:
        """Return whether TensorFloat-32 is allowed."""

    def devices(self) -> Sequence[str]:
        """Return the type of each device in use."""

    def execution(self, model: Any, index: int, jit_requested: bool | str | None) -> Execution:
        """Return how the steps of `model` are executed."""

    def model_switches(self, model: Any, index: int) -> TensorFlowModel:
        """Return what decides the bits of the steps of `model` on this backend alone."""

    def limits(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the arguments of a fit that a setting of the framework caps, as it caps them."""

    def data_options(self, fit: int, argument: str, data: Any) -> DatasetOptions | None:
        """Return what was given to a fit as data, but for what its code and stages hold.

        None where there is nothing to read: no data, or arrays to validate on.
        """

    def data_code(self, kind: str, data: Any) -> tuple[tuple[RandomSource, ...], Held]:
        """Return the random sources of the Python code of data, and NumPy generators in it."""

    def data_stages(self, kind: str, data: Any) -> tuple[tuple[Stage, ...], Held]:
        """Return the stages of a pipeline, the source first, and NumPy generators in them."""

    def racing_ops(self, graph: Any) -> tuple[str, ...]:
        """Return the types of operations in a traced step whose result depends on threads."""

    def model_class(self, model: Any) -> str:
        """Return the class of a model, or what to call a group of variables that has none."""

    def model_config(self, model: Any) -> Any:
        """Return the model's config with layers' names replaced by positions, as plain values."""

    def compile_config(self, model: Any) -> Mapping[str, Any]:
        """Return `loss` and `metrics` of `model`, as plain values."""

    def optimizers(self, model: Any) -> Sequence[Any]:
        """Return the optimizers that update a model, the first first."""

    def optimizer_config(self, optimizer: Any) -> Any:
        """Return an optimizer's config without names, as plain values."""

    def metric_dtypes(self, model: Any) -> Mapping[str, str]:
        """Return the dtype in which each metric of `model` is accumulated."""

    def layer_seeds(self, model: Any, index: int) -> list[LayerSeed]:
        """Return the initial seed of each layer's own generator."""

    def layer_initializers(self, model: Any, index: int) -> list[LayerInitializer]:
        """Return the initializer of each weight."""

    def sample_initializer(self, name: str, seed: int, shape: tuple[int, ...]) -> Any:
        """Return float32 values of a built-in initializer on the CPU device."""

    def weights(self, model: Any) -> list[StateTensor]:
        """Return the variables of a built model, in its own order."""

    def state(self, model: Any) -> list[StateTensor]:
        """Return the variables of a built model and then of its optimizers, in their own order."""

    def describe_state(self, model: Any) -> list[tuple[str, str, str]]:
        """Return kind, layer and role of each tensor that `state` returns, reading none."""

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

    def flip_bit(self, model: Any) -> tuple[int, int, int]:
        """Flip one mid-mantissa bit of the largest weight; return position, element and bit."""
