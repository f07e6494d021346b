"""Record a script that does not ask for it, in the process that the launcher has started.

Recording begins when the first model is compiled, trained or evaluated, and ends with the
process. A script that records itself is left to it. A process that the script forks or spawns
records nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import numbers
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import wrapt

from repro_audit.errors import printable
from repro_audit.recording.bare import Bare
from repro_audit.recording.calls import replace_method, see_calls
from repro_audit.recording.control import controlled
from repro_audit.recording.files import Files
from repro_audit.recording.inputs import Inputs
from repro_audit.recording.loops import Loops
from repro_audit.recording.request import Request
from repro_audit.recording.run import Run

if TYPE_CHECKING:
    from repro_audit.manifest.conditions import Seeds
    from repro_audit.recording.recorder import Recorder

__all__ = ["Launched", "install"]

_SEEDERS = {
    ("keras.src.utils.rng_utils", "set_random_seed"): ("seed", 0),
    ("tensorflow.python.framework.random_seed", "set_seed"): ("seed", 0),
    ("numpy.random.mtrand", "seed"): ("seed", 0),
    ("random", "seed"): ("a", 0),
}
"""Functions that seed a shared generator, and the name and place of the seed."""

_MODEL = "keras.src.models.model"
_FIRST = ("compile", "fit", "evaluate")
_SEEDS = 2**32


def install() -> None:
    """Record what this process is about to run, if a launcher asks for it."""
    request = Request.from_environment()
    if request is None:
        return
    Run.files = Files(reverse=request.reverse_folders)
    Run.files.install()
    if request.bare:
        Run.bare = Bare(request)
        Run.bare.install()
    else:
        Launched(request).install()


class AutomaticRun(Run):
    """A recording that the script knows nothing of."""

    def __init__(self, request: Request, seeds: Seeds | None, inputs: Inputs) -> None:
        super().__init__(request.manifest)
        self._seeds = seeds
        self._inputs = inputs

    @property
    def recorder(self) -> Recorder:
        """Reads the run."""
        return self._recorder


class Launched:
    """One process, from before its script's first line to after its last."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._inside = threading.local()
        self._inputs = Inputs()
        self._loops = Loops(self._of_loops)
        self._seeds: Seeds | None = None
        self._model_class: Any = None
        self._triggers = contextlib.ExitStack()
        self._run: AutomaticRun | None = None
        self._script: str | None = None

    def install(self) -> None:
        """See from now on what the script does."""
        Run.automatic = self
        # Registered before the script registers anything: it is called after all of that.
        atexit.register(self._end)
        os.register_at_fork(after_in_child=self._forked)
        for (module, name), place in _SEEDERS.items():
            see_calls(module, name, self._seeding(*place))
        see_calls(
            "tensorflow.python.framework.config", "enable_op_determinism", self._op_determinism
        )
        see_calls(
            "tensorflow.python.data.ops.dataset_ops", "DatasetV2.from_tensor_slices", self._sliced
        )
        wrapt.when_imported(_MODEL)(self._models_defined)
        if self._request.op_determinism:
            wrapt.when_imported("keras")(_turn_op_determinism_on)
        self._loops.install()

    def give_way(self) -> None:
        """Leave the recording to the script, which records itself."""
        with self._lock:
            self._triggers.close()
            Run.automatic = None
            if self._run is not None:
                self._run.discard()
                self._run = None

    # What the script does.

    def _seeding(self, name: str, place: int) -> Callable[..., Any]:
        """Return what stands around a function that seeds."""

        def around(seed: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if getattr(self._inside, "seeding", False):
                return seed(*args, **kwargs)
            self._inside.seeding = True
            try:
                result = seed(*self._shifted(args, place), **self._shifted_named(kwargs, name))
            finally:
                self._inside.seeding = False
            self._read_seeds()
            return result

        return around

    def _shifted(self, args: tuple[Any, ...], place: int) -> tuple[Any, ...]:
        shift = self._request.seed_shift
        if not shift or len(args) <= place or not _is_seed(args[place]):
            return args
        return (*args[:place], (int(args[place]) + shift) % _SEEDS, *args[place + 1 :])

    def _shifted_named(self, kwargs: dict[str, Any], name: str) -> dict[str, Any]:
        shift = self._request.seed_shift
        if not shift or not _is_seed(kwargs.get(name)):
            return kwargs
        return {**kwargs, name: (int(kwargs[name]) + shift) % _SEEDS}

    def _read_seeds(self) -> None:
        """Keep what the generators are like after the last seed: layers will draw from them."""
        if self._run is not None or self._model_class is None or Run.automatic is not self:
            return
        from repro_audit.capture.environment import environment_variables
        from repro_audit.capture.seeds import capture_seeds
        from repro_audit.recording.tensorflow import TensorFlow

        try:
            self._seeds = capture_seeds(TensorFlow(), environment_variables(), controlled.seed)
        except Exception:  # noqa: BLE001 - on another backend, of which the recording tells later
            self._seeds = None

    def _op_determinism(
        self, enable: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        from repro_audit.recording.tensorflow import functions_traced, in_use

        if self._request.op_determinism is False:
            return None
        if controlled.op_determinism is None:
            controlled.op_determinism = "later" if in_use() else "before_first_op"
            controlled.functions_traced_before = functions_traced()
        return enable(*args, **kwargs)

    def _sliced(
        self, slices: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        dataset = slices(*args, **kwargs)
        # What Keras makes of arrays is read where they were given to it.
        if Run.automatic is self and not _called_by_keras():
            tensors = args[0] if args else kwargs.get("tensors")
            try:
                self._inputs.sliced(dataset, tensors)
            except Exception as error:  # noqa: BLE001 - whatever fails here, the script goes on
                _warn(f"the arrays of a pipeline were not read: {error}")
        return dataset

    def _models_defined(self, module: Any) -> None:
        """Have the first compile, fit or evaluate begin the recording."""
        self._model_class = module.Model
        if self._request.jit is not None:
            replace_method(
                module.Model, "compile", functools.partial(_with_jit, jit=self._request.jit)
            )
        for name in _FIRST:
            trigger = functools.partial(self._trigger, name=name)
            self._triggers.callback(replace_method(module.Model, name, trigger))

    def _trigger(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(original)
        def first(model: Any, *args: Any, **kwargs: Any) -> Any:
            self._begin()
            return getattr(self._model_class, name)(model, *args, **kwargs)

        return first

    def _of_loops(self) -> Recorder | None:
        """Return what a hand-written loop is told to; None inside a fit."""
        if Run.automatic is not self or os.getpid() != self._pid:
            return None
        self._begin()
        from repro_audit.recording.observer import inside_call

        return None if self._run is None or inside_call() else self._run.recorder

    # The recording.

    def _begin(self) -> None:
        """Begin to record, once."""
        with self._lock:
            if self._run is not None or Run.automatic is not self or os.getpid() != self._pid:
                return
            self._triggers.close()
            run = AutomaticRun(self._request, self._seeds, self._inputs)
            try:
                run.start()
            except Exception as error:  # noqa: BLE001 - whatever fails here, the script goes on
                Run.automatic = None
                _warn(str(error))
                return
            self._run = run
            self._script = getattr(sys.modules["__main__"], "__file__", None)

    def _end(self) -> None:
        """End the recording with the process."""
        if os.getpid() == self._pid and self._run is not None:
            error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
            if self._script is not None:
                # Python takes it away when a script has ended.
                sys.modules["__main__"].__file__ = self._script
            self._run.stop(error)

    def _forked(self) -> None:
        """Forget the recording in a process that the script has forked: it is the parent's."""
        Run.automatic = None
        if self._run is not None:
            self._run.abandon()
            self._run = None


def _is_seed(value: Any) -> bool:
    """Whether a seed is a number that can be another; NumPy's count, too."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _turn_op_determinism_on(_: Any) -> None:
    """Turn op determinism on, for a variation of a script that does not."""
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


def _called_by_keras() -> bool:
    """Whether the function that was seen was called by Keras itself."""
    caller = sys._getframe(3).f_globals.get("__name__", "")
    return str(caller).startswith(("keras.", "tensorflow."))


def _warn(message: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"repro-audit: not recorded: {printable(message)}\n")
