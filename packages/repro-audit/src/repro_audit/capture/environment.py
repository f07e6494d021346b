"""The condition `environment`: machine, operating system, interpreter and variables."""

from __future__ import annotations

import locale
import os
import platform
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from repro_audit.capture.privacy import scrub
from repro_audit.manifest.conditions import Accelerator, Cpu, Environment, Python

if TYPE_CHECKING:
    from repro_audit.capture.backend import Facts, Missed

__all__ = ["VARIABLES", "capture_environment", "environment_variables"]

VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "DNNL_MAX_CPU_ISA",
    "KERAS_BACKEND",
    "LANG",
    "LC_ALL",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_CUDNN_DETERMINISTIC",
    "TF_CUDNN_USE_AUTOTUNE",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_USE_LEGACY_KERAS",
    "TF_XLA_FLAGS",
    "TZ",
    "XLA_FLAGS",
)
"""The only environment variables a manifest ever holds."""


def environment_variables() -> dict[str, str]:
    """Return the variables of `VARIABLES` that are set.

    Returns:
        Their values by name, free of the user's and the host's names.
    """
    return {name: scrub(os.environ[name]) for name in VARIABLES if name in os.environ}


def capture_environment(
    backend: Facts, variables: dict[str, str], devices: Sequence[str] | None, missed: Missed
) -> Environment:
    """Read what the run stands on.

    Args:
        backend: The framework.
        variables: Environment variables as they were when recording began.
        devices: Types of the devices in use; None while the backend is not in use.
        missed: Takes what cannot be read.
    """
    import psutil

    build, date = platform.python_build()
    return Environment(
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        libc=" ".join(platform.libc_ver()).strip() or None,
        memory_bytes=psutil.virtual_memory().total,
        cpu=_cpu(missed),
        accelerators=_accelerators(missed),
        devices=None if devices is None else tuple(devices),
        python=Python(
            version=platform.python_version(),
            implementation=platform.python_implementation(),
            build=f"{build} {date}",
            compiler=platform.python_compiler(),
        ),
        backend=backend.name,
        backend_build=backend.build(),
        timezone=_timezone(),
        locale=locale.setlocale(locale.LC_ALL),
        file_order=None,
        variables=variables,
    )


def _timezone() -> str:
    """Return the names of the time zone in force and its distance from UTC without summer time."""
    minutes = -time.timezone // 60
    return f"{'/'.join(time.tzname)} {minutes // 60:+03d}:{minutes % 60:02d}"


def _cpu(missed: Missed) -> Cpu:
    import psutil

    cores = {
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
    }
    try:
        import archspec.cpu

        host = archspec.cpu.host()
        microarchitecture, vendor = host.name, host.vendor
        features = " ".join(sorted(host.features))
    except Exception as error:  # noqa: BLE001 - an unknown processor must not stop a recording
        missed("$.conditions.environment.cpu.microarchitecture", f"archspec: {error!r}")
        microarchitecture = vendor = features = None
    return Cpu(
        model=_cpu_model(),
        vendor=vendor,
        microarchitecture=microarchitecture,
        features=features,
        **cores,
    )


def _cpu_model() -> str | None:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - no path of ours
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or None
    return platform.processor() or None


def _accelerators(missed: Missed) -> tuple[Accelerator, ...] | None:
    """Ask NVIDIA's driver; no driver means no such accelerator."""
    try:
        import pynvml
    except ImportError:
        missed("$.conditions.environment.accelerators", "nvidia-ml-py is not installed")
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return ()
    except pynvml.NVMLError as error:
        missed("$.conditions.environment.accelerators", f"NVIDIA's driver: {error}")
        return None
    try:
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        return tuple(
            Accelerator(
                name=str(pynvml.nvmlDeviceGetName(handle)),
                memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                driver=driver,
            )
            for handle in handles
        )
    except pynvml.NVMLError as error:
        missed("$.conditions.environment.accelerators", f"NVIDIA's driver: {error}")
        return None
    finally:
        pynvml.nvmlShutdown()
