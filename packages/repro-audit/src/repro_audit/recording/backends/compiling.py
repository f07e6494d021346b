"""What a model was asked for by compile, and the code of the project that it is made of.

A model's class may have a compile of its own, with arguments of its own, which calls Keras's. Those
arguments are looked up where Keras's compile was called from; the class itself stays as it is.
"""

from __future__ import annotations

import base64
import inspect
import marshal
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.capture.functions import (
    capture_class,
    capture_function,
    digest_code,
    is_function,
    is_own,
    unwrapped,
)
from repro_audit.capture.settings import NOT_PLAIN, plain_setting
from repro_audit.recording.backends.keras_state import layers_of

if TYPE_CHECKING:
    from repro_audit.recording.backends.keras_backend import KerasBackend

__all__ = ["compile_arguments", "own_arguments", "own_code", "without_place"]

_MAX_FRAMES = 50
_HERE = ("loss_weights", "weighted_metrics", "auto_scale_loss")
"""Arguments of Keras's compile that are recorded nowhere else."""


def own_arguments(model: Any) -> dict[str, Any]:
    """Return what the compile of a model's own class was given, within its call.

    Args:
        model: The model whose compile is running.

    Returns:
        Arguments by name, as they are by now; empty where the class has no such method.
    """
    frame, own = inspect.currentframe(), _own_compiles(model)
    found: dict[str, Any] = {}
    for _ in range(_MAX_FRAMES if own else 0):
        frame = frame.f_back if frame is not None else None
        if frame is None:
            break
        if frame.f_code in own:
            held = inspect.getargvalues(frame)
            values = {name: held.locals[name] for name in held.args[1:] if name in held.locals}
            if held.varargs is not None:
                values[held.varargs] = held.locals.get(held.varargs)
            more = {} if held.keywords is None else held.locals.get(held.keywords) or {}
            found |= {**values, **more}
    return found


def compile_arguments(
    backend: KerasBackend,
    model: Any,
    given: Mapping[str, Any] | None,
    own: Mapping[str, Any],
    outputs: Sequence[str],
) -> Mapping[str, Any]:
    """Return what a model was asked for by compile; see `repro_audit.capture.backend.Configs`."""
    if given is None:
        if not getattr(model, "compiled", False):
            return {}
        held = model.get_compile_config() or {}
        names = dict.fromkeys((*_HERE, *_own_names(model)))
        return {**names, **{name: held[name] for name in _HERE if name in held}}
    asked = {name: given.get(name) for name in _HERE}
    # What the model's own compile hands on as it is stands where Keras keeps it.
    asked |= {
        name: value for name, value in own.items() if name not in given or value is not given[name]
    }
    return {name: _setting(backend, name, value, outputs) for name, value in asked.items()}


def _setting(backend: KerasBackend, name: str, value: Any, outputs: Sequence[str]) -> Any:
    """Return an argument as a plain value: by its config or code, else by its type."""
    keras = backend.keras
    if isinstance(value, keras.optimizers.Optimizer | keras.losses.Loss | keras.metrics.Metric):
        return backend.object_config(value)
    if isinstance(value, Mapping):
        items = value.items()
        return {str(key): _setting(backend, str(key), item, outputs) for key, item in items}
    if isinstance(value, list | tuple):
        return [_setting(backend, name, item, outputs) for item in value]
    plain = plain_setting(name, value, outputs)
    return type(value).__name__ if plain is NOT_PLAIN else plain


def own_code(model: Any) -> dict[str, str]:
    """Return the digests of the project's code that a model is made of.

    Args:
        model: A Keras model.

    Returns:
        Digests by name: classes of the model, its layers and its loss; functions that these hold.
    """
    found: dict[str, str] = {}

    def add(name: str, digest: str | None) -> None:
        number = 1
        title = name
        while digest is not None and found.get(title, digest) != digest:
            number += 1
            title = f"{name} {number}"
        if digest is not None:
            found[title] = digest

    layers = list({id(layer): layer for layer in (model, *layers_of(model))}.values())
    for kind in dict.fromkeys(map(type, layers)):
        add(kind.__qualname__, capture_class(kind))
    for layer in layers:
        for name, function in _held_functions(layer):
            add(f"{type(layer).__qualname__}.{name}", capture_function(function).digest)
    for loss in _leaves(getattr(model, "loss", None)):
        if is_function(loss):
            if is_own(unwrapped(loss)):
                add(str(unwrapped(loss).__qualname__), capture_function(loss).digest)
        else:
            add(type(loss).__qualname__, capture_class(type(loss)))
    return dict(sorted(found.items()))


def without_place(config: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a config; of a lambda not its code, which names its file, but the digest.

    Args:
        config: A part of what Keras serialises. A lambda's holds marshalled code of this process.
    """
    inner = config.get("config")
    if config.get("class_name") != "__lambda__" or not isinstance(inner, dict):
        return config
    code = marshal.loads(base64.b64decode(inner["code"]))  # noqa: S302 - made by Keras just now
    return {**config, "config": {**inner, "code": digest_code(code)}}


def _held_functions(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield the project's own functions that a layer was given, some in place of its methods."""
    for name, value in sorted(vars(layer).items()):
        if name == "loss" or name.startswith("_") or not is_function(value):
            continue
        function = unwrapped(value)
        function = function.__func__ if isinstance(function, types.MethodType) else function
        method = inspect.getattr_static(type(layer), name, None)
        if is_own(function) and function is not method:
            yield name, function


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, str):
        yield value


def _own_compiles(model: Any) -> set[types.CodeType]:
    """Return the code of each compile that a model's class and its bases have of their own."""
    methods = (unwrapped(vars(base).get("compile")) for base in type(model).__mro__)
    return {method.__code__ for method in methods if is_function(method) and is_own(method)}


def _own_names(model: Any) -> list[str]:
    """Return the names of the arguments of a compile that a model's class has of its own."""
    method = unwrapped(inspect.getattr_static(type(model), "compile", None))
    if not is_own(method):
        return []
    _, *names = inspect.signature(method).parameters
    return names
