"""The environment of a clean process: a fixed list of variables, and nothing by chance."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from repro_audit.recording.launcher import recording_environment
from repro_audit.recording.request import Request

__all__ = ["clean_environment"]

_PASSED = {
    "CONDA_PREFIX",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
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


def clean_environment(
    request: Request,
    passed: Sequence[str] = (),
    changes: Mapping[str, str | None] = MappingProxyType({}),
) -> dict[str, str]:
    """Return the environment of one run.

    PYTHONHASHSEED is fixed: as it is where it is a number, else to 0. PYTHONDONTWRITEBYTECODE
    is not passed on, since every run would then compile every module anew.

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
    hash_seed = os.environ.get("PYTHONHASHSEED", "0")
    environment["PYTHONHASHSEED"] = hash_seed if hash_seed.isdigit() else "0"
    environment["PYTHONUNBUFFERED"] = "1"
    for name, value in changes.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return recording_environment(environment, request)
