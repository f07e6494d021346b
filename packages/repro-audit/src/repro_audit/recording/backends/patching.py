"""Stand around functions of others: see what they are given, and what they return.

A function is replaced in the module that defines it, the moment that module has been imported
and before any other copies the name. What replaces it is a plain function, which can be
pickled and copied like the one it stands for. It calls the function that it was given, never
one that it looks up again; what a watcher of ours does wrong costs a field of the manifest, and
the caller gets what it would have got without.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple, TypeVar

__all__ = ["Call", "Failed", "Patches", "Watch", "Watcher"]

T = TypeVar("T")


class Call(NamedTuple):
    """A call that is about to be made: the function, and its arguments."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Watch = Generator[Call | None, Any, None]
"""What a watcher does around one call. Before its ``yield`` the call has not been made; the
``yield`` makes it, with other arguments where it names some, and gives what it returned. A
watcher that ends without one has nothing to see. Where the call fails, the watcher is closed."""

Watcher = Callable[[Call], Watch]
Failed = Callable[[str, Exception], None]
"""Takes the JSONPath of what could not be recorded, and the error."""


class Patches:
    """Everything that stands in a place of others, in one process; all of it can be taken out."""

    def __init__(self, failed: Failed) -> None:
        """Prepare.

        Args:
            failed: Takes what a watcher could not record. It must raise nothing itself.
        """
        self._failed = failed
        self._undo: list[Callable[[], None]] = []
        self.out = False
        self.names: list[str] = []

    def watch(self, module: str, name: str, watcher: Watcher, *, lost: str) -> None:
        """Have a watcher around every call of a function, once its module is imported.

        Args:
            module: Name of the module that defines the function.
            name: The function's name there, or ``Class.method``.
            watcher: What is done around a call.
            lost: JSONPath of what is missing where the watcher fails.
        """

        def stand(function: Callable[..., Any]) -> Callable[..., Any]:
            return self._watched(function, watcher, lost)

        self.replace(module, name, stand, lost=lost)

    def replace(
        self,
        module: str,
        name: str,
        make: Callable[[Callable[..., Any]], Callable[..., Any]],
        *,
        lost: str,
    ) -> None:
        """Replace a function, once its module is imported.

        Keras takes a model for one with a compile of its own where the method of its class is
        another than that of the class that defines it: so a method is replaced there.

        Args:
            module: Name of the module that defines the function.
            name: The function's name there, or ``Class.method``.
            make: Returns what takes its place, given the function.
            lost: JSONPath of what is missing where that fails.
        """
        self.names.append(f"{module}.{name}")

        def replace(loaded: types.ModuleType) -> None:
            if self.out:
                return
            owner: Any = loaded
            *path, attribute = name.split(".")
            for part in path:
                owner = getattr(owner, part)
            if isinstance(owner, type):
                owner = next(item for item in owner.__mro__ if attribute in vars(item))
            original = vars(owner)[attribute]
            static = isinstance(original, staticmethod)
            stand = make(original.__func__ if static else original)
            if owner is loaded:
                # By these it is found again when it is unpickled.
                stand.__module__, stand.__qualname__ = module, name
            setattr(owner, attribute, staticmethod(stand) if static else stand)
            self._undo.append(lambda: setattr(owner, attribute, original))

        self.when_imported(module, replace, lost=lost)

    def when_imported(
        self, module: str, act: Callable[[types.ModuleType], None], *, lost: str
    ) -> None:
        """Do something once a module is imported, now if it is.

        Args:
            module: Its name.
            act: What is done, given the module.
            lost: JSONPath of what is missing where that fails.
        """
        import wrapt  # an extra: without it nothing is recorded, and all else works

        def guarded(loaded: types.ModuleType) -> None:
            if not self.out:
                self.safely(lost, lambda: act(loaded))

        wrapt.when_imported(module)(guarded)

    @contextlib.contextmanager
    def attached(self, instance: Any, name: str, value: Any) -> Iterator[None]:
        """Give one object an attribute of its own until the block ends, or all is taken out.

        Keras tracks what is assigned to a model; this leaves no trace there.
        """
        before = vars(instance).get(name, _ABSENT)
        object.__setattr__(instance, name, value)

        def undo() -> None:
            if vars(instance).get(name) is value:
                if before is _ABSENT:
                    object.__delattr__(instance, name)
                else:
                    object.__setattr__(instance, name, before)

        self._undo.append(undo)
        try:
            yield
        finally:
            undo()
            if undo in self._undo:
                self._undo.remove(undo)

    def take_out(self) -> None:
        """Put everything back; what others have copied of it only calls the original."""
        self.out = True
        undo, self._undo = self._undo, []
        for put_back in reversed(undo):
            put_back()

    def safely(self, lost: str, act: Callable[[], T]) -> T | None:
        """Do something of ours in the script's own course.

        Args:
            lost: JSONPath of what is missing then.
            act: What is done.

        Returns:
            What `act` returned; None where it failed.
        """
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - whatever fails here, the script goes on
            self._failed(lost, error)
            return None

    def _watched(
        self, function: Callable[..., Any], watcher: Watcher, lost: str
    ) -> Callable[..., Any]:
        """Return what calls a function with a watcher around it."""

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if self.out:
                return function(*args, **kwargs)
            call = given = Call(function, args, kwargs)
            watch: Watch | None = None
            try:
                watch = watcher(call)
                given = next(watch) or call
            except StopIteration:
                watch = None
            except Exception as error:  # noqa: BLE001 - whatever fails here, the script goes on
                watch = None
                self._failed(lost, error)
            try:
                result = function(*given.args, **given.kwargs)
            except BaseException:
                if watch is not None:
                    self.safely(lost, watch.close)
                raise
            if watch is not None:
                self._returned(watch, result, lost)
            return result

        return watched

    def _returned(self, watch: Watch, result: Any, lost: str) -> None:
        """Tell a watcher what its call returned."""
        if self.out:  # in a child that was forked meanwhile
            self.safely(lost, watch.close)
            return
        try:
            watch.send(result)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(lost, error)


_ABSENT = object()
