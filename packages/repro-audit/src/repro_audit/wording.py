"""Words that messages and reports of every layer share."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["EXAMPLE_SEED", "counted", "epoch_name", "how_it_ended", "listed", "step_name"]

EXAMPLE_SEED = 812
"""What code that is advised seeds with where the run itself has no seed."""

_SIGKILL = 9


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "epoch"), counted(2000, "step"), counted(2, "process")
    ('1 epoch', '2,000 steps', '2 processes')
    """
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"


def epoch_name(epoch: int, fit: int | None = None) -> str:
    """Return what to call an epoch.

    Args:
        epoch: The epoch, from 1.
        fit: Its fit, from 0, where there are several.

    >>> epoch_name(3), epoch_name(3, fit=1)
    ('epoch 3', 'epoch 3 of fit 2')
    """
    return f"epoch {epoch:,}" + ("" if fit is None else f" of fit {fit + 1:,}")


def step_name(step: int, epoch: int, fit: int | None = None) -> str:
    """Return what to call a step.

    Args:
        step: The step within the epoch, from 1.
        epoch: The epoch, from 1.
        fit: Its fit, from 0, where there are several.

    >>> step_name(1200, 3), step_name(1, 3, fit=0)
    ('step 1,200 of epoch 3', 'step 1 of epoch 3 of fit 1')
    """
    return f"step {step:,} of {epoch_name(epoch, fit)}"


def how_it_ended(exit_code: int) -> str:
    """Return in words how a process ended.

    Args:
        exit_code: Its exit code; negative for a signal.

    >>> how_it_ended(3), how_it_ended(-15)
    ('ended with exit code 3', 'was killed by signal 15 (SIGTERM)')
    """
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    import signal  # what reads a manifest has no use for it

    try:
        name = f" ({signal.Signals(-exit_code).name})"
    except ValueError:
        name = ""
    memory = ", as the system does when memory runs out" if exit_code == -_SIGKILL else ""
    return f"was killed by signal {-exit_code}{name}{memory}"


def listed(items: Iterable[str], most: int = 8, between: str = ", ") -> str:
    """Return items in one line, the first ones where there are many.

    >>> listed("abcd", 2), listed("ab", 2), listed("abc", 1, "; ")
    ('a, b and 2 more', 'a, b', 'a and 2 more')
    """
    items = list(items)
    more = len(items) - most
    return between.join(items[:most]) + (f" and {more:,} more" if more > 0 else "")
