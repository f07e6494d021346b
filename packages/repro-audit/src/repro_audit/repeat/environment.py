"""The environment of a clean process: a fixed list of variables, and nothing by chance."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from repro_audit.capture.determinism import usable_cores
from repro_audit.recording.process.launcher import recording_environment
from repro_audit.recording.request import Request
from repro_audit.repeat.plan import Plan

__all__ = ["clean_environment", "variables_set"]

_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_PASSED = {
    "CONDA_PREFIX",
    "HOME",
    "IPYTHONDIR",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "SHELL",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
}
_PASSED_PREFIXES = (
    "CUBLAS_",
    "CUDA_",
    "DNNL_",
    "JUPYTER_",
    "KERAS_",
    "LC_",
    "MKL_",
    "NPY_",
    "NVIDIA_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "TF_",
    "XLA_",
)


def variables_set(plan: Plan) -> dict[str, str]:
    """Return the variables that a repeat must set in its runs, which the user's shell does not.

    Args:
        plan: What is repeated, and how.

    Returns:
        Their values by name; empty where nothing has to be set.
    """
    found: dict[str, str] = {}
    if plan.jobs > 1:
        # Fewer cores must not mean fewer threads: their number decides the bits.
        found |= dict.fromkeys(_THREADS, str(usable_cores()))
    if plan.suspicion is not None and plan.suspicion.factor == "hash-seed":
        found["PYTHONHASHSEED"] = "0"  # that it varies is what is to be shown
    return {name: value for name, value in found.items() if not os.environ.get(name)}


def clean_environment(
    request: Request,
    passed: Sequence[str] = (),
    changes: Mapping[str, str | None] = MappingProxyType({}),
) -> dict[str, str]:
    """Return the environment of one run.

    PYTHONHASHSEED stays as it is: where it is not set, every run hashes otherwise, as it does
    for the user. PYTHONDONTWRITEBYTECODE is not passed on, since every run would then compile
    every module anew.

    Args:
        request: What the run is asked to record.
        passed: Names of further variables to pass on.
        changes: Variables to set beside those; None takes one away.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name in passed or name.startswith(_PASSED_PREFIXES)
    }
    environment["PYTHONUNBUFFERED"] = "1"
    for name, value in changes.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return recording_environment(environment, request)
