"""Change what `repeat` varies in a run: on purpose, unlike everything else that recording does."""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable
from typing import Any

from repro_audit.recording.patching import Call, Patches, Watch
from repro_audit.recording.request import Request

__all__ = ["Variations"]

_SEEDERS = {
    ("keras.src.utils.rng_utils", "set_random_seed"): ("seed", 0),
    ("tensorflow.python.framework.random_seed", "set_seed"): ("seed", 0),
    ("numpy.random.mtrand", "seed"): ("seed", 0),
    ("random", "seed"): ("a", 0),
}
"""Functions that seed a shared generator, and the name and place of the seed."""

_SEEDS = 2**32
_CONFIG = "tensorflow.python.framework.config"
_OP_DETERMINISM = "$.conditions.determinism.backend.op_determinism"
_JIT = "$.conditions.determinism.execution"


class Variations:
    """What a request asks to be changed."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._shifting = False

    def install(self, patches: Patches) -> None:
        """Change it from now on."""
        request = self._request
        if request.seed_shift:
            for (module, name), place in _SEEDERS.items():
                shift = functools.partial(self._shift, name=place[0], place=place[1])
                patches.watch(module, name, shift, lost="$.conditions.seeds")
        if request.op_determinism is True:
            patches.when_imported("keras", _turn_op_determinism_on, lost=_OP_DETERMINISM)
        if request.op_determinism is False:
            patches.replace(
                _CONFIG, "enable_op_determinism", lambda _: _do_nothing, lost=_OP_DETERMINISM
            )
        if request.jit is not None:
            with_jit = functools.partial(_with_jit, jit=request.jit)
            patches.replace("keras.src.models.model", "Model.compile", with_jit, lost=_JIT)

    def _shift(self, call: Call, *, name: str, place: int) -> Watch:
        """Give another seed; what that function seeds in turn gets the one it passes on."""
        if self._shifting:
            return
        args, kwargs = list(call.args), dict(call.kwargs)
        if len(args) > place and _is_seed(args[place]):
            args[place] = self._shifted(args[place])
        elif _is_seed(kwargs.get(name)):
            kwargs[name] = self._shifted(kwargs[name])
        self._shifting = True
        try:
            yield call._replace(args=tuple(args), kwargs=kwargs)
        finally:
            self._shifting = False

    def _shifted(self, seed: Any) -> int:
        return (int(seed) + self._request.seed_shift) % _SEEDS


def _is_seed(value: Any) -> bool:
    """Whether a seed is a number that can be another; NumPy's count, too."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _do_nothing() -> None:
    """Leave op determinism off."""


def _turn_op_determinism_on(_: Any) -> None:
    """Turn op determinism on, for a script that does not."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def _with_jit(original: Callable[..., Any], *, jit: bool) -> Callable[..., Any]:
    """Return a compile that turns XLA on or off, whatever it is asked for."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def compile(*args: Any, **kwargs: Any) -> Any:  # noqa: A001 - the name it replaces
        bound = signature.bind(*args, **kwargs)
        bound.arguments["jit_compile"] = jit
        return original(*bound.args, **bound.kwargs)

    return compile
