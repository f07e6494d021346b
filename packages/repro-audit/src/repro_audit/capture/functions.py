"""What a Python function or class does, as a digest that knows no file and no line.

Read is bytecode: operations and what they name, constants, defaults, plain values from around the
function, and the project's own functions that it calls by a global name, one level down. Where a
function stands in its file, and what its comments and docstrings say, changes nothing. Bytecode
is that of one release of Python: digests of two releases cannot be compared. Nothing is called.
"""

from __future__ import annotations

import dis
import enum
import functools
import inspect
import sys
import time
import types
from collections.abc import Iterator, Mapping
from typing import Any

from repro_audit.canonical import digest_json, dumps, encode
from repro_audit.capture.code import is_installed
from repro_audit.capture.privacy import without_folders
from repro_audit.capture.randomness import closure
from repro_audit.manifest.conditions import Function

__all__ = [
    "capture_class",
    "capture_function",
    "capture_functions",
    "digest_code",
    "is_clock",
    "is_collection",
    "is_function",
    "is_measured",
    "is_own",
    "unwrapped",
]

_MAX_ITEMS = 1_000
_COLLECTIONS = frozenset({dict, frozenset, list, set, tuple})
_LONGEST_SETTING = 12
"""Characters of a number that somebody has written; what was measured has more."""

_LEVELS = 1
_METHODS = {"__init__", "__call__", "__getitem__", "__iter__", "__len__", "__next__"}
"""Methods with such names that decide what is computed; Python makes others of a class's fields."""

_OF_PLACE = {"__doc__", "__firstlineno__", "__static_attributes__"}
"""What the body of a class stores that says where it stands, or nothing of what it does."""

_FLAGS = (
    inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)  # fmt: skip
_LABELS = {"built", "name"}
"""What Keras's objects hold that says nothing of what they do."""

_FROZEN = "<frozen "
_RECORDER = "repro_audit"
_RESOLUTION = 4
"""Decimals of a reading of a clock; a setting rarely has more, and never by chance as many."""

_BEGAN = {clock: clock() - time.process_time() - 60 for clock in (time.time, time.monotonic)}


def is_function(value: Any) -> bool:
    """Whether a value is a function, a method, a partial or a compiled function."""
    return isinstance(
        unwrapped(value),
        types.FunctionType | types.BuiltinFunctionType | types.MethodType | functools.partial,
    )


def is_clock(value: Any) -> bool:
    """Whether a value is what a clock showed while this process ran: another in every run."""
    fraction = isinstance(value, float) and round(value, _RESOLUTION) != value
    return fraction and any(began <= value <= clock() for clock, began in _BEGAN.items())


def is_collection(value: Any, most: int) -> bool:
    """Whether a value is one of Python's own collections, with few items in all that it holds.

    A class of somebody's own is none: asking it for its items would run its code.

    Args:
        value: Any value.
        most: How many items it may hold, those of collections in it among them.
    """
    pending, left = [value], most
    while pending:
        held = pending.pop()
        if type(held) not in _COLLECTIONS:
            continue
        left -= len(held)
        if left < 0:
            return False
        pending += held.values() if type(held) is dict else held
    return type(value) in _COLLECTIONS


def is_measured(value: Any) -> bool:
    """Whether a collection holds numbers that look like measurements: losses so far, or times."""
    items = value.values() if isinstance(value, dict) else value
    changeable = not isinstance(value, tuple | frozenset)
    return changeable and any(
        isinstance(item, float) and len(repr(item)) > _LONGEST_SETTING for item in items
    )


def capture_function(function: Any) -> Function:
    """Return the name of a function and the digest of its code.

    Args:
        function: A function, a method, a partial, a compiled function, a generator object or an
            object that can be called.
    """
    return capture_functions([function])


def capture_functions(functions: list[Any]) -> Function:
    """Return several functions as one record: their names, and one digest of the code of all.

    Args:
        functions: At least one, as `capture_function` takes it.

    Returns:
        The record; its digest is None where one of them is compiled code that cannot be read.
    """
    name = ", ".join(map(_name, functions))
    if not all(map(_is_understood, functions)):
        return Function(name, None)
    described = [_described(function, 0) for function in functions]
    return Function(name, digest_json(described[0] if len(described) == 1 else described))


def _is_understood(value: Any) -> bool:
    """Whether what a callable does can be read: its code, or what a layer of Keras holds."""
    kind = type(value)
    return (
        is_function(value)
        or isinstance(value, types.GeneratorType)
        or is_own(kind)
        or _is_of_keras(kind)
    )


def capture_class(kind: type) -> str | None:
    """Return the digest of the code of a class, its bases in the project among it.

    Returns:
        The digest; None for a class that belongs to an installed package: its version says it.
    """
    described = _class(kind)
    return digest_json(described) if described else None


def digest_code(code: types.CodeType) -> str:
    """Return the digest of a code object whose function is not at hand."""
    return digest_json(_code(code, {}, _LEVELS))


def _name(function: Any) -> str:
    function = unwrapped(function)
    if isinstance(function, functools.partial):
        return _name(function.func)
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def unwrapped(function: Any) -> Any:
    """Return the user's function behind one that a framework made of it."""
    if type(function).__module__.startswith("tensorflow."):  # what tf.function returns
        function = getattr(function, "python_function", function)
    while isinstance(function, types.FunctionType) and not is_own(function):
        if "__wrapped__" not in vars(function):
            break
        function = vars(function)["__wrapped__"]
    return function


def _described(value: Any, level: int) -> Any:
    """Return what a callable does, as a JSON value."""
    value = unwrapped(value)
    if isinstance(value, functools.partial):
        given = [_plain(item) for item in value.args], _plain(value.keywords)
        return {"partial": _described(value.func, level), "given": given}
    if isinstance(value, types.MethodType):
        owner = value.__self__
        held = {} if isinstance(owner, type) else _held(owner)
        return {"method": _described(value.__func__, level), "of": held}
    if isinstance(value, types.GeneratorType):
        names = {} if value.gi_frame is None else value.gi_frame.f_globals
        return _code(value.gi_code, names, level)
    if not isinstance(value, types.FunctionType):
        return {"class": _class(type(value)) or _place(type(value)), "holds": _held(value)}
    if not is_own(value):
        return _place(value)
    around = {name: _refers_to(item, level) for name, item in closure(value).items()}
    return {
        "code": _code(value.__code__, value.__globals__, level),
        "defaults": [_plain(item) for item in value.__defaults__ or ()],
        "named_defaults": _plain(value.__kwdefaults__ or {}),
        "around": around,
    }


def _held(owner: Any) -> dict[str, Any]:
    """Return the plain values that an object of the project's own, or of Keras, holds."""
    if not (is_own(type(owner)) or _is_of_keras(type(owner))):
        return {}
    held = dict(getattr(owner, "__dict__", {}))
    return {
        name: _plain(value)
        for name, value in sorted(held.items())
        if not (name.startswith("_") or name in _LABELS)
    }


def _class(kind: type) -> dict[str, Any]:
    """Return what the methods of a class and of its bases in the project do."""
    found: dict[str, Any] = {}
    for base in filter(is_own, reversed(kind.__mro__)):
        for name, value in vars(base).items():
            if name.startswith("__") and name not in _METHODS:
                continue
            functions = [item for item in _functions(value) if isinstance(item, types.FunctionType)]
            if functions:
                found[name] = [_described(item, 0) for item in functions]
            elif not name.startswith("_"):
                found[name] = _plain(value)
    return found


def _functions(value: Any) -> Iterator[Any]:
    """Yield the functions behind what the body of a class has defined."""
    if isinstance(value, property):
        yield from (value.fget, value.fset)
    elif isinstance(value, staticmethod | classmethod):
        yield value.__func__
    elif isinstance(value, functools.cached_property):
        yield value.func
    else:
        yield unwrapped(value)


def _code(code: types.CodeType, names: Mapping[str, Any], level: int) -> dict[str, Any]:
    """Return what a code object does."""
    instructions = list(dis.get_instructions(code))
    names_of_parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return {
        "parameters": [code.co_posonlyargcount, code.co_argcount, *names_of_parameters],
        "flags": code.co_flags & _FLAGS,
        "does": [_instruction(item, names, level) for item in _without_place(instructions)],
        "handles": code.co_exceptiontable.hex(),
        "refers_to": _globals(instructions, names, level),
    }


def _without_place(instructions: list[dis.Instruction]) -> Iterator[dis.Instruction]:
    """Yield instructions without those that note where a class stands."""
    following = [*instructions[1:], None]
    for instruction, after in zip(instructions, following, strict=True):
        noted = [item for item in (instruction, after) if item and item.opname == "STORE_NAME"]
        if not any(item.argval in _OF_PLACE for item in noted):
            yield instruction


def _instruction(instruction: dis.Instruction, names: Mapping[str, Any], level: int) -> Any:
    argument = instruction.argval
    if isinstance(argument, types.CodeType):
        return [instruction.opname, _code(argument, names, level)]
    return [instruction.opname, _plain(argument, literal=True)]


def _globals(
    instructions: list[dis.Instruction], names: Mapping[str, Any], level: int
) -> dict[str, Any]:
    """Return what code takes from its module, plain values and functions of the project."""
    found: dict[str, Any] = {}
    for instruction, after in zip(instructions, [*instructions[1:], None], strict=True):
        if instruction.opname not in {"LOAD_GLOBAL", "LOAD_NAME"}:
            continue
        name, value = str(instruction.argval), names.get(instruction.argval)
        in_module = after is not None and after.opname in {"LOAD_ATTR", "LOAD_METHOD"}
        if in_module and after is not None and isinstance(value, types.ModuleType):
            # What a package holds is its own: `os.environ` is not what a function is made of.
            module, name = value, f"{name}.{after.argval}"
            value = vars(module).get(after.argval) if _is_own_module(module) else None
        if value is not None:
            described = _refers_to(value, level)
            if described is not None:
                found[name] = described
    return dict(sorted(found.items()))


def _refers_to(value: Any, level: int) -> Any:
    """Return what a name in a function stands for; None where only the name counts."""
    value = unwrapped(value)
    if isinstance(value, types.FunctionType):
        return _described(value, level + 1) if level < _LEVELS and is_own(value) else None
    if isinstance(value, types.ModuleType | type) or callable(value):
        return None
    return _plain(value)


def _plain(value: Any, *, literal: bool = False) -> Any:
    """Return a value as JSON; of what is not plain, its type.

    Args:
        value: Any value.
        literal: Whether it stands so in the code, and not in a variable.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, float) and is_clock(value):
        return "a clock"
    if isinstance(value, int | float):
        return [type(value).__name__, encode(value)]
    if isinstance(value, str):
        text = value if literal else without_folders(value)
        return text.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bytes | complex | range | slice | types.EllipsisType):
        return {type(value).__name__: repr(value)}
    if is_collection(value, _MAX_ITEMS) and not is_measured(value):
        return {type(value).__name__: _items(value, literal=literal)}
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return _plain(value.item(), literal=literal)
    if is_function(value):
        return _name(value)
    return {"type": type(value).__qualname__}


def _items(value: Any, *, literal: bool) -> Any:
    if isinstance(value, dict):
        return [
            [_plain(key, literal=literal), _plain(item, literal=literal)]
            for key, item in value.items()
        ]
    items = [_plain(item, literal=literal) for item in value]
    return sorted(items, key=dumps) if isinstance(value, set | frozenset) else items


def _is_own_module(module: types.ModuleType) -> bool:
    """Whether a module is code of the run."""
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and not is_installed(file) and not _is_recorder(module.__name__)


def is_own(value: Any) -> bool:
    """Whether a function or a class is code of the run."""
    if isinstance(value, types.FunctionType):
        module, path = str(value.__globals__.get("__name__")), value.__code__.co_filename
        return not (_is_recorder(module) or path.startswith(_FROZEN) or is_installed(path))
    if not isinstance(value, type):
        return False
    module = str(value.__module__)
    if _is_recorder(module):
        return False
    if module == "__main__":
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and not is_installed(file)


def _is_of_keras(kind: type) -> bool:
    return str(kind.__module__).partition(".")[0] == "keras"


def _is_recorder(module: str) -> bool:
    return module.partition(".")[0] == _RECORDER


def _place(value: Any) -> str:
    """Return where an installed function or class is found."""
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
