"""What is given to a fit as data, and which operations of a step race: read, never run.

A tf.data pipeline is walked from its end to its source by the private fields that it keeps of
its arguments, and the graphs of its functions are searched. Nothing is iterated or traced.

Private names, as they stand in the sources of TensorFlow 2.18.0 and of 2.21.0:

- ``Dataset._inputs()`` and ``Dataset._functions()`` lead from stage to stage. When one moves, no
  stage can be read, and the manifest says so.
- ``StructuredFunctionWrapper._func``, the function as the user gave it. When it moves, functions of
  stages are missing, and the manifest says so.
- What a stage keeps: `_seed`, `_seed2`, `_buffer_size`, `_reshuffle_each_iteration`,
  `_num_parallel_calls`, `_num_parallel_reads` and `_deterministic`. One that moves is recorded as
  not given: look for its new name in the class of the stage, and read both.
- ``Graph._functions``, the functions that a graph calls. When it moves, they are not searched.
- ``script_ops._py_funcs``, ``EagerFunc._func``, ``_GeneratorState._generator``: the Python code
  behind an operation. When one moves, its random sources are not found, or reading them fails.
- The classes of stages, whose names `_op` shortens, and the types of operations. A stage that is
  renamed has another name in the manifest; an operation that is renamed is not found.

Of Keras 3.12.0 and 3.15.1: `_workers` and `_use_multiprocessing` of a `PyDataset`, and
``seed_generator_state``, the name of a generator's variable. When these move, a PyDataset seems to
have one worker, and a generator of Keras is recorded as a variable of TensorFlow.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from repro_audit.capture.backend import Held
from repro_audit.capture.generators import generators_in
from repro_audit.capture.randomness import Found, closure, named_sources
from repro_audit.manifest.conditions import DatasetOptions, RandomSource, Stage
from repro_audit.recording.backends.tensorflow.stages import (
    given_functions,
    stage_arguments,
    stage_function,
)

__all__ = ["data_code", "data_options", "data_stages", "racing_ops"]

_MAX_STAGES = 200
_NAMES = {
    "Tensor": "from_tensors",
    "TensorSlice": "from_tensor_slices",
    "DirectedInterleave": "choose_from_datasets",
    "DenseToRagged": "ragged_batch",
}
"""Names in tf.data of the classes that are called otherwise."""

_PYTHON = {"PyFunc": True, "EagerPyFunc": True, "PyFuncStateless": False}
"""Operations that call Python, and whether TensorFlow takes them to have state."""

_GENERATOR_OPS = (
    "Rng", "StatefulRandom", "StatefulStandard", "StatefulTruncated", "StatefulUniform",
)  # fmt: skip
_STATELESS_OPS = (
    "StatelessMultinomial", "StatelessParameterized", "StatelessRandom", "StatelessSample",
    "StatelessShuffle", "StatelessTruncated",
)  # fmt: skip
_PLAIN = {"Const", "Identity", "Placeholder", "NoOp"}
_DETERMINISTIC: dict[str, bool | str] = {"true": True, "false": False, "default": "default"}
_SEED_STATE = "seed_generator_state"
_WEIGHTED = {"Bincount": (0, 2), "DenseBincount": (0, 2), "SparseBincount": (1, 4)}
"""Operations that add weights in one sum a thread, and where values and weights stand."""

_RACING_WITHOUT_OP_DETERMINISM = {
    "CropAndResizeGradImage",
    "ResourceScatterAdd",
    "ResourceScatterMul",
    "ResourceScatterSub",
}
_MIN_SPLIT = 26_000
"""Values below which a bincount is not split among threads (measured: 26,250 from two on)."""


def data_options(
    keras: Any, fit: int, argument: str, data: Any, *, op_determinism: bool
) -> DatasetOptions | None:
    """Read what was given to a fit as data, but for its code and its stages.

    Args:
        keras: The module.
        fit: Position of the fit.
        argument: The argument that the data was given as.
        data: What was given.
        op_determinism: Whether op determinism is on.

    Returns:
        None where there is nothing to read: no data, or arrays to validate on.
    """
    kind = _kind(keras, data)
    if data is None or (kind == "arrays" and argument != "x"):
        return None
    return DatasetOptions(
        fit=fit,
        argument=argument,
        kind=kind,
        op_determinism=op_determinism,
        deterministic=data.options().deterministic if kind == "tf.data" else None,
        # Its properties would warn where the constructor of the class was not called.
        workers=max(0, int(getattr(data, "_workers", 1))) if kind == "PyDataset" else None,
        use_multiprocessing=bool(getattr(data, "_use_multiprocessing", False))
        if kind == "PyDataset"
        else None,
        random=(),
        stages=(),
    )


def data_code(kind: str, data: Any) -> tuple[tuple[RandomSource, ...], Held]:
    """Return the random sources, and the generators, of a PyDataset or a Python generator.

    Returns:
        Both empty where data of that kind holds no Python code.
    """
    if kind == "PyDataset":
        read = getattr(type(data), "__getitem__", None)
        code = types.MethodType(read, data) if isinstance(read, types.FunctionType) else None
    elif kind == "generator":
        code = data
    else:
        return (), ()
    found = named_sources(code)
    return _python_sources(found, stateful=False), (*generators_in(data), *found.generators)


def data_stages(
    kind: str, data: Any, failed: Callable[[str, Exception], None]
) -> tuple[tuple[Stage, ...], Held]:
    """Return the stages of a tf.data pipeline, the source first, and the generators they hold.

    Args:
        kind: The kind of data.
        data: What was given.
        failed: Takes what of a stage cannot be read, as ``stages[3].function``, and the error.

    Returns:
        Both empty where the data is no pipeline; of a pipeline of more than 200 stages the last
        200.
    """
    if kind != "tf.data":
        return (), ()
    held: list[tuple[str, Any]] = []
    found: list[Stage] = []
    unread: list[tuple[int, str, Exception]] = []
    seen, pending = {id(data)}, [data]
    while pending and len(found) < _MAX_STAGES:
        current = pending.pop()
        op, graphs = _op(current), _graphs(current)
        if any(operation.type == "GeneratorDataset" for operation in _operations(graphs)):
            op = "from_generator"
        if op != "options":
            stage = _stage(current, op, graphs, held)
            try:
                stage = stage._replace(arguments=stage_arguments(current))
            except Exception as error:  # noqa: BLE001 - what it is given may do anything
                unread.append((len(found), "arguments", error))
            try:
                stage = stage._replace(function=stage_function(_functions(current, op, graphs)))
            except Exception as error:  # noqa: BLE001 - as above
                unread.append((len(found), "function", error))
            found.append(stage)
        # The one input of from_generator only starts the generator.
        for before in () if op == "from_generator" else current._inputs():
            if id(before) not in seen:
                seen.add(id(before))
                pending.append(before)
    for position, part, reason in unread:
        failed(f"stages[{len(found) - 1 - position}].{part}", reason)
    return tuple(reversed(found)), tuple(held)


def racing_ops(graph: Any) -> tuple[str, ...]:
    """Return the types of operations in a step whose result depends on its threads.

    Op determinism, as it stands now, takes some of them away. A sum that is too short to be
    split, or that is one of integers, is no race.

    Args:
        graph: The step's FuncGraph; the functions it calls are searched as well.

    Returns:
        Names of TensorFlow such as ``Bincount``, sorted, each once.

    Source:
        Measured on TensorFlow 2.21, 2 and 8 threads, 61 operations: 2 to 75 distinct results
        in 100 calls. Op determinism leaves those of bincount as they are.
    """
    from tensorflow.python.framework import config

    watched = set() if config.is_op_determinism_enabled() else _RACING_WITHOUT_OP_DETERMINISM
    return tuple(
        sorted(
            {
                operation.type
                for operation in _operations(_with_called([graph]))
                if operation.type in watched or _is_split_sum(operation)
            }
        )
    )


def _is_split_sum(operation: Any) -> bool:
    if operation.type not in _WEIGHTED:
        return False
    values, weights = (operation.inputs[at] for at in _WEIGHTED[operation.type])
    if not weights.dtype.is_floating or weights.shape.num_elements() == 0:
        return False
    rows = operation.inputs[0].shape
    if operation.type == "DenseBincount" and rows.rank == 2:
        return False  # each row is one thread's
    if operation.type == "SparseBincount" and rows.rank == 2 and rows[1] == 2:
        return False
    count = values.shape.num_elements()
    return count is None or count >= _MIN_SPLIT


def _kind(keras: Any, data: Any) -> str:
    import tensorflow as tf

    if isinstance(data, tf.data.Dataset):
        return "tf.data"
    if isinstance(data, keras.utils.PyDataset):
        return "PyDataset"
    if isinstance(data, types.GeneratorType):
        return "generator"
    leaves = tf.nest.flatten(data)
    arrays = all(hasattr(leaf, "shape") or isinstance(leaf, int | float) for leaf in leaves)
    return "arrays" if arrays and not hasattr(data, "element_spec") else "other"


def _stage(dataset: Any, op: str, graphs: list[Any], held: list[tuple[str, Any]]) -> Stage:
    kept = vars(dataset)
    seeds = tuple(_number(kept.get(name)) or 0 for name in ("_seed", "_seed2"))
    reshuffle = kept.get("_reshuffle_each_iteration")
    parallel = kept.get("_num_parallel_calls", kept.get("_num_parallel_reads"))
    return Stage(
        op=op,
        num_parallel_calls=_number(parallel, least=-1),
        deterministic=_DETERMINISTIC.get(str(kept.get("_deterministic"))),
        buffer_size=_number(kept.get("_buffer_size"), least=-2),
        seed=seeds if any(seeds) else None,
        reshuffle_each_iteration=None if reshuffle is None else bool(reshuffle),
        random=_random(list(_operations(graphs)), graphs, held),
    )


def _random(
    operations: list[Any], graphs: list[Any], held: list[tuple[str, Any]]
) -> tuple[RandomSource, ...]:
    """Return the random sources among the operations of a stage's functions."""
    found: set[RandomSource] = set()
    for operation in operations:
        kind = operation.type
        if kind in _PYTHON:
            named = _behind(operation)
            held.extend(named.generators)
            found.update(_python_sources(named, stateful=_PYTHON[kind]))
        elif kind.startswith(_GENERATOR_OPS):
            found.add(RandomSource("tf.random.Generator", seeded=None, stateful=True))
        elif kind not in _PLAIN and _is_random(operation):
            seeds = operation.get_attr("seed"), operation.get_attr("seed2")
            found.add(RandomSource(kind, seeded=any(seeds), stateful=True))
    kinds = {operation.type for operation in operations}
    counts = any(kind.startswith("Assign") for kind in kinds)
    if counts and any(kind.startswith(_STATELESS_OPS) for kind in kinds):
        names = [name for graph in graphs for name in _variable_names(graph)]
        keras = any(_SEED_STATE in name for name in names)
        source = "keras.random.SeedGenerator" if keras else "tf.Variable"
        found.add(RandomSource(source, seeded=None, stateful=True))
    return tuple(sorted(found, key=repr))


def _op(dataset: Any) -> str:
    """Return what tf.data calls a stage: ``_ParallelMapDataset`` is ``map``."""
    kind = type(dataset)
    if not str(kind.__module__).startswith("tensorflow."):
        return str(kind.__name__)
    name = re.sub(r"^_?(Parallel)?|(Dataset)?(V\d|V\dAdapter)?$", "", kind.__name__)
    snake = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return _NAMES.get(name, snake)


def _number(value: Any, least: int | None = None) -> int | None:
    """Return an argument that a stage keeps: a number, or an eager constant of one."""
    value = value.numpy() if hasattr(value, "numpy") else value
    number = None if value is None else int(value)
    return None if number is None or (least is not None and number < least) else number


def _graphs(dataset: Any) -> list[Any]:
    """Return the graphs of a stage's functions and of all that they call."""
    return _with_called([wrapped.function.graph for wrapped in dataset._functions()])


def _with_called(graphs: list[Any]) -> list[Any]:
    """Return graphs and those of all functions that they call, each once."""
    found, pending = {id(graph): graph for graph in graphs}, list(graphs)
    while pending:
        for function in getattr(pending.pop(), "_functions", {}).values():
            inner = getattr(function, "graph", None)
            if inner is not None and id(inner) not in found:
                found[id(inner)] = inner
                pending.append(inner)
    return list(found.values())


def _operations(graphs: Iterable[Any]) -> Iterator[Any]:
    for graph in graphs:
        yield from graph.get_operations()


def _is_random(operation: Any) -> bool:
    definition = operation.op_def
    return definition.is_stateful and any(item.name == "seed2" for item in definition.attr)


def _variable_names(graph: Any) -> list[str]:
    try:
        return [str(variable.name) for variable in graph.variables]
    except AssertionError:  # a variable that is gone
        return []


def _functions(dataset: Any, op: str, graphs: list[Any]) -> list[Any]:
    """Return the user's functions that a stage calls, without what TensorFlow wrapped around."""
    if op == "from_generator":
        kept = [_called(item) for item in _operations(graphs) if item.type in _PYTHON]
    else:
        kept = [wrapper._func for wrapper in dataset._functions()]
    found = [item for each in kept for item in given_functions(each, list(_unwrapped(each)))]
    return list({id(item): item for item in found}.values())


def _called(operation: Any) -> Any:
    """Return the Python function that an operation calls."""
    from tensorflow.python.ops import script_ops

    token = operation.get_attr("token")
    function = script_ops._py_funcs.get(token.decode() if isinstance(token, bytes) else token)
    return getattr(function, "_func", function)  # an EagerFunc


def _behind(operation: Any) -> Found:
    """Return what the Python function that an operation calls names."""
    found = [named_sources(item) for item in _unwrapped(_called(operation))]
    return Found(
        tuple(sorted({source for item in found for source in item.sources})),
        tuple(pair for item in found for pair in item.generators),
    )


def _unwrapped(function: Any) -> Iterator[Any]:
    """Yield the user's functions behind one that TensorFlow wrapped."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    owner: Any = getattr(function, "__self__", None)
    if type(owner).__name__ == "_GeneratorState":  # what from_generator keeps
        yield owner._generator
    elif isinstance(function, types.FunctionType) and str(function.__module__).startswith(
        "tensorflow."
    ):
        for value in closure(function).values():
            if callable(value):
                yield from _unwrapped(value)
    elif function is not None:
        yield function


def _python_sources(found: Found, *, stateful: bool) -> tuple[RandomSource, ...]:
    return tuple(
        RandomSource(source, seeded=False if source.endswith("()") else None, stateful=stateful)
        for source in found.sources
    )
