"""The metrics of a run by the names that claims, spreads and reports share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from repro_audit.manifest.records import Manifest

__all__ = ["MetricLine", "final_metrics", "metric_lines", "metric_series"]


class MetricLine(NamedTuple):
    """One metric of one fit.

    Attributes:
        metric: Its name in the history.
        fit: The fit, from 0.
        epochs: The epoch of each value, from 1; None where that is not known.
        values: Its values.
    """

    metric: str
    fit: int
    epochs: range | None
    values: tuple[float | None, ...]


def metric_lines(manifest: Manifest) -> Iterator[MetricLine]:
    """Yield each metric of each fit with the epochs its values are of.

    A resumed fit does not begin with epoch 1, and with ``validation_freq`` not every epoch has
    been validated.

    Args:
        manifest: The run.
    """
    training = manifest.conditions.training
    for number, fit in enumerate(manifest.outcomes.fits):
        known = training is not None and number < len(training.fits)
        arguments = training.fits[number].arguments if training is not None and known else {}
        every = arguments.get("validation_freq")
        first = fit.first_epoch or 1
        count = max([len(fit.epochs), *map(len, fit.history.values())])
        for name, values in fit.history.items():
            epochs: range | None = range(first, first + count)
            if len(values) != count:
                epochs = None
                if isinstance(every, int) and every > 1:
                    sparse = range(-(-first // every) * every, first + count, every)
                    epochs = sparse if len(sparse) == len(values) else None
            yield MetricLine(name, number, epochs, values)


def metric_series(manifest: Manifest) -> dict[str, tuple[float | None, ...]]:
    """Return the values of each metric: one an epoch of a fit, one of an evaluation.

    The names are ``accuracy`` and ``evaluation accuracy``; ``fit 2 accuracy`` and
    ``evaluation 2 accuracy`` where there are several fits or evaluations.

    Args:
        manifest: The run.

    Returns:
        Fits before evaluations, each in its order; None stands for an epoch that lacks the metric.
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
