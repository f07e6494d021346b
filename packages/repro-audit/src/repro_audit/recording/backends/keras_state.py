"""The variables of a model and of the optimizers that update it, free of names.

Private names, as they stand in the sources of Keras 3.12.0 and of 3.15.1: `Layer._flatten_layers`,
`Layer._trainable_variables`, `Layer._non_trainable_variables` and `Layer._seed_generators`.
`keras_backend` says what to do when one moves. Without the last, states of generators seem to be
weights of the model itself; without the others, no state can be read, and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from repro_audit.recording.backends.groups import Group

__all__ = ["StateVariable", "label_of", "layers_of", "state_variables", "weight_variables"]


class StateVariable(NamedTuple):
    """One variable of a model or its optimizer.

    Attributes:
        variable: The Keras variable.
        kind: ``weight``, ``random`` (the state of a layer's generator) or ``optimizer``.
        layer: Class of the layer or optimizer that owns it.
        role: What it is to its owner, free of names.
    """

    variable: Any
    kind: str
    layer: str
    role: str


def state_variables(model: Any, optimizers: Sequence[Any]) -> list[StateVariable]:
    """Return the variables of a model and then those of its optimizers, in their own order."""
    return weight_variables(model) + _optimizer_variables(model, optimizers)


def weight_variables(model: Any) -> list[StateVariable]:
    """Return the variables of a built model, its layers' generators among them."""
    owners: dict[int, str] = {}
    generators: set[int] = set()
    for layer in layers_of(model):
        states = [generator.state for generator in getattr(layer, "_seed_generators", ())]
        generators.update(map(id, states))
        for variable in (
            *layer._trainable_variables,
            *layer._non_trainable_variables,
            *states,
        ):
            owners.setdefault(id(variable), type(layer).__name__)
    return [
        StateVariable(
            variable=variable,
            kind="random" if id(variable) in generators else "weight",
            layer=owners.get(id(variable), type(model).__name__),
            role=str(variable.name).removesuffix(":0"),
        )
        for variable in model.variables
    ]


def _optimizer_variables(model: Any, optimizers: Sequence[Any]) -> list[StateVariable]:
    """Return the variables of the optimizers that update a model."""
    # Keras names a slot after its weight, and the weight after its layer: a label.
    prefixes = [
        (label_of(variable).replace("/", "_") + "_", position)
        for position, variable in enumerate(model.variables)
    ]
    prefixes.sort(key=lambda item: -len(item[0]))
    found = []
    for optimizer in optimizers:
        for variable in optimizer.variables:
            role = str(variable.name)
            for prefix, position in prefixes:
                if role.startswith(prefix):
                    role = f"{role.removeprefix(prefix)} of {position}"
                    break
            found.append(
                StateVariable(
                    variable=variable, kind="optimizer", layer=type(optimizer).__name__, role=role
                )
            )
    return found


def layers_of(model: Any) -> list[Any]:
    """Return a model and all layers in it; a group of variables has none."""
    return [] if isinstance(model, Group) else list(model._flatten_layers())


def label_of(variable: Any) -> str:
    """Return the name that the framework gives a variable."""
    return str(getattr(variable, "path", variable.name)).removesuffix(":0")
