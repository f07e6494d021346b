"""End the process of a run that is to train only so long."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from repro_audit.recording.request import Request

__all__ = ["stop_if_asked"]


def stop_if_asked(
    request: Request, epochs: int, steps: int | None, write: Callable[[], None]
) -> None:
    """End the process if it has trained as long as was asked for.

    Args:
        request: What was asked for.
        epochs: Epochs that have ended.
        steps: Steps since then; None at the end of an epoch.
        write: Writes the manifest, which else may be a moment behind.

    Raises:
        SystemExit: It ends; the user's code after it would only cost time.
    """
    if epochs != request.stop_after_epoch:
        return
    wanted = request.stop_after_step
    if (steps is None) != (wanted is None) or (steps or 0) < (wanted or 0):
        return
    write()
    if request.kill:
        os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(0)
