"""What makes two runs round alike."""

from __future__ import annotations

import re
from collections.abc import Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.remedies.controlling import FIRST, IN_BOTH, control_as, is_controlled
from repro_audit.compare.remedies.expected_code import literal, value_at
from repro_audit.compare.remedies.remedy import Remedy, fixed, variable
from repro_audit.manifest import Manifest

__all__ = ["REMEDIES"]


def _on_threads(manifest: Manifest, count: int) -> str:
    if is_controlled(manifest):
        return control_as(manifest, count)
    return f"tf.config.threading.set_intra_op_parallelism_threads({count})"


def _threads(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    tensorflow = manifest.conditions.tensorflow
    count = 1 if tensorflow is None else tensorflow.threads.intra_op.in_force
    return _on_threads(manifest, count)


def _threads_one(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    return f"{_on_threads(manifest, 1)}  # {IN_BOTH}: one thread cannot race"


def _op_determinism(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    tensorflow = manifest.conditions.tensorflow
    if tensorflow is not None and tensorflow.op_determinism == "off":
        return f"tf.config.experimental.enable_op_determinism()  # {IN_BOTH}, {FIRST}"
    if not is_controlled(manifest):
        return f"tf.config.experimental.enable_op_determinism()  # {FIRST}"
    return f"{control_as(manifest)}  # {FIRST}"


def _onednn(manifest: Manifest) -> str | None:
    tensorflow = manifest.conditions.tensorflow
    return "0" if tensorflow is not None and tensorflow.onednn.in_force is False else "1"


def _isa(manifest: Manifest) -> str | None:
    tensorflow = manifest.conditions.tensorflow
    return None if tensorflow is None else tensorflow.isa.requested


def _xla_flags(manifest: Manifest) -> str | None:
    tensorflow = manifest.conditions.tensorflow
    return None if tensorflow is None else tensorflow.xla_flags


def _jit(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    found = [re.search(r"\.execution\[(\d+)\]", item.path) for item in differences]
    models = [int(match[1]) for match in found if match] or [0]
    jit = value_at(manifest, f"$.conditions.determinism.execution[{models[0]}].jit")
    return f"model.compile(..., jit_compile={bool(jit)})"


def _execution(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    for item in differences:
        name, value = item.path.rpartition(".")[2], literal(value_at(manifest, item.path))
        if name in _EXECUTED and value is not None:
            return _EXECUTED[name].format(value) + "  # as in the expected run"
    return "# execute as the expected run did: conditions.determinism"


_EXECUTED = {
    "eager": "model.compile(..., run_eagerly={})",
    "dtype_policy": "keras.config.set_dtype_policy({})",
    "steps_per_execution": "model.compile(..., steps_per_execution={})",
    "tf32": "tf.config.experimental.enable_tensor_float_32_execution({})",
}
"""By field: what sets it."""


REMEDIES: dict[str, Remedy] = {
    "racing_op": _threads_one,
    "threads": _threads,
    "op_determinism": _op_determinism,
    "jit": _jit,
    "onednn": variable("TF_ENABLE_ONEDNN_OPTS", _onednn),
    "isa": variable("ONEDNN_MAX_CPU_ISA", _isa),
    "xla_flags": variable("XLA_FLAGS", _xla_flags),
    "execution": _execution,
    "processor": fixed("export ONEDNN_MAX_CPU_ISA=AVX2  # narrows, but does not close, the gap"),
}
"""By kind of cause."""
