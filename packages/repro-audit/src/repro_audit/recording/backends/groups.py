"""Whose variables an optimizer updates: models', or nobody's."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

__all__ = [
    "Group",
    "built_optimizers",
    "owners",
    "trainable_by_model",
    "trainable_ids",
    "variable_id",
]


class Group:
    """Variables that no model owns, as the optimizer that updates them holds them.

    It stands where a model does: it has weights and an optimizer, and no layers.

    Attributes:
        variables: Keras or TensorFlow variables, in the order in which they were given.
    """

    def __init__(self, optimizer: Any, variables: Sequence[Any]) -> None:
        self.variables = list(variables)
        self.title = f"{type(optimizer).__name__} without a model"

    @property
    def trainable_variables(self) -> list[Any]:
        """Those that are trained, which are all."""
        return self.variables


def variable_id(variable: Any) -> int:
    """Return what tells a variable from others: Keras wraps one of TensorFlow's.

    Returns:
        An `id`, good as long as the variable lives.
    """
    # Private: Variable._value (Keras 3.12 to 3.15). When it moves, a variable of Keras and the one
    # of TensorFlow inside it seem to be two: name the new attribute here, and in
    # `tensorflow.variables`.
    value = getattr(variable, "_value", None)
    return id(variable if value is None else value)


def trainable_ids(model: Any) -> set[int]:
    """Return what tells the trainable variables of a model.

    Returns:
        Numbers as `variable_id` returns them; empty where the model cannot say.
    """
    try:
        return {variable_id(item) for item in model.trainable_variables}
    except Exception:  # noqa: BLE001 - a model half made, and none of ours
        return set()


def built_optimizers() -> list[Any]:
    """Return every optimizer of Keras that has its slots."""
    import keras

    kind = keras.optimizers.Optimizer
    return [item for item in gc.get_objects() if issubclass(type(item), kind) and item.built]


def trainable_by_model() -> list[tuple[Any, set[int]]]:
    """Return every model there is, and what tells its trainable variables.

    Returns:
        Models, each with numbers as `trainable_ids` returns them. What a `Sequential` is built as
        is none: it has the same variables, and nobody knows it.
    """
    import keras

    # By type: asking a stranger's object for its class may make it do something.
    models = [item for item in gc.get_objects() if issubclass(type(item), keras.Model)]
    # Private: Sequential._functional (Keras 3.12 to 3.15). When it moves, the optimizer of a loop
    # is now and then not the model's: name the new attribute here.
    within = {id(vars(item).get("_functional")) for item in models}
    return [(model, trainable_ids(model)) for model in models if id(model) not in within]


def owners(
    optimizer: Any, variables: Sequence[Any], owned: Sequence[tuple[Any, set[int]]] | None = None
) -> list[Any]:
    """Return the models that own variables, and a group of those that none owns.

    Args:
        optimizer: What updates them.
        variables: The variables.
        owned: What `trainable_by_model` returns, if it was asked already: it looks at all objects
            there are.

    Returns:
        The smallest model that owns all; else those that own parts, and the group of the rest.
    """
    wanted = {variable_id(variable) for variable in variables}
    owned = trainable_by_model() if owned is None else owned
    whole = [(len(ids), at) for at, (_, ids) in enumerate(owned) if wanted and wanted <= ids]
    if whole:
        return [owned[min(whole)[1]][0]]
    parts = [(model, ids) for model, ids in owned if ids and ids <= wanted]
    models = [
        model
        for at, (model, ids) in enumerate(parts)
        if not any(
            ids < other or (ids == other and before < at) for before, (_, other) in enumerate(parts)
        )
    ]
    covered = set().union(*(ids for _, ids in parts))
    # What belongs to a model of which only a part is trained here is that model's.
    partly = [(model, ids) for model, ids in owned if ids & (wanted - covered)]
    for model, ids in sorted(partly, key=lambda item: len(item[1])):
        if ids & (wanted - covered):
            models.append(model)
            covered |= ids
    rest = [variable for variable in variables if variable_id(variable) not in covered]
    return [*models, Group(optimizer, rest)] if rest else models
