"""The metrics of a run by the names that claims, spreads and reports share."""

from __future__ import annotations

from repro_audit.manifest.records import Manifest

__all__ = ["final_metrics", "metric_series"]


def metric_series(manifest: Manifest) -> dict[str, tuple[float | None, ...]]:
    """Return the values of each metric: one an epoch of a fit, one of an evaluation.

    The names are ``accuracy`` and ``evaluation accuracy``; ``fit 2 accuracy`` and
    ``evaluation 2 accuracy`` where there are several fits or evaluations.

    Args:
        manifest: The run.
    """
    outcomes = manifest.outcomes
    several = len(outcomes.fits) > 1
    found: dict[str, tuple[float | None, ...]] = {
        f"fit {number} {name}" if several else name: values
        for number, fit in enumerate(outcomes.fits, start=1)
        for name, values in fit.history.items()
    }
    several = len(outcomes.evaluations) > 1
    for number, evaluation in enumerate(outcomes.evaluations, start=1):
        for name, value in evaluation.results.items():
            found[f"evaluation {number} {name}" if several else f"evaluation {name}"] = (value,)
    return found


def final_metrics(manifest: Manifest) -> dict[str, float]:
    """Return the last value of each metric that has one, by the names of `metric_series`.

    Args:
        manifest: The run.
    """
    return {
        name: values[-1]
        for name, values in metric_series(manifest).items()
        if values and values[-1] is not None
    }
