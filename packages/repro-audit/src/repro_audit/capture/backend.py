"""What the captured conditions ask of a framework, one small protocol a kind of question.

`repro_audit.recording.backends` implements them; what recording asks besides stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from repro_audit.manifest.conditions import LayerInitializer, LayerSeed

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Configs", "Facts", "Held", "Initializers", "Missed", "StateTensor"]

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


class Facts(Protocol):
    """What a framework is, and where its seeds stand. Nothing here draws or sets."""

    name: str

    def build(self) -> str:
        """Return what identifies the framework's build.

        Returns:
            Text in the framework's own words, such as the versions of its source and of its
            compiler.
        """

    def devices(self) -> Sequence[str]:
        """Return the type of each device in use.

        Returns:
            One word a device, such as ``CPU``, in the framework's order.
        """

    def in_use(self) -> bool:
        """Return whether the backend has been initialised: settings it fixes then are fixed."""

    def declared_seed(self) -> int | None:
        """Return the seed given to the framework's one call that seeds everything.

        Returns:
            The seed; None where the framework knows of none.
        """

    def global_seed(self) -> int | None:
        """Return the backend's own global seed.

        Returns:
            The seed; None where it has none.
        """

    def generator_state(self) -> Any:
        """Return the state of the generator that seeds eager operations.

        Returns:
            Anything whose `repr` is the same for equal states; None before the generator exists.
        """


class Configs(Protocol):
    """What a model and its training were asked to be, as plain values."""

    def model_class(self, model: Any) -> str:
        """Return the class of a model, or what to call a group of variables that has none."""

    def model_config(self, model: Any) -> Any:
        """Return the model's config with layers' names replaced by positions, as plain values."""

    def compile_config(self, model: Any) -> Mapping[str, Any]:
        """Return `loss` and `metrics` of `model`, as plain values.

        Returns:
            The two by name, None for one that was not given; empty where the model is not compiled.
        """

    def compile_arguments(
        self,
        model: Any,
        given: Mapping[str, Any] | None,
        own: Mapping[str, Any],
        outputs: Sequence[str],
    ) -> Mapping[str, Any]:
        """Return what `model` was asked for by compile but for what is recorded elsewhere.

        Args:
            model: The model.
            given: Arguments of the framework's compile by name; None where its call was not seen.
            own: Arguments of the compile that the model's class has of its own.
            outputs: Paths the run writes.

        Returns:
            Plain values by the name of the argument, None for one that is not known; empty where
            the model is not compiled.
        """

    def own_code(self, model: Any) -> Mapping[str, str]:
        """Return the digest of the project's own code in `model`.

        Returns:
            Digests by the qualified name of a class, or by class and attribute of a function that a
            layer holds.
        """

    def optimizer_config(self, optimizer: Any) -> Any:
        """Return an optimizer's config without names, as plain values."""

    def layer_seeds(self, model: Any, index: int) -> list[LayerSeed]:
        """Return the initial seed of each layer's own generator.

        Returns:
            One record a generator, in the order of layers; `given` is false for a seed that the
            framework drew.
        """

    def layer_initializers(self, model: Any, index: int) -> list[LayerInitializer]:
        """Return the initializer of each weight.

        Returns:
            One record an initializer that a layer holds, in the order of layers; the seed is None
            where it draws nothing.
        """


class Initializers(Protocol):
    """Samples of the built-in initializers."""

    def sample_initializer(self, name: str, seed: int, shape: tuple[int, ...]) -> Any:
        """Return what a built-in initializer gives, computed on the CPU device.

        Returns:
            NumPy array of that `shape`, float32, dimensionless.
        """
