"""The condition `training`: models, compile and fit arguments, callbacks."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.canonical import digest_json, encode
from repro_audit.manifest.training import FitArguments, TrainedModel

if TYPE_CHECKING:
    from repro_audit.capture.backend import Configs, Missed

__all__ = ["capture_fit", "capture_model", "plain", "with_digest"]

_NOT_CONDITIONS = {"self", "verbose", "callbacks"}
"""Arguments of fit that change no bit of the run, or are recorded apart."""


def capture_model(backend: Configs, model: Any, index: int, missed: Missed) -> TrainedModel:
    """Read a model's configuration.

    Args:
        backend: The framework.
        model: The model, compiled or not.
        index: Its position among the models of this run.
        missed: Takes what cannot be read.

    Returns:
        The record; its optimizers are None or empty, for the steps show which ones update it, and
        what else compile was asked for is None, for only its call shows all of that.
    """
    path = f"$.conditions.training.models[{index}]"
    config = digest = None
    try:
        config = encode(backend.model_config(model))
        digest = digest_json(config)
    except Exception as error:  # noqa: BLE001 - a user's get_config may do anything
        missed(f"{path}.config", f"get_config: {type(error).__name__}")
    compiled: Mapping[str, Any] = {}
    try:
        compiled = encode(backend.compile_config(model))
    except Exception as error:  # noqa: BLE001 - as above
        missed(f"{path}.loss", f"compile config: {type(error).__name__}")
    code = None
    try:
        code = dict(backend.own_code(model))
    except Exception as error:  # noqa: BLE001 - as above
        missed(f"{path}.code", f"code: {type(error).__name__}")
    return TrainedModel(
        class_name=backend.model_class(model),
        config=config,
        config_digest=digest,
        optimizer=None,  # which of them update it, its steps show
        more_optimizers=(),
        loss=compiled.get("loss"),
        metrics=compiled.get("metrics"),
        code=code,
    )


def with_digest(model: TrainedModel) -> TrainedModel:
    """Return a model's record with the digest of the configuration that is in it."""
    return model._replace(config_digest=digest_json(model.config))


def capture_fit(model: int, arguments: Mapping[str, Any], callbacks: Sequence[Any]) -> FitArguments:
    """Read what one fit was asked to do.

    Args:
        model: Position of the model.
        arguments: Arguments of the call by name, defaults included.
        callbacks: The user's callbacks.

    Returns:
        The arguments as JSON values, and the class of each callback.
    """
    return FitArguments(
        model=model,
        arguments={
            name: encode(plain(value))
            for name, value in arguments.items()
            if name not in _NOT_CONDITIONS
        },
        callbacks=tuple(_class_name(callback) for callback in callbacks),
    )


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it; what is no plain value becomes its class's name."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return plain(value.item())
    if isinstance(value, type) or callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return type(value).__name__


def _class_name(callback: Any) -> str:
    """Return the name of a callback's class, with its module where Keras has one of that name."""
    kind = type(callback)
    own = kind.__module__.partition(".")[0] == "keras"
    module = sys.modules.get("keras.callbacks")
    return (
        f"{kind.__module__}.{kind.__name__}"
        if not own and hasattr(module, kind.__name__)
        else kind.__name__
    )
