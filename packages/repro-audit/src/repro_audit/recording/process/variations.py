"""Change what `repeat` varies in a run: on purpose, unlike everything else that recording does."""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable
from typing import Any

from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.backends.select import FRAMEWORKS
from repro_audit.recording.process.seeders import SEEDERS
from repro_audit.recording.request import Request

__all__ = ["Variations"]

_SEEDS = 2**32
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
            for (module, name), place in SEEDERS.items():
                shift = functools.partial(self._shift, name=place[0], place=place[1])
                patches.watch(module, name, shift, lost="$.conditions.seeds")
        if request.op_determinism is not None:
            for framework in FRAMEWORKS.values():
                framework.vary_op_determinism(patches, on=request.op_determinism)
        if request.jit is not None:
            with_jit = functools.partial(_with_jit, jit=request.jit)
            # Private: as in `recording.backends.fit_hooks`.
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


def _with_jit(original: Callable[..., Any], *, jit: bool) -> Callable[..., Any]:
    """Return a compile that turns XLA on or off, whatever it is asked for."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def compile(*args: Any, **kwargs: Any) -> Any:  # noqa: A001 - the name it replaces
        bound = signature.bind(*args, **kwargs)
        bound.arguments["jit_compile"] = jit
        return original(*bound.args, **bound.kwargs)

    return compile
