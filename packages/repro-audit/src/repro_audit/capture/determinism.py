"""The condition `determinism`: every switch that decides which bits an operation returns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from repro_audit.manifest.conditions import (
    DatasetOptions,
    Determinism,
    Execution,
    Isa,
    Onednn,
    TensorFlowDeterminism,
    TensorFlowModel,
    ThreadPool,
    Threads,
)

if TYPE_CHECKING:
    from repro_audit.capture.backend import Backend, Missed

__all__ = ["capture_determinism", "usable_cores"]


def capture_determinism(
    backend: Backend,
    variables: Mapping[str, str],
    *,
    op_determinism: str,
    functions_traced_before: int | None,
    execution: tuple[Execution, ...],
    models: tuple[TensorFlowModel, ...],
    datasets: tuple[DatasetOptions, ...],
    missed: Missed,
) -> Determinism:
    """Read the switches back from the backend, which must be in use already.

    Args:
        backend: The framework. Some of its getters would initialise it.
        variables: Environment variables as they were when recording began: the ones read at
            start-up count, whatever became of them later.
        op_determinism: ``before_first_op``, ``later``, ``off`` or ``unknown``.
        functions_traced_before: Functions traced before op determinism came.
        execution: How each model's steps are executed.
        models: What decides them on TensorFlow alone.
        datasets: Options of the pipelines given to fits.
        missed: Takes what cannot be read.
    """
    cores = usable_cores()
    intra_op, inter_op = backend.threads_requested()
    missed(
        "$.conditions.determinism.backend.isa.in_force",
        "oneDNN tells the instruction set in force only through its log in a process of its own",
    )
    switches = TensorFlowDeterminism(
        name="tensorflow",
        op_determinism=op_determinism,
        functions_traced_before=functions_traced_before,
        threads=Threads(
            intra_op=_pool(intra_op, variables.get("TF_NUM_INTRAOP_THREADS"), cores),
            inter_op=_pool(inter_op, variables.get("TF_NUM_INTEROP_THREADS"), cores),
        ),
        onednn=Onednn(requested=variables.get("TF_ENABLE_ONEDNN_OPTS"), in_force=backend.onednn()),
        isa=Isa(
            requested=variables.get("ONEDNN_MAX_CPU_ISA", variables.get("DNNL_MAX_CPU_ISA")),
            in_force=None,
        ),
        tf32=backend.tf32(),
        xla_flags=variables.get("XLA_FLAGS"),
        tf_xla_flags=variables.get("TF_XLA_FLAGS"),
        models=models,
    )
    return Determinism(usable_cores=cores, backend=switches, execution=execution, datasets=datasets)


def usable_cores() -> int:
    """Return the cores this process may use; TensorFlow sizes its pools by them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pool(requested: int, environment: str | None, cores: int) -> ThreadPool:
    """Apply TensorFlow's rule: the request, else the environment variable, else the cores.

    TensorFlow's getter returns 0 for "default" even where the environment variable decides.
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
