"""What TensorFlow alone has of the condition `determinism`, and since when op determinism is on.

Private names, as they stand in the sources of TensorFlow 2.18.0 and of 2.21.0:

- ``tensorflow.python.eager.context``: `context`, ``Context._initialized`` and
  ``Context.list_function_names``.
- ``tensorflow.python.framework.config``: `is_op_determinism_enabled`. There is no public getter.
- ``tensorflow.python.util._pywrap_util_port``: `IsMklEnabled`.
- ``_DefaultDistributionStrategy``, the class of the strategy where there is none. Nothing fails
  when it is renamed: a model that is not distributed then has a strategy.

``__wrapped__``, with which the names of the functions of eager operations begin, is not in these
sources; it was seen at run time. Without it, eager operations count as traced functions.
`repro_audit.recording.backends.keras_backend` says what to do when one moves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from repro_audit.capture.determinism import usable_cores
from repro_audit.manifest.conditions import (
    Isa,
    Onednn,
    TensorFlowDeterminism,
    TensorFlowModel,
    ThreadPool,
    Threads,
)
from repro_audit.recording.backends.base import Controlled
from repro_audit.recording.backends.groups import Group
from repro_audit.recording.backends.observers import Notes
from repro_audit.recording.backends.tensorflow import data
from repro_audit.recording.backends.tensorflow.variables import local_value

__all__ = ["TensorFlowSwitches", "functions_traced", "in_use", "note_op_determinism"]

_BACKEND = "$.conditions.determinism.backend"
_OP_DETERMINISM = f"{_BACKEND}.op_determinism"


def context() -> Any:
    """Return TensorFlow's context, which is made when it is first asked for, and used later."""
    from tensorflow.python.eager import context

    return context.context()


def in_use() -> bool:
    """Return whether TensorFlow has been initialised; it is imported already."""
    return bool(context()._initialized)


def functions_traced() -> int:
    """Return how many functions have been traced.

    Returns:
        The count, without those of eager operations; 0 while TensorFlow is not in use.
    """
    # An eager operation registers a function too; its name starts with "__wrapped__".
    if not in_use():
        return 0
    names = (str(name) for name in context().list_function_names())
    return sum("__wrapped__" not in name for name in names)


def op_determinism() -> bool:
    """Return whether op determinism is on."""
    from tensorflow.python.framework import config

    return bool(config.is_op_determinism_enabled())


def threads_requested() -> tuple[int, int]:
    """Return how many threads were requested by a call.

    Returns:
        Threads inside one operation, and operations side by side; 0 is the default, even where an
        environment variable decides.
    """
    import tensorflow as tf

    threading = tf.config.threading
    return (
        threading.get_intra_op_parallelism_threads(),
        threading.get_inter_op_parallelism_threads(),
    )


def note_op_determinism(controlled: Controlled) -> None:
    """Note, before op determinism is turned on for the first time, what has run by then."""
    if controlled.op_determinism is None:
        controlled.op_determinism = "later" if in_use() else "before_first_op"
        controlled.functions_traced_before = functions_traced()


class TensorFlowSwitches:
    """Reads TensorFlow's switches over one recording; some of its getters would initialise it."""

    def __init__(self, variables: Mapping[str, str], controlled: Controlled, notes: Notes) -> None:
        """Prepare.

        Args:
            variables: Environment variables as they were when recording began: the ones read at
                start-up count, whatever became of them later.
            controlled: What `control`, or the script, did.
            notes: Takes what cannot be read.
        """
        self._variables = variables
        self._controlled = controlled
        self._notes = notes
        self._in_use_at_start = True
        self._trained_before = False
        self._op_determinism: tuple[str, int | None] = ("unknown", None)
        self._models: list[TensorFlowModel] = []

    def begin(self) -> None:
        """Read since when op determinism is on; nothing may have run by now."""
        with self._failing(_OP_DETERMINISM):
            self._in_use_at_start = in_use()
            self._op_determinism = self._op_determinism_at_start()

    def model_found(self, model: Any, index: int) -> None:
        """Read the strategy that a model is trained by.

        Args:
            model: The model.
            index: Its position among the models of the run.
        """
        with self._failing(f"{_BACKEND}.models[{index}]"):
            self._models.append(model_switches(model, index))
            path = _racing_path(len(self._models) - 1)
            self._notes.mark_missing(path, "no step has been traced")

    def step_traced(self, index: int, graph: Any) -> None:
        """Take note of the racing operations in a step; a model may have several.

        Args:
            index: Position of the model.
            graph: The step's FuncGraph.
        """
        racing = data.racing_ops(graph)
        for at, item in enumerate(self._models):
            if item.model == index:
                known = {*(item.racing_ops or ()), *racing}
                self._models[at] = item._replace(racing_ops=tuple(sorted(known)))
                self._notes.mark_recorded(_racing_path(at))

    def training_begins(self) -> None:
        """Read whether op determinism is on by now."""
        with self._failing(_OP_DETERMINISM):
            self._op_determinism = self._op_determinism_now()
        self._trained_before = True

    def record(self) -> TensorFlowDeterminism:
        """Return them all; TensorFlow must be in use."""
        came, traced = self._op_determinism
        variables, cores = self._variables, usable_cores()
        intra_op, inter_op = threads_requested()
        self._notes.mark_missing(
            f"{_BACKEND}.isa.in_force",
            "oneDNN tells the instruction set in force only through its log in a process of its "
            "own",
        )
        return TensorFlowDeterminism(
            name="tensorflow",
            op_determinism=came,
            functions_traced_before=traced,
            threads=Threads(
                intra_op=_pool(intra_op, variables.get("TF_NUM_INTRAOP_THREADS"), cores),
                inter_op=_pool(inter_op, variables.get("TF_NUM_INTEROP_THREADS"), cores),
            ),
            onednn=Onednn(requested=variables.get("TF_ENABLE_ONEDNN_OPTS"), in_force=_onednn()),
            isa=Isa(
                requested=variables.get("ONEDNN_MAX_CPU_ISA", variables.get("DNNL_MAX_CPU_ISA")),
                in_force=None,
            ),
            tf32=_tf32(),
            xla_flags=variables.get("XLA_FLAGS"),
            tf_xla_flags=variables.get("TF_XLA_FLAGS"),
            models=tuple(self._models),
        )

    def _op_determinism_at_start(self) -> tuple[str, int | None]:
        """Return since when op determinism is on, and what had been traced by then."""
        if not op_determinism():
            return "off", None
        if self._controlled.op_determinism is not None:
            return self._controlled.op_determinism, self._controlled.functions_traced_before
        if _is_on(self._variables, "TF_DETERMINISTIC_OPS") or not self._in_use_at_start:
            return "before_first_op", 0
        return "unknown", functions_traced()

    def _op_determinism_now(self) -> tuple[str, int | None]:
        """Return the same when a model begins to train."""
        if self._op_determinism[0] != "off" or not op_determinism():
            return self._op_determinism
        if self._controlled.op_determinism is not None:
            return self._controlled.op_determinism, self._controlled.functions_traced_before
        # It was off when recording began. It is late for certain if an operation had run by
        # then, or a model has trained since.
        late = self._in_use_at_start or self._trained_before
        return ("later" if late else "unknown"), functions_traced()

    @contextlib.contextmanager
    def _failing(self, path: str) -> Iterator[None]:
        """Let what cannot be read in a block be missing, and cost nothing else."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest can still be read
            self._notes.failed(path, error)


def model_switches(model: Any, index: int) -> TensorFlowModel:
    """Return what decides the bits of the steps of a model on TensorFlow alone.

    Returns:
        The record; `strategy` is None where nothing is distributed, and `racing_ops` until a step
        has been traced.
    """
    if isinstance(model, Group):
        strategy = getattr(local_value(model.variables[0]), "distribute_strategy", None)
    else:
        strategy = model.distribute_strategy
    return TensorFlowModel(
        model=index,
        strategy=_strategy_name(strategy),
        replicas=1 if strategy is None else int(strategy.num_replicas_in_sync),
        racing_ops=None,
    )


def _strategy_name(strategy: Any) -> str | None:
    """Return the class of a distribution strategy; None where nothing is distributed."""
    name = type(strategy).__name__
    # TensorFlow's own stand-in where there is none.
    return None if strategy is None or name == "_DefaultDistributionStrategy" else name


def _onednn() -> bool:
    """Return whether oneDNN's operations are used."""
    from tensorflow.python.util import _pywrap_util_port

    return bool(_pywrap_util_port.IsMklEnabled())


def _tf32() -> bool:
    """Return whether TensorFloat-32 is allowed."""
    import tensorflow as tf

    return bool(tf.config.experimental.tensor_float_32_execution_enabled())


def _pool(requested: int, environment: str | None, cores: int) -> ThreadPool:
    """Apply TensorFlow's rule: the request, else the environment variable, else the cores.

    Source:
        Measured on TensorFlow 2.21: the getter returns 0 for "default" even where the environment
        variable decides, and a process that may use one core computes the bits of one thread.
    """
    if requested > 0:
        return ThreadPool(
            requested=requested, environment=environment, in_force=requested, source="api"
        )
    try:
        asked = int(environment or "0")
    except ValueError:
        asked = 0
    in_force, source = (asked, "environment") if asked > 0 else (cores, "cores")
    return ThreadPool(requested=0, environment=environment, in_force=in_force, source=source)


def _racing_path(at: int) -> str:
    return f"{_BACKEND}.models[{at}].racing_ops"


def _is_on(variables: Mapping[str, str], name: str) -> bool:
    return variables.get(name, "0").lower() in {"1", "true"}
