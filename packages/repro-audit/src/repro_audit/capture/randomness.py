"""Find the random sources that Python code names, by reading it: nothing is called.

What is read is bytecode: chains of names such as ``np.random.normal`` or ``self.rng.choice``,
each resolved as far as modules, closures and attributes tell without running anything, and the
project's own functions that they lead to. A generator made from a seed in the code itself
(``default_rng([seed, index])``) is no source: each call begins anew.
"""

from __future__ import annotations

import dis
import functools
import random
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from repro_audit.capture.code import is_installed

__all__ = ["Found", "closure", "named_sources"]

_MAX_FUNCTIONS = 200
_CONSTRUCTORS = {
    "Generator", "MT19937", "PCG64", "PCG64DXSM", "Philox", "Random", "RandomState", "SFC64",
    "SeedSequence", "default_rng",
}  # fmt: skip
_NO_DRAWS = {"bit_generator", "get_state", "getstate", "seed", "set_state", "setstate"}
_DRAWING_PACKAGES = {"albumentations", "audiomentations", "imgaug", "volumentations"}
"""Packages of random transformations, which hold generators of their own."""

_DRAWING_CODE = ("keras/src/legacy/preprocessing/",)
"""Installed code that is followed: Keras's ImageDataGenerator draws from np.random."""

_LOADS = {
    "LOAD_CLASSDEREF", "LOAD_DEREF", "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_LOAD_FAST",
    "LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_DEREF", "LOAD_FROM_DICT_OR_GLOBALS",
}  # fmt: skip
_BETWEEN = {"CACHE", "NOP", "PRECALL", "PUSH_NULL"}
_UNKNOWN = object()


class Found(NamedTuple):
    """What the code behind a function holds.

    Attributes:
        sources: Names of random sources; one that ends in ``()`` is a generator made without
            a seed.
        generators: NumPy generators that it refers to, and by what name.
    """

    sources: tuple[str, ...]
    generators: tuple[tuple[str, Any], ...]


class _Code(NamedTuple):
    """Code to be read, the values of names in it, and which of them are local variables."""

    code: types.CodeType
    names: Mapping[str, Any]
    known: frozenset[str]
    title: str


def named_sources(function: Any) -> Found:
    """Return the random sources that a callable, or a generator object, names.

    Args:
        function: A function, a bound method, a partial, a callable object or the object that
            a generator function returned. Anything else names nothing.
    """
    reading = _Reading()
    if isinstance(function, types.GeneratorType):
        frame = function.gi_frame
        if frame is not None:
            values = dict(frame.f_locals)
            names = {**frame.f_globals, **values}
            title = function.__qualname__
            reading.queue.append(_Code(function.gi_code, names, frozenset(values), title))
    else:
        reading.follow(function, always=True)
    reading.run()
    return Found(tuple(sorted(reading.sources)), tuple(reading.generators.values()))


class _Reading:
    """Code that is still to be read, and what was found so far."""

    def __init__(self) -> None:
        self.queue: list[_Code] = []
        self.sources: set[str] = set()
        self.generators: dict[int, tuple[str, Any]] = {}
        self._seen: set[tuple[types.CodeType, int]] = set()

    def run(self) -> None:
        for item in self.queue:  # grows while it is read
            self._read(item)

    def follow(self, value: Any, *, always: bool = False, owner: Any = _UNKNOWN) -> None:
        """Read the code behind a callable where it is the project's own, or always."""
        while isinstance(value, functools.partial):
            value = value.func
        if isinstance(value, types.MethodType):
            value, owner = value.__func__, value.__self__
        if not isinstance(value, types.FunctionType):
            call = _of_class(type(value), "__call__")
            if not isinstance(call, types.FunctionType):
                return
            value, owner = call, value
        code = value.__code__
        key = (code, id(owner))
        if key in self._seen or len(self._seen) >= _MAX_FUNCTIONS:
            return
        if not (always or _is_followed(code)):
            return
        self._seen.add(key)
        names = {**value.__globals__, **closure(value)}
        known = frozenset[str]()
        if owner is not _UNKNOWN and code.co_argcount:
            known = frozenset(code.co_varnames[:1])
            names[code.co_varnames[0]] = owner
        self.queue.append(_Code(code, names, known, value.__qualname__))

    def _read(self, item: _Code) -> None:
        hidden = {name for name in item.code.co_varnames if name not in item.known}
        names = {name: value for name, value in item.names.items() if name not in hidden}
        for chain, calls_nothing in _chains(item.code, names):
            self._resolve(chain, names, item.title, calls_nothing=calls_nothing)
        for inner in item.code.co_consts:
            if isinstance(inner, types.CodeType):
                self._read(_Code(inner, names, frozenset(), item.title))

    def _resolve(
        self, chain: tuple[str, ...], names: Mapping[str, Any], title: str, *, calls_nothing: bool
    ) -> None:
        """Follow a chain of names to a random source, or to more code."""
        value = names.get(chain[0], _UNKNOWN)
        rest = list(chain[1:])
        while value is not _UNKNOWN:
            empty = calls_nothing and len(rest) <= 1
            name = ".".join(chain[: len(chain) - len(rest)])
            if self._is_source(value, rest, f"{title}: {name}", empty=empty):
                return
            if not rest:
                if callable(value) and not isinstance(value, type):
                    self.follow(value)
                return
            owner, value = value, _attribute(value, rest.pop(0))
            if isinstance(value, types.FunctionType) and not isinstance(owner, types.ModuleType):
                self.follow(value, owner=owner)
                return

    def _is_source(self, value: Any, rest: list[str], where: str, *, empty: bool) -> bool:
        """Note a random source; `rest` are the names that follow, `empty` a call of nothing."""
        numpy = sys.modules.get("numpy.random")
        if isinstance(value, types.ModuleType) and (value is random or value is numpy):
            self._note(value.__name__, rest[0] if rest else "", empty=empty)
        elif isinstance(value, random.Random):
            self.sources.add("random.Random")
        elif numpy is not None and isinstance(value, numpy.Generator):
            self.generators.setdefault(id(value), (where, value))
            self.sources.add("numpy.random.Generator")
        elif numpy is not None and isinstance(value, numpy.RandomState):
            self.sources.add("numpy.random.RandomState")
        elif _package(value) in _DRAWING_PACKAGES:
            self.sources.add(_package(value))
        elif value is random.Random or (numpy is not None and _is_constructor(value, numpy)):
            self._note(str(value.__module__), str(value.__name__), empty=empty and not rest)
        elif isinstance(value, types.MethodType | types.BuiltinMethodType) and not rest:
            # As `from random import shuffle` and `from numpy.random import normal` give.
            owner = value.__self__
            if isinstance(owner, random.Random):
                self._note("random", value.__name__, empty=False)
            elif numpy is not None and isinstance(owner, numpy.RandomState):
                self._note("numpy.random", value.__name__, empty=False)
            else:
                return False
        else:
            return False
        return True

    def _note(self, package: str, name: str, *, empty: bool) -> None:
        package = "numpy.random" if package.startswith("numpy") else "random"
        if name not in _CONSTRUCTORS:
            if name not in _NO_DRAWS:
                self.sources.add(package)
        elif empty:
            self.sources.add(f"{package}.{name}()")


def _chains(code: types.CodeType, names: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield each chain of names in a code object, and whether a call of no argument follows it.

    What the code imports is added to `names` on the way.
    """
    chain: list[str] = []
    module = imported = _UNKNOWN
    for instruction in dis.get_instructions(code):
        operation, argument = instruction.opname, instruction.argval
        if operation in {"LOAD_ATTR", "LOAD_METHOD"} and chain:
            chain.append(str(argument))
            continue
        if chain and operation not in _BETWEEN:
            yield tuple(chain), operation == "CALL" and instruction.arg == 0
            chain = []
        if operation in _LOADS:
            chain = [str(argument[-1] if isinstance(argument, tuple) else argument)]
        elif operation == "IMPORT_NAME":
            module = sys.modules.get(str(argument), _UNKNOWN)
            imported = sys.modules.get(str(argument).partition(".")[0], _UNKNOWN)
        elif operation == "IMPORT_FROM":
            found = _attribute(module, str(argument))
            imported = _attribute(imported, str(argument)) if found is _UNKNOWN else found
        elif operation in {"STORE_FAST", "STORE_DEREF"} and imported is not _UNKNOWN:
            names[str(argument)] = imported
            imported = _UNKNOWN
    if chain:
        yield tuple(chain), False


def _attribute(value: Any, name: str) -> Any:
    """Return an attribute as it is stored; no property and no ``__getattr__`` runs."""
    if value is _UNKNOWN or value is None:
        return _UNKNOWN
    if isinstance(value, type):
        return _of_class(value, name)
    own = getattr(value, "__dict__", {})
    return own[name] if name in own else _of_class(type(value), name)


def _of_class(kind: type, name: str) -> Any:
    for base in kind.__mro__:
        found = vars(base).get(name, _UNKNOWN)
        if found is not _UNKNOWN:
            return found.__func__ if isinstance(found, staticmethod | classmethod) else found
    return _UNKNOWN


def closure(function: types.FunctionType) -> dict[str, Any]:
    """Return the variables that a function takes from around it, so far as they have values."""
    values = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:
            continue
    return values


def _is_constructor(value: Any, numpy: Any) -> bool:
    """Whether a value is one of NumPy's classes of generators, or `default_rng`."""
    return value is numpy.default_rng or (
        isinstance(value, type) and any(value is vars(numpy).get(name) for name in _CONSTRUCTORS)
    )


def _package(value: Any) -> str:
    """Return the package that a module, a function, a class or an object's class is from."""
    if isinstance(value, types.ModuleType):
        name = value.__name__
    elif isinstance(value, type | types.FunctionType):
        name = str(value.__module__)
    else:
        name = str(type(value).__module__)
    return name.partition(".")[0]


def _is_followed(code: types.CodeType) -> bool:
    path = code.co_filename.replace("\\", "/")
    return not is_installed(path) or any(part in path for part in _DRAWING_CODE)
