"""What the stages of a pipeline were given: plain arguments, and the code of their functions.

Private names, as they stand in the sources of TensorFlow 2.18.0 and of 2.21.0: a stage keeps each
of its arguments as an attribute of the same name behind an underscore, a number as an eager
constant. One that moves is recorded under its new name, or not at all.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

from repro_audit.canonical import encode
from repro_audit.capture.functions import (
    capture_class,
    capture_function,
    capture_functions,
    is_function,
    is_own,
)
from repro_audit.capture.settings import NOT_PLAIN, plain_setting, settings_of
from repro_audit.manifest.conditions import Function
from repro_audit.manifest.training import Json

__all__ = ["data_function", "given_functions", "stage_arguments", "stage_function"]

_BESIDE = {
    "_buffer_size", "_deterministic", "_num_parallel_calls", "_num_parallel_reads",
    "_reshuffle_each_iteration", "_seed", "_seed2",
}  # fmt: skip
"""What has a field of its own."""

_OF_EXECUTION = {
    "_force_synchronous", "_name", "_preserve_cardinality", "_use_inter_op_parallelism",
    "_use_unbounded_threadpool",
}  # fmt: skip
_PLAIN = bool | int | float | str


def stage_arguments(dataset: Any) -> dict[str, Json]:
    """Return the arguments of a stage that are numbers, words or booleans.

    Args:
        dataset: The stage.

    Returns:
        Values by the argument's name, in the order of names.
    """
    found = {}
    for name, kept in sorted(vars(dataset).items()):
        if name in _BESIDE or name in _OF_EXECUTION or not name.startswith("_"):
            continue
        value = _value(kept)
        if isinstance(value, _PLAIN):
            setting = plain_setting(name.strip("_"), value, ())
            if setting is not NOT_PLAIN:
                found[name.strip("_")] = setting
    return found


def _value(kept: Any) -> Any:
    """Return what an eager constant of one number or text holds, and anything else as it is."""
    held = getattr(kept, "ndim", None) == 0 and hasattr(kept, "numpy")
    if not held or str(kept.dtype.name) in {"variant", "resource"}:
        return kept
    value = kept.numpy()
    value = value.item() if hasattr(value, "item") else value
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def stage_function(functions: Sequence[Any]) -> Function | None:
    """Return what the functions of a stage do.

    Args:
        functions: The functions, without what TensorFlow wrapped around them.

    Returns:
        One record of all; None where it calls none but TensorFlow's own.
    """
    return capture_functions(list(functions)) if functions else None


def given_functions(function: Any, behind: Sequence[Any]) -> list[Any]:
    """Return the functions of the user's among those that a stage was given.

    Args:
        function: What the stage keeps.
        behind: What is behind it: itself, or what a function of TensorFlow's refers to.
    """
    itself = [item for item in behind if item is function]
    return itself or [item for item in behind if is_function(item) or is_own(type(item))]


def data_function(
    kind: str, data: Any, outputs: Sequence[str]
) -> tuple[dict[str, Json] | None, Function | None]:
    """Return the settings of a PyDataset, or the arguments of a generator, and its code.

    Args:
        kind: The kind of data.
        data: What was given to a fit.
        outputs: Paths the run writes.

    Returns:
        Both None for data of another kind.
    """
    if kind == "PyDataset":
        digest = capture_class(type(data))
        return settings_of(data, outputs), Function(type(data).__qualname__, digest)
    if kind == "generator" and isinstance(data, types.GeneratorType):
        code = data.gi_code
        held = {} if data.gi_frame is None else data.gi_frame.f_locals
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = {name: plain_setting(name, held[name], outputs) for name in names if name in held}
        plain = {name: value for name, value in given.items() if value is not NOT_PLAIN}
        return encode(plain), capture_function(data)
    return None, None
