"""What a compiled step of a hand-written loop was given."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = ["batch_given"]

_TARGETS = frozenset(
    {"label", "labels", "target", "targets", "y", "y_batch", "y_true", "yb", "batch_y"}
)
"""What parameters are called that take what is to be learnt."""
_PAIR = 2


def batch_given(
    model: Any, _: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Return the batch that a compiled step was called with.

    Args:
        model: The model that was trained.
        args: What runs the compiled function, and the arguments of that.
        kwargs: As `args`.

    Returns:
        A tensor, or ``(x, y)``, or a structure of tensors that all are inputs. None where there is
        none, and where the step may have taken its batch from elsewhere: it was given an iterator
        or an object of another kind, or no more than whole numbers that may stand for samples, or
        gradients.
    """
    step, *given = args
    named = [*zip(_parameters(step, len(given)), given, strict=True), *kwargs.items()]
    values = {name: value for name, value in named if not _is_means(value)}
    batch = {name: value for name, value in values.items() if _is_data(value)}
    items = _flat(list(batch.values()))
    whole = len(batch) == len(values)
    if not whole or not any(map(_tells, items)) or _are_gradients(items, model):
        return None
    parts = list(batch.values())
    if len(batch) == 1 and isinstance(parts[0], tuple | list):
        parts = list(parts[0])
        return tuple(parts) if len(parts) <= _PAIR else (parts,)
    if len(batch) == _PAIR and list(batch)[1].lower() in _TARGETS:
        return tuple(parts)
    return (parts[0] if len(batch) == 1 else batch,)


def _parameters(step: Any, count: int) -> list[str]:
    """Return the names of the first parameters of a compiled function."""
    code = getattr(step, "python_function", None)
    try:
        found = list(inspect.signature(code).parameters) if callable(code) else []
    except (TypeError, ValueError):
        found = []
    return [*found, *(str(place) for place in range(len(found), count))][:count]


def _is_means(value: Any) -> bool:
    """Whether a value is no batch, but what a step is made with: a model, a setting, a function."""
    settings = str | bool | int | float | None
    parts = keras.Variable | tf.Variable | keras.Operation | keras.optimizers.Optimizer
    return isinstance(value, settings | parts | keras.Loss | keras.Metric) or (
        callable(value) and not isinstance(value, tf.Tensor)
    )


def _is_data(value: Any) -> bool:
    """Whether a value is made of tensors and arrays alone, and holds any."""
    items = _flat(value)
    return bool(items) and all(
        (isinstance(item, tf.Tensor) and item.dtype not in {tf.string, tf.variant, tf.resource})
        or (isinstance(item, np.ndarray) and item.dtype.kind in "biufc")
        for item in items
    )


def _tells(item: Any) -> bool:
    """Whether a tensor is what is computed with: a few whole numbers may only stand for samples."""
    return len(item.shape) > int(not tf.as_dtype(item.dtype).is_floating)


def _are_gradients(items: Sequence[Any], model: Any) -> bool:
    """Whether among tensors is one of the shape of each variable that is trained."""
    variables = getattr(model, "trainable_variables", ())
    shapes = (Counter(tuple(item.shape) for item in given) for given in (variables, items))
    trained, handed = shapes
    return bool(trained) and trained <= handed


def _flat(value: Any) -> list[Any]:
    items: list[Any] = tf.nest.flatten(value, expand_composites=True)
    return items
