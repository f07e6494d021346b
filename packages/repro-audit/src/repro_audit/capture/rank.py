"""Which process of a run that is made of several this one is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repro_audit.canonical import digest_json
from repro_audit.manifest.records import Rank

__all__ = ["capture_rank", "rank_path"]

_LAUNCHERS = (
    ("RANK", "WORLD_SIZE", ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT")),
    (
        "HOROVOD_RANK",
        "HOROVOD_SIZE",
        ("HOROVOD_GLOO_RENDEZVOUS_ADDR", "HOROVOD_GLOO_RENDEZVOUS_PORT"),
    ),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", ("OMPI_MCA_ess_base_jobid", "PMIX_NAMESPACE")),
    ("PMI_RANK", "PMI_SIZE", ("PMI_JOBID", "HYDI_CONTROL_FD")),
    ("SLURM_PROCID", "SLURM_NTASKS", ("SLURM_JOB_ID", "SLURM_STEP_ID")),
)
"""Variables by which launchers tell a process its rank, how many there are, and of which job."""


def capture_rank(variables: Mapping[str, str] = os.environ) -> Rank | None:
    """Read the rank of this process among those of its run.

    Args:
        variables: Environment variables.

    Returns:
        Its number, from 0, how many there are, and a digest that they share; None where it is the
        only one.

    Source:
        TensorFlow's guide to distributed training (TF_CONFIG); the manuals of torchrun,
        Horovod, Open MPI, MPICH and Slurm.
    """
    cluster = _tf_config(variables.get("TF_CONFIG"))
    if cluster is not None:
        return cluster
    for rank, size, group in _LAUNCHERS:
        index, count = _number(variables.get(rank)), _number(variables.get(size))
        if index is not None and count is not None and count > 1:
            job = [variables.get(name) for name in (rank, *group)][1:]
            return Rank(number=index, size=count, group=digest_json([rank, job]))
    return None


def rank_path(path: Path) -> Path:
    """Return where a process of several writes what the only one would write to `path`.

    The first one writes there; the others beside it: ``manifest.rank-1.json``.
    """
    rank = capture_rank()
    if rank is None or rank.number == 0:
        return path
    return path.with_stem(f"{path.stem}.rank-{rank.number}")


def _tf_config(text: str | None) -> Rank | None:
    """Return the rank that TF_CONFIG gives: tasks of all types count, in the order of names."""
    try:
        config: Any = json.loads(text or "null")
        tasks = [
            (kind, index)
            for kind, addresses in sorted(config["cluster"].items())
            for index in range(len(addresses))
        ]
        task = str(config["task"]["type"]), int(config["task"]["index"])
        if len(tasks) < 2:
            return None
        # Of the addresses nothing readable is left.
        return Rank(tasks.index(task), len(tasks), digest_json(["TF_CONFIG", config["cluster"]]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
