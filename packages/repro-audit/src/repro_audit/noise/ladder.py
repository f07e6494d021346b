"""On which rung of the ladder of sameness a run stands: bits, rounding, seeds, or none of them.

A run that ends in other bits is held against an ensemble: each value of each metric against the
prediction interval of one more run, all values together at one error rate. Where all runs of an
ensemble agree in a value, only their rank is known: an odd one out is the new one with a
probability of `1 / (n + 1)`. That is seldom rare enough to call it another run, and never a reason
to call it the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from repro_audit.manifest import Manifest, metric_series
from repro_audit.noise.power import detectable, runs_needed
from repro_audit.noise.scatter import LEVEL, chance, holm, interval
from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.noise.ensemble import Ensemble, Member, Moved

__all__ = ["LEAST_RUNS", "RUNGS", "Holds", "Judged", "Rung", "RungName", "ladder", "reached"]

RungName = Literal["bits", "rounding", "seeds"]
RUNGS: tuple[RungName, ...] = ("bits", "rounding", "seeds")
"""From the strictest."""

Holds = Literal["holds", "broken", "cannot tell", "not measured"]

LEAST_RUNS = 5
"""Of fewer runs an interval is so wide that agreement says nothing."""

_MOVED: dict[RungName, Moved] = {"rounding": "rounding", "seeds": "seed"}
_MAKES = {"rounding": "--perturb 6", "seeds": "--spread 9"}
_OTHERS = {"rounding": "that differ by rounding", "seeds": "with other seeds"}


class Judged(NamedTuple):
    """One value of a run, held against an ensemble.

    Attributes:
        metric: Its name, as in `repro_audit.manifest.metric_series`.
        position: Which value of the metric, from 1: mostly the epoch.
        recorded: What the run has.
        mean: Mean of the ensemble.
        deviation: Its standard deviation.
        low: Where one more run of the ensemble may lie, all values judged together: from here …
        high: … to here.
        chance: How often an honest run lies as far away or farther.
        outside: Whether it lies outside, all values judged together.
        detectable: The difference that would be seen four times in five.
    """

    metric: str
    position: int
    recorded: float
    mean: float
    deviation: float
    low: float
    high: float
    chance: float
    outside: bool
    detectable: float

    @property
    def called(self) -> str:
        """What to call it."""
        return self.metric if self.position == 1 else f"{self.metric}, {self.position}"


class Rung(NamedTuple):
    """Whether two runs are the same in one sense.

    Attributes:
        name: ``bits``, ``rounding`` or ``seeds``.
        holds: ``holds``, ``broken``, ``cannot tell`` or ``not measured``.
        text: The same in a sentence.
        runs: Runs that were looked at, the first one among them.
        values: Each value that was judged; those outside before all others.
    """

    name: RungName
    holds: Holds
    text: str
    runs: int = 0
    values: tuple[Judged, ...] = ()


def ladder(actual: Manifest, ensemble: Ensemble | None, repeated: str = "") -> tuple[Rung, ...]:
    """Return how far down the ladder a run stands that ended in other bits.

    Args:
        actual: The run.
        ensemble: Of the run that it was compared with; None where none was given.
        repeated: The script that a repeat would run, for what is advised; empty where that is not
            known.

    Returns:
        One rung each, the strictest first.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    repeated = repeated or (ensemble.repeated if ensemble is not None else "") or "SCRIPT ARGS"
    return Rung("bits", "broken", "the bits differ"), *(
        _rung(name, actual, ensemble, repeated) for name in RUNGS[1:]
    )


def reached(rungs: Sequence[Rung]) -> RungName | None:
    """Return the strictest rung that holds; None where none does."""
    return next((rung.name for rung in rungs if rung.holds == "holds"), None)


def _rung(name: RungName, actual: Manifest, ensemble: Ensemble | None, repeated: str) -> Rung:
    """Hold a run against one kind of ensemble."""
    members = () if ensemble is None else ensemble.of(_MOVED[name])
    command = f"repro-audit repeat {_MAKES[name]} {repeated}"
    if len(members) < 2:
        return Rung(name, "not measured", f"not measured: {command}")
    series = metric_series(actual)
    expected = members[0].series
    for metric, values in expected.items():
        found = len(series.get(metric, ()))
        if found != len(values):
            text = (
                f"{metric}: {counted(len(values), 'value')} in the ensemble, "
                f"{found or 'none'} in the run"
            )
            return Rung(name, "broken", text, len(members))
    judged = tuple(_judged(series, members))
    outside = [item for item in judged if item.outside]
    count = f"{len(members)} runs {_OTHERS[name]}"
    if outside:
        worst = outside[0]
        text = (
            f"{_called(worst, series)} is {worst.recorded:.6g}, outside what {count} let expect of "
            f"one more: {worst.low:.6g} to {worst.high:.6g}"
        )
        text += f"; {counted(len(outside) - 1, 'more value')} too" if len(outside) > 1 else ""
        return Rung(name, "broken", text, len(members), judged)
    if not judged:
        return Rung(name, "cannot tell", "no value can be judged", len(members))
    odd = next((item for item in judged if not item.deviation and item.recorded != item.mean), None)
    if odd is not None:
        text = (
            f"cannot tell: {_called(odd, series)} is {odd.recorded:.8g}, and {odd.mean:.8g} in all "
            f"{len(members)} runs; of so many and one more the odd one out is the last once in "
            f"{len(members) + 1}"
        )
        return Rung(name, "cannot tell", text, len(members), judged)
    if len(members) < LEAST_RUNS:
        return Rung(name, "cannot tell", _too_few(judged, len(members)), len(members), judged)
    text = f"{counted(len(judged), 'value')}, each within what {count} let expect of one more"
    return Rung(name, "holds", text, len(members), judged)


def _judged(
    series: dict[str, tuple[float | None, ...]], members: Sequence[Member]
) -> Iterator[Judged]:
    """Yield each value that all runs have, those outside and the least likely first."""
    from statistics import fmean, stdev  # where nothing is judged, its import would be in vain

    found = []
    seen: set[tuple[float, ...]] = set()
    for metric, recorded in series.items():
        for at, value in enumerate(recorded):
            others = [
                item.series[metric][at]
                for item in members
                if metric in item.series and at < len(item.series[metric])
            ]
            known = [other for other in others if other is not None and math.isfinite(other)]
            # What `evaluate` returns after a fit is its last validation once more.
            if value is None or len(known) < len(members) or (value, *known) in seen:
                continue
            seen.add((value, *known))
            found.append((metric, at + 1, value, known))
    chances = [_chance(value, known) for _, _, value, known in found]
    outside = holm(chances)
    order = sorted(range(len(found)), key=lambda index: (not outside[index], chances[index]))
    level = LEVEL / max(1, len(found))
    for index in order:
        metric, position, value, known = found[index]
        mean, deviation = fmean(known), stdev(known)
        yield Judged(
            metric,
            position,
            value,
            mean,
            deviation,
            *interval(mean, deviation, len(known), level),
            chance=chances[index],
            outside=outside[index],
            detectable=detectable(deviation, len(known), level),
        )


def _chance(value: float, known: Sequence[float]) -> float:
    """Return how often an honest run lies as far from an ensemble as a value does."""
    if not math.isfinite(value):
        return 0.0
    if len(set(known)) == 1:
        return 1.0 if value == known[0] else 1 / (len(known) + 1)
    from statistics import fmean, stdev

    return chance(value, fmean(known), stdev(known), len(known))


def _too_few(judged: Sequence[Judged], runs: int) -> str:
    """Say what so few runs can tell."""
    last = max(judged, key=lambda item: (item.position, item.deviation > 0))
    level = LEVEL / len(judged)
    half = last.detectable / 2
    more = runs_needed(half / last.deviation, level) - runs if last.deviation else LEAST_RUNS - runs
    return (
        f"cannot tell: with {runs} runs only differences of {last.metric} above "
        f"{last.detectable:.2g} would be seen; {max(more, LEAST_RUNS - runs)} more would bring it "
        f"to {half:.2g}"
    )


def _called(judged: Judged, series: dict[str, tuple[float | None, ...]]) -> str:
    """Return what to call a value: its metric, and its epoch where there are several."""
    several = len(series[judged.metric]) > 1
    return f"{judged.metric} of epoch {judged.position}" if several else judged.metric
