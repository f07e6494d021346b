"""See every training step of a fit from outside the compiled step.

Keras on TensorFlow passes the function of one step, compiled or not, through the model's
``_autoconvert_optionals`` on its way into the loop. There it is wrapped: the step runs as it
is, and behind it one host call hands over the batch, the logs and the variables. Where nobody
wants steps there is no call, and the graph notes the shapes of the first batch. The step's own
graph, and so what XLA makes of it, stays untouched; nothing is drawn and no state of it is set.

A step once wrapped stays so until Keras makes another: tracing it anew would make stateful
random operations in it begin again. Without a recording its host call returns at once.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.util import nest

from repro_audit.recording.backends.keras_state import state_variables
from repro_audit.recording.backends.observers import StepObserver
from repro_audit.recording.backends.patching import Patches
from repro_audit.recording.backends.tensorflow.first_batch import FirstBatch
from repro_audit.recording.backends.tensorflow.variables import read_tensor
from repro_audit.trace import Column
from repro_audit.trace.fingerprint import dtype_name

__all__ = ["StepHooks", "loop_step"]

_PARTS = ("x", "y", "sample_weight")
_WORD_BYTES = 8
_NOTHING = np.int32(0)
_AUTO_JIT = re.compile(r"^\s*[^-\s]|tf_xla_auto_jit=(?!0\b|-1\b)")
"""Flags of TensorFlow with which it clusters by itself; or the name of a file that holds them."""


class _Hook:
    """What a model's wrapped step refers to: the observer of now, if there is one."""

    def __init__(self) -> None:
        self.observer: StepObserver | None = None
        self.optimizers: Callable[[Any], Sequence[Any]] = lambda _: ()
        self.training = False
        self.hands_over = False
        self.first_batch: FirstBatch | None = None
        self.made: weakref.ref[Any] | None = None
        self.held: list[weakref.ref[Any]] = []

    def safely(self, act: Callable[[], None]) -> None:
        """Look at a step; what fails there costs the trace and nothing else."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever fails here, training goes on
            if self.observer is not None:
                self.observer.step_failed(error)


class StepHooks:
    """The steps that are observed in this process."""

    def __init__(self) -> None:
        self._hooks: weakref.WeakKeyDictionary[Any, _Hook] = weakref.WeakKeyDictionary()

    @contextmanager
    def observe(self, model: Any, observer: StepObserver, patches: Patches) -> Iterator[str | None]:
        """Tell `observer` of every training step of `model` until the block ends.

        Args:
            model: The model.
            observer: Is told.
            patches: Keeps what is put in the place of the model's own.

        Yields:
            None, or why steps cannot be seen.
        """
        obstacle = self._obstacle(model, observer)
        if obstacle is not None:
            yield obstacle
            return
        hook = self._hooks.setdefault(model, _Hook())
        outer = hook.observer  # where a callback fits the model that is being fitted
        hook.observer, hook.optimizers = observer, observer.optimizers
        convert, make = model._autoconvert_optionals, model.make_train_function

        def autoconvert(step: Any) -> Any:
            converted = convert(step)
            return _wrapped(converted, weakref.ref(model), hook) if hook.training else converted

        def make_train_function(*args: Any, **kwargs: Any) -> Any:
            hook.safely(lambda: _begin(model, observer, hook))
            # Steps of evaluation pass through the same place.
            hook.training = True
            try:
                return make(*args, **kwargs)
            finally:
                hook.training = False
                hook.made = None
                with suppress(TypeError):  # a user's own may have no place for a weak reference
                    hook.made = weakref.ref(model.train_function)

        try:
            with (
                patches.attached(model, "_autoconvert_optionals", autoconvert),
                patches.attached(model, "make_train_function", make_train_function),
            ):
                yield None
        finally:
            hook.observer = outer
            if outer is not None and hook.first_batch is not None:
                hook.safely(hook.first_batch.clear)  # what is noted is of the inner fit

    def optimizers(self, model: Any) -> list[Any]:
        """Return the optimizers whose variables the step hands over that a model has now.

        Args:
            model: The model.

        Returns:
            None of them where the step is made anew by the next fit, or was made unobserved.
        """
        hook = self._hooks.get(model)
        if hook is None or model.train_function is None or not self._is_wrapped(model):
            return []
        return [optimizer for item in hook.held if (optimizer := item()) is not None]

    def first_batch(
        self, model: Any, observer: StepObserver
    ) -> tuple[list[Column], list[tuple[int, ...]]] | None:
        """Return columns and shapes of the first batch of a fit whose steps hand nothing over.

        Args:
            model: The model that it trains.
            observer: Who is told of it; None is returned where somebody else is, or nobody.
        """
        hook = self._hooks.get(model)
        if hook is None or hook.observer is not observer or hook.first_batch is None:
            return None
        return hook.first_batch.read()

    def _obstacle(self, model: Any, observer: StepObserver) -> str | None:
        """Say why the steps of a model cannot be seen without changing the run."""
        # Private: TensorFlowTrainer._autoconvert_optionals (Keras 3.12 to 3.15). Where it goes,
        # nothing is lost but the trace of the fit, and that is said. Look in _make_function beside
        # it for another place that the function of one step passes once it is compiled.
        if not hasattr(model, "_autoconvert_optionals"):
            return "this release of Keras has no place to see steps from"
        if model.train_function is not None and not self._is_wrapped(model):
            return (
                "the model was trained before recording began, or in another way than by fit, and "
                "its step is compiled already"
            )
        made = model.train_function is not None and not model.run_eagerly
        if made and observer.wants_steps() and not self._hooks[model].hands_over:
            return "the model's step was compiled in a fit that was recorded without a trace"
        if model.distribute_strategy.num_replicas_in_sync > 1:
            return "steps on several replicas are not traced yet"
        if tf.config.optimizer.get_jit() or _AUTO_JIT.search(os.environ.get("TF_XLA_FLAGS", "")):
            return "XLA's auto-clustering is on, and a host call would change its clusters"
        return None

    def _is_wrapped(self, model: Any) -> bool:
        """Whether the step that a model has now was made while it was observed."""
        hook = self._hooks.get(model)
        return hook is not None and hook.made is not None and hook.made() is model.train_function


def _begin(model: Any, observer: StepObserver, hook: _Hook) -> None:
    """Decide for a step that is about to be made what all its graphs do; clear what one noted."""
    if model.train_function is None:
        hook.first_batch, hook.hands_over = None, observer.wants_steps()
        if not hook.hands_over:
            hook.first_batch = FirstBatch()
    elif hook.first_batch is not None:
        hook.first_batch.clear()


def _wrapped(converted: Any, reference: weakref.ref[Any], hook: _Hook) -> Any:
    """Return the function of one step that hands over what it saw behind it."""

    def observed_step(data: Any) -> Any:
        result = converted(data)
        hook.safely(lambda: _hand_over(data, result, reference, hook))
        return result

    return observed_step


def _hand_over(data: Any, result: Any, reference: weakref.ref[Any], hook: _Hook) -> None:
    """Tell the observer of a step now, or let the graph that is being made tell of each."""
    model = reference()
    batch, batch_tensors = batch_columns(data)
    # Listed only now: a step may build layers and optimizer slots while it is traced.
    optimizers = hook.optimizers(model)
    eager = tf.executing_eagerly()
    if not eager:
        hook.held = [weakref.ref(item) for item in optimizers]
        if hook.observer is not None:
            with tf.init_scope():
                hook.observer.built(model)
            hook.observer.traced(model, tf.compat.v1.get_default_graph())
        if not hook.hands_over:
            if hook.first_batch is not None:
                hook.first_batch.note(batch, batch_tensors)
            return
    loss, loss_tensors = loss_columns(result)
    state = read_state(model, optimizers)
    columns, tensors = (*batch, *loss), [*batch_tensors, *loss_tensors, *state]

    def step(arrays: Callable[[], Sequence[Any]]) -> None:
        observer = hook.observer
        if observer is not None and observer.should_trace():
            observer.step(reference(), columns, arrays())

    if eager:
        step(lambda: [np.asarray(item) for item in tensors])
        return
    for item in state:
        _dtype(item)  # what no trace can hold is to fail here, not in the middle of training

    def host(*arrays: Any) -> Any:
        hook.safely(lambda: step(lambda: arrays))
        return _NOTHING

    done = [item for item in tf.nest.flatten(result, expand_composites=True) if _is_tensor(item)]
    with tf.control_dependencies(done):
        tf.numpy_function(host, tensors, [tf.int32], stateful=True)


def loop_step(
    model: Any, batch: Any, loss: Any, optimizers: Sequence[Any]
) -> tuple[tuple[Column, ...], list[np.ndarray[Any, Any]]]:
    """Return what one step of a hand-written loop was made of: columns, and arrays.

    Args:
        model: The model, after its update.
        batch: The batch, a structure of tensors or arrays; None where it is not known.
        loss: The step's loss; None where it is not known.
        optimizers: What updates the model.

    Returns:
        Columns of batch and loss, and arrays: theirs, then those of the state.
    """
    columns, tensors = batch_columns(batch)
    of_loss, loss_tensors = loss_columns(loss)
    read = [*tensors, *loss_tensors, *read_state(model, optimizers)]
    return (*columns, *of_loss), [np.asarray(item) for item in read]


def read_state(model: Any, optimizers: Sequence[Any]) -> list[Any]:
    """Return a tensor of each variable of a model and its optimizers; no copy on a CPU."""
    return [read_tensor(item.variable) for item in state_variables(model, optimizers)]


def batch_columns(data: Any) -> tuple[list[Column], list[Any]]:
    """Return a column for each tensor of a batch, and the tensors.

    Args:
        data: What the step receives: a tensor, ``(x, y, sample_weight)`` or another structure.

    Returns:
        Both in the same order. A role is ``x``, ``y`` or ``sample_weight``, and the path below it:
        ``x/image``.
    """
    if isinstance(data, tuple | list) and len(data) <= len(_PARTS):
        parts = list(zip(_PARTS, data, strict=False))
    else:
        parts = [(_PARTS[0], data)]
    columns, tensors = [], []
    for name, part in parts:
        for path, tensor in _flat(part):
            columns.append(_column("batch", f"{name}/{path}" if path else name, tensor))
            tensors.append(tensor)
    return columns, tensors


def loss_columns(logs: Any) -> tuple[list[Column], list[Any]]:
    """Return a column for each tensor of a step's logs, and the tensors.

    Args:
        logs: What the step returns: running means by metric, or the loss alone.

    Returns:
        Both in the same order. A column holds the value's own bits where the tensor is one floating
        number of at most 8 bytes, else a fingerprint.
    """
    columns, tensors = [], []
    for path, tensor in _flat(logs):
        number = tensor.shape.rank == 0 and tensor.dtype.size <= _WORD_BYTES
        bits = number and tensor.dtype.is_floating
        columns.append(_column("loss", path or "loss", tensor, bits=bits))
        tensors.append(tensor)
    return columns, tensors


def _flat(structure: Any) -> list[tuple[str, Any]]:
    """Return the tensors of a structure and where each stands; composites as their parts."""
    # Private: in tensorflow.python.util.nest (TensorFlow 2.18 to 2.21). When the function moves, no
    # step can be recorded, and that is said; when the module moves, this one cannot be imported.
    flat = nest.flatten_with_joined_string_paths(structure, expand_composites=True)
    return [
        (path, item if _is_tensor(item) else tf.convert_to_tensor(item))
        for path, item in flat
        if _is_tensor(item) or isinstance(item, int | float | np.generic | np.ndarray)
    ]


def _is_tensor(item: Any) -> bool:
    return isinstance(item, tf.Tensor) and item.dtype not in {tf.variant, tf.resource}


def _column(kind: str, role: str, tensor: Any, *, bits: bool = False) -> Column:
    return Column(
        kind=kind,
        role=role,
        layer=None,
        position=None,
        dtype=_dtype(tensor),
        shape=_sizes(kind, tensor.shape),
        bits=bits,
    )


def _dtype(tensor: Any) -> str:
    return dtype_name(np.dtype(tensor.dtype.as_numpy_dtype))


def _sizes(kind: str, shape: Any) -> tuple[int | None, ...]:
    """Return the sizes that every step has in common.

    The size of a batch is a fact of the batch, whose last one is often smaller. A step run
    eagerly knows the sizes of this one alone.
    """
    rank: int | None = shape.rank
    if rank is None:
        return (None,)
    if tf.executing_eagerly():
        return (None,) * rank
    varies = kind == "batch"
    return tuple(None if varies and axis == 0 else size for axis, size in enumerate(shape))
