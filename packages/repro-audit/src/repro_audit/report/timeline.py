"""Where the steps of epochs and fits stand in the whole of a run."""

from __future__ import annotations

from repro_audit.manifest import Manifest

__all__ = ["Timeline"]


class Timeline:
    """Counts steps over all fits and epochs of a run, as its manifest tells of them.

    Args:
        manifest: The run.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._fits: list[tuple[int, int, int]] = []
        before = 0
        for fit in manifest.outcomes.fits:
            steps, epochs = fit.steps or 0, max(len(fit.epochs), 1)
            self._fits.append((before, -(-steps // epochs), fit.first_epoch or 1))
            before += steps
        self.steps = before

    def place(self, fit: int, epoch: int, step: int) -> int:
        """Return the step of the whole run, from 1.

        Args:
            fit: The fit, from 0.
            epoch: Its epoch, from 1.
            step: The step of that epoch, from 1.
        """
        before, an_epoch, first = self._fits[fit] if fit < len(self._fits) else (0, 0, 1)
        return before + (epoch - first) * an_epoch + step
