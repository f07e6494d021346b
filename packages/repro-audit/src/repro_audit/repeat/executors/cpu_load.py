"""Keep the machine busy, so that a run is disturbed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil

__all__ = ["machine_busy"]

# Ends by itself when the process that started it is gone, whatever became of that.
_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100_000))"


@contextlib.contextmanager
def machine_busy(*, on: bool) -> Iterator[Callable[[], float]]:
    """Let as many processes compute as there are cores, until the block ends.

    Args:
        on: Whether to do so.

    Yields:
        What returns the CPU time that they have taken so far, in seconds.
    """
    command = [sys.executable, "-I", "-c", _BUSY]
    processes = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)] if on else []
    try:
        yield lambda: sum(map(_cpu_s, processes))
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def _cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU time that a process has taken, in seconds."""
    try:
        times = psutil.Process(process.pid).cpu_times()
    except psutil.Error:  # somebody has ended it
        return 0.0
    return float(times.user + times.system)
