"""What a process that started this one asks of its recording, by ``REPRO_AUDIT_RUN``.

One environment variable carries a JSON object, so that the command lines of a run, of its
repetition and of the positive control are equal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from repro_audit.errors import CaptureError, shown

__all__ = ["VARIABLE", "Request"]

VARIABLE = "REPRO_AUDIT_RUN"


@dataclass(frozen=True, kw_only=True)
class Request:
    """How a run is to be recorded.

    Attributes:
        manifest: Where the manifest goes, whatever the script says.
        flip: Whether to flip one bit after the first step, as a positive control does.
        perturb: Draws by how much each initial weight is moved, by one unit in the last place at
            most; None moves none.
        stop_after_epoch: After so many epochs the process ends.
        stop_after_step: After so many further steps it does; None is at the epoch's end.
        kill: Whether it then ends by SIGKILL, as a job does that a queue takes away.
        trace: Which steps are traced, ``none`` for none; None is whatever the script says.
        unrecorded: Whether to record nothing but the state that each model ends with.
        seeds: What generators are seeded with before the script begins, by their names:
            ``python`` and ``numpy`` for those that are shared, ``backend`` for that of the
            framework, ``generators`` for each `default_rng()` that is given no seed. What the
            script seeds itself, it seeds.
        seed_shift: Added to every seed that the script sets.
        threads: Threads inside one operation, in place of the number that the script sets.
        op_determinism: Turns op determinism on or off, whatever the script says.
        jit: Turns XLA compilation on or off, whatever the script says.
        back_up: Whether each fit is given a `BackupAndRestore` of Keras, behind its callbacks.
        reorder: Whether a fit is given its samples in another order.
        reverse_folders: Whether folders are listed in the reverse order; None does not even
            look whether any is.
        files: Where the process says which files it read and wrote; None asks for nothing.
        below: Where the process starts below the folder that the runs start in: the folder that a
            notebook is in.
        since: When the first of several runs began, in seconds of the clock; see `Files`.
    """

    manifest: str
    flip: bool = False
    perturb: int | None = None
    stop_after_epoch: int | None = None
    stop_after_step: int | None = None
    kill: bool = False
    trace: str | int | None = None
    unrecorded: bool = False
    seeds: Mapping[str, int] | None = None
    seed_shift: int = 0
    threads: int | None = None
    op_determinism: bool | None = None
    jit: bool | None = None
    back_up: bool = False
    reorder: bool = False
    reverse_folders: bool | None = None
    files: str | None = None
    below: str = ""
    since: float | None = None

    def encode(self) -> str:
        """Return the value of the environment variable."""
        return json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> Request | None:
        """Return the request this process was started with.

        Returns:
            The request; None where the variable is not set.

        Raises:
            CaptureError: The variable holds something else.
        """
        text = os.environ.get(VARIABLE)
        if text is None:
            return None
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            message = f"{VARIABLE}: expected a request of repro-audit, received {shown(text)}."
            raise CaptureError(message) from error

    def trace_setting(self, of_script: str | int | None) -> str | int | None:
        """Return which steps are traced where the script itself asks for `of_script`.

        Returns:
            The setting of the request if it has one, else `of_script`; None for no trace.
        """
        if self.trace is None:
            return of_script
        return None if self.trace == "none" else self.trace

    def path(self, ordinal: int) -> Path:
        """Return where the process's recording number `ordinal`, from 1, goes."""
        path = Path(self.manifest)
        return path if ordinal == 1 else path.with_stem(f"{path.stem}-{ordinal}")
