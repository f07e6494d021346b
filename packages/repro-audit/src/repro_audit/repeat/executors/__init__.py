"""Where the runs of a repeat are executed: each kind of place is one `Executor`.

`base` says what an executor does; `local` starts processes on this machine.
"""

from repro_audit.repeat.executors.base import Ended, Evidence, Executor, PreparedRun
from repro_audit.repeat.executors.local import LocalExecutor

__all__ = ["Ended", "Evidence", "Executor", "LocalExecutor", "PreparedRun"]
