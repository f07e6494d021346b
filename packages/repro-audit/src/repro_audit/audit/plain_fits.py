"""The fits of which everything is known that decides how many steps they take and what they say.

A check that is to be exact is silent on all others: a train step or a callback of the user's own
may do anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import DatasetOptions, Execution
from repro_audit.manifest.records import FitOutcome, Tensor
from repro_audit.manifest.training import FitArguments, TrainedModel

__all__ = [
    "PlainFit",
    "counts_every_sample",
    "final_tensor",
    "is_keras_own",
    "is_untouched",
    "only_fit",
    "plain_fits",
    "standard_metrics",
]

_MODELS = frozenset({"Sequential", "Functional"})
"""Models of Keras's own, which train by its own step."""

_QUIET = frozenset({"CSVLogger", "History", "ModelCheckpoint", "ProgbarLogger", "TensorBoard"})
"""Callbacks of Keras that look on, and change neither a log nor the training."""

_ENDING = frozenset({"EarlyStopping", "TerminateOnNaN"})
"""Those that may end a fit early."""

_STEERING = frozenset({"LearningRateScheduler", "ReduceLROnPlateau"})
"""Those that change the learning rate, and add it to the logs."""


_PLAIN_DATA = frozenset({"arrays", "tf.data"})


class PlainFit(NamedTuple):
    """A fit by Keras's own step, with callbacks of Keras alone.

    Attributes:
        number: The fit, from 0.
        arguments: What it was asked to do.
        outcome: What it produced.
        model: The model it trained.
        execution: How its steps are executed.
        data: What it was given as training data.
        may_end_early: Whether a callback may have ended it.
        may_steer: Whether a callback may have changed its learning rate.
    """

    number: int
    arguments: FitArguments
    outcome: FitOutcome
    model: TrainedModel
    execution: Execution
    data: DatasetOptions | None
    may_end_early: bool
    may_steer: bool

    @property
    def data_looks_on(self) -> bool:
        """Whether the data is none that holds code of the user's between epochs."""
        return self.data is not None and self.data.kind in _PLAIN_DATA

    @property
    def where(self) -> str:
        """JSONPath of its outcome."""
        return f"$.outcomes.fits[{self.number}]"


def plain_fits(manifest: Manifest) -> Iterator[PlainFit]:
    """Yield the fits of a manifest that came to their own end and hold no code of the user's."""
    training, determinism = manifest.conditions.training, manifest.conditions.determinism
    tensorflow = manifest.conditions.tensorflow
    if training is None or determinism is None or tensorflow is None:
        return
    alone = {item.model for item in tensorflow.models if item.replicas == 1}
    execution = {item.model: item for item in determinism.execution}
    data = {item.fit: item for item in determinism.datasets if item.argument == "x"}
    for number, (asked, outcome) in enumerate(
        zip(training.fits, manifest.outcomes.fits, strict=False)
    ):
        model = training.models[asked.model] if asked.model < len(training.models) else None
        how = execution.get(asked.model)
        callbacks = set(asked.callbacks)
        known = callbacks <= _QUIET | _ENDING | _STEERING
        if model is None or how is None or not asked.arguments or not known:
            continue
        if _is_plain(model) and outcome.ended and asked.model in alone:
            yield PlainFit(
                number=number,
                arguments=asked,
                outcome=outcome,
                model=model,
                execution=how,
                data=data.get(number),
                may_end_early=bool(callbacks & _ENDING),
                may_steer=bool(callbacks & _STEERING),
            )


def only_fit(manifest: Manifest) -> PlainFit | None:
    """Return the fit of a manifest in which nothing else was fitted.

    Returns:
        The fit; None where there is more than one, or it is not plain.
    """
    fits = list(plain_fits(manifest))
    return fits[0] if len(fits) == len(manifest.outcomes.fits) == 1 else None


def final_tensor(manifest: Manifest, fit: PlainFit, role: str) -> Tensor | None:
    """Return what a fit's model or optimizer ends with in a role that only one tensor has.

    Returns:
        The tensor; None where several have that role, or none has.
    """
    model, finals = fit.arguments.model, manifest.outcomes.final_state
    tensors = (finals[model] if model < len(finals) else None) or ()
    found = [item for item in tensors if item.role == role]
    return found[0] if len(found) == 1 else None


def standard_metrics(model: TrainedModel) -> frozenset[str]:
    """Return the names of the metrics that are Keras's own: the loss, and the accuracy by name."""
    return frozenset({"loss", *({"accuracy", "acc"} & set(_names(model.metrics)))})


def is_keras_own(config: object) -> bool:
    """Whether what was configured is of a class of Keras, and not of one that is only called so."""
    module = config.get("module") if isinstance(config, dict) else None
    return isinstance(module, str) and module.partition(".")[0] == "keras"


def is_untouched(manifest: Manifest) -> bool:
    """Whether it was looked whether variables were loaded or set, and none was."""
    initializers = manifest.conditions.initializers
    return initializers is not None and initializers.restored is False


def counts_every_sample(config: object) -> bool:
    """Whether all layers in a model's config are of Keras, and none masks a sample."""
    if isinstance(config, list):
        return all(map(counts_every_sample, config))
    if not isinstance(config, dict):
        return True
    is_object = isinstance(config.get("config"), dict) and "class_name" in config
    if is_object and (not is_keras_own(config) or config["class_name"] in _MASKING):
        return False
    return all(map(counts_every_sample, config.values()))


_MASKING = frozenset({"Embedding", "Masking"})


def _is_plain(model: TrainedModel) -> bool:
    return is_keras_own(model.config) and model.class_name in _MODELS


def _names(metrics: object) -> Iterator[str]:
    """Yield the metrics that were given by their names."""
    if isinstance(metrics, str):
        yield metrics
    elif isinstance(metrics, list | tuple):
        for item in metrics:
            yield from _names(item)
