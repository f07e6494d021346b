"""The records of the condition `training`: models, how they were compiled, and fits.

See `repro_audit.manifest.records` for how records are made.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Json = Any
"""A value as JSON holds it, its numbers encoded by `repro_audit.canonical.encode`."""


class TrainedModel(NamedTuple):
    """A model's configuration, with its layers' names replaced by their positions."""

    class_name: str
    config: Json
    config_digest: str | None
    optimizer: Json
    more_optimizers: tuple[Json, ...]
    loss: Json
    metrics: Json
    compile: dict[str, Json] | None = None
    code: dict[str, str] | None = None

    @property
    def optimizers(self) -> tuple[Json, ...]:
        """The optimizers that updated the model, in the order in which they did so first."""
        every = (self.optimizer, *self.more_optimizers)
        return () if every == (None,) else every


def optimizer_field(number: int) -> str:
    """Return the name of the field that holds a model's optimizer.

    Args:
        number: Which of the model's optimizers, from 0.

    >>> optimizer_field(0), optimizer_field(2)
    ('optimizer', 'more_optimizers[1]')
    """
    return "optimizer" if number == 0 else f"more_optimizers[{number - 1}]"


class BatchTensor(NamedTuple):
    """One tensor of the first batch of a fit."""

    role: str
    dtype: str
    shape: tuple[int, ...]


class FitArguments(NamedTuple):
    """What one `fit` was asked to do."""

    model: int
    arguments: dict[str, Json]
    callbacks: tuple[str, ...]
    callback_settings: tuple[dict[str, Json], ...] | None = None
    batch: tuple[BatchTensor, ...] | None = None


class Training(NamedTuple):
    """The models and the fits, in the order they were seen."""

    models: tuple[TrainedModel, ...]
    fits: tuple[FitArguments, ...]
