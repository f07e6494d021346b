"""See calls of functions that scripts import under any name.

A function is replaced in the module that defines it, the moment that module has been imported
and before any other copies the name. What replaces it is a plain function, which can be
pickled and copied like the one it stands for.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import wrapt

__all__ = ["Around", "replace_method", "see_calls"]

Around = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Takes a function and its arguments; calls it, and returns what the caller is to get."""


def see_calls(module: str, name: str, around: Around) -> None:
    """Have `around` called in place of a function, from the moment its module is imported.

    Args:
        module: Name of the module that defines the function.
        name: The function's name there, or ``Class.method``.
        around: What is called in its place.
    """

    def replace(loaded: types.ModuleType) -> None:
        owner: Any = loaded
        *path, attribute = name.split(".")
        for part in path:
            owner = getattr(owner, part)
        original = vars(owner).get(attribute, getattr(owner, attribute))
        static = isinstance(original, staticmethod)
        function = original.__func__ if static else original

        @functools.wraps(function)
        def seen(*args: Any, **kwargs: Any) -> Any:
            return around(function, args, kwargs)

        # By these it is found again when it is unpickled.
        seen.__module__, seen.__qualname__ = module, name
        setattr(owner, attribute, staticmethod(seen) if static else seen)

    wrapt.when_imported(module)(replace)


def replace_method(
    model_class: Any, name: str, make: Callable[[Callable[..., Any]], Any]
) -> Callable[[], None]:
    """Replace a method of all models, in the class that defines it.

    Keras takes a model for one with a compile of its own, and does not compile it when it is
    loaded, where the method of its class is another than that of the class that defines it.

    Args:
        model_class: `keras.Model`.
        name: The method.
        make: Returns what stands in its place, given the method.

    Returns:
        What puts the method back.
    """
    owner = next(item for item in model_class.__mro__ if name in vars(item))
    original = vars(owner)[name]
    setattr(owner, name, make(original))
    return lambda: setattr(owner, name, original)
