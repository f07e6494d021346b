"""Change what `repeat` varies in a run: on purpose, unlike everything else that recording does."""

from __future__ import annotations

import functools
import inspect
import itertools
import numbers
import random
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from repro_audit.recording.backends.fit_hooks import MODEL
from repro_audit.recording.backends.framework import Reorder
from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.backends.select import FRAMEWORKS, names
from repro_audit.recording.process.seeders import SEEDERS
from repro_audit.recording.request import Request

__all__ = ["Variations"]

_SEEDS = 2**32
_SEEDS_LOST = "$.conditions.seeds"
_JIT = "$.conditions.determinism.execution"
_FITS = "$.conditions.training.fits"


class Variations:
    """What a request asks to be changed."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._shifting = False

    def install(self, patches: Patches) -> None:
        """Change it from now on."""
        request, frameworks = self._request, FRAMEWORKS.values()
        _begin_seeded(patches, request.seeds or {})
        if request.seed_shift:
            for (module, name), place in SEEDERS.items():
                shift = functools.partial(self._shift, name=place[0], place=place[1])
                patches.watch(module, name, shift, lost=_SEEDS_LOST)
        if request.op_determinism is not None:
            for framework in frameworks:
                framework.vary_op_determinism(patches, on=request.op_determinism)
        if request.threads is not None:
            for framework in frameworks:
                framework.vary_threads(patches, request.threads)
        if request.jit is not None:
            with_jit = functools.partial(_with_jit, jit=request.jit)
            patches.replace(MODEL, "Model.compile", with_jit, lost=_JIT)
        if request.reorder:
            own = [framework.vary_order(patches) for framework in frameworks]
            reordered = functools.partial(_reordered, own=own)
            patches.replace(MODEL, "Model.fit", reordered, lost=_FITS)

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


def _begin_seeded(patches: Patches, seeds: Mapping[str, int]) -> None:
    """Seed generators before the script does anything; see `Request.seeds`."""
    if "python" in seeds:
        random.seed(seeds["python"])
    places = [("numpy", ("numpy.random.mtrand", "seed"))]
    places += [("backend", place) for place, _ in names("seeders")]
    for generator, (module, name) in places:
        if generator in seeds:
            seed = functools.partial(_seed, name=name, seed=seeds[generator])
            patches.when_imported(module, seed, lost=_SEEDS_LOST)
    if "generators" in seeds:
        given = functools.partial(_with_seed, seed=seeds["generators"])
        # Private: `numpy.random.default_rng` is defined there (NumPy 1.26 to 2.4).
        patches.replace("numpy.random._generator", "default_rng", given, lost=_SEEDS_LOST)


def _seed(module: ModuleType, *, name: str, seed: int) -> None:
    """Call a function of a module that seeds a generator."""
    getattr(module, name)(seed)


def _with_seed(original: Callable[..., Any], *, seed: int) -> Callable[..., Any]:
    """Return a `default_rng` that takes another seed each time it is given none."""
    numbers_of_calls = itertools.count()

    @functools.wraps(original)
    def default_rng(*args: Any, **kwargs: Any) -> Any:
        given = args[0] if args else kwargs.get("seed")
        return original([seed, next(numbers_of_calls)] if given is None else given)

    return default_rng


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


def _reordered(original: Callable[..., Any], *, own: Sequence[Reorder]) -> Callable[..., Any]:
    """Return a fit that is given the same samples in another order."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def fit(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        orders = (reorder(given["x"]) for reorder in own)
        pipeline = next((other for other in orders if other is not None), None)
        if pipeline is None:
            given["shuffle"] = not given["shuffle"]
        else:
            given["x"] = pipeline
        return original(*bound.args, **bound.kwargs)

    return fit
