"""The only thing that sets state: all seeds, op determinism and, if asked, thread counts."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from repro_audit.errors import CaptureError
from repro_audit.recording.process.current import process

__all__ = ["InForce", "control"]


@dataclass(frozen=True, kw_only=True)
class InForce:
    """What is in force after `control`, as read back.

    Attributes:
        seed: The seed that Keras says was set.
        op_determinism: ``before_first_op``, ``later`` or ``off``.
        intra_op_threads: Threads inside one operation; 0 is TensorFlow's default.
        inter_op_threads: Operations side by side; 0 is TensorFlow's default.
        hash_seed: PYTHONHASHSEED, which only the start of Python could set.
    """

    seed: int
    op_determinism: str
    intra_op_threads: int
    inter_op_threads: int
    hash_seed: str | None


def control(*, seed: int, op_determinism: bool = True, threads: int | None = None) -> InForce:
    """Seed Python, NumPy and Keras, turn op determinism on and, if asked, pin the threads.

    Call it first: before any operation runs, any model is built and any data is drawn.

    Args:
        seed: The seed, given to `keras.utils.set_random_seed`.
        op_determinism: Whether to turn TensorFlow's op determinism on. It cannot be turned
            off again.
        threads: Threads inside one operation and operations side by side. Results depend on
            the first; without it TensorFlow takes the number of usable cores.

    Returns:
        What is in force now.

    Raises:
        CaptureError: TensorFlow can no longer obey: the threads are asked for after its
            first operation. Or Keras is absent, or runs on another backend.

    Example:
        >>> repro_audit.control(seed=812, threads=2)  # doctest: +SKIP
    """
    if threads is not None and threads < 1:
        message = f"Expected threads to be 1 or more, received {threads}."
        raise CaptureError(message)
    backend, controlled = process.backend(), process.controlled
    if threads is not None:
        backend.set_threads(threads)
    if op_determinism:
        backend.turn_op_determinism_on(controlled)
    # First: where a launcher observes the call, it asks who set the seed.
    controlled.seed = seed
    backend.set_seed(seed)
    in_use = backend.in_use()
    # Before its first operation TensorFlow's getters would list, and so initialise, the GPUs.
    intra_op, inter_op = backend.threads_requested() if in_use or threads is not None else (0, 0)
    return InForce(
        seed=seed,
        op_determinism=(controlled.op_determinism or "unknown")
        if backend.op_determinism()
        else "off",
        intra_op_threads=intra_op,
        inter_op_threads=inter_op,
        hash_seed=os.environ.get("PYTHONHASHSEED") if not sys.flags.ignore_environment else None,
    )
