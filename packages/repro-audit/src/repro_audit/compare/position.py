"""Where the steps of epochs and fits stand in the whole of a run, as its trace passes by."""

from __future__ import annotations

__all__ = ["Position"]


class Position:
    """Counts the steps of the epochs that have passed."""

    def __init__(self) -> None:
        self._epoch: tuple[int, int] | None = None
        self._before: int | None = 0
        self._last = 0

    def pass_to(self, fit: int, epoch: int, step: int) -> None:
        """Take note of the last of what has passed: a row, or a probe.

        Args:
            fit: The fit, from 0.
            epoch: The epoch, from 1.
            step: The step within the epoch, from 1.
        """
        place = fit, epoch
        if self._epoch is None or place == self._epoch:
            self._epoch, self._last = place, max(self._last, step)
            return
        if not self._is_next(place):
            self._before = None
        elif self._before is not None:
            self._before += self._last
        self._epoch, self._last = place, step

    def lose(self) -> None:
        """Take note that epochs have passed of which it is not known how long they were."""
        self._before = None

    def of(self, fit: int, epoch: int, step: int) -> int | None:
        """Return the step of the whole run.

        Args:
            fit: The fit, from 0.
            epoch: The epoch, from 1.
            step: The step within the epoch, from 1.

        Returns:
            The step, from 1; None where not all before it is known.
        """
        place = fit, epoch
        if self._before is None:
            return None
        if self._epoch is None or place == self._epoch:
            return self._before + step
        return self._before + self._last + step if self._is_next(place) else None

    def _is_next(self, place: tuple[int, int]) -> bool:
        """Whether an epoch follows the one that passes: in its fit, or at the next one's start."""
        if self._epoch is None:
            return True
        fit, epoch = self._epoch
        return place == (fit, epoch + 1) or place[0] == fit + 1
