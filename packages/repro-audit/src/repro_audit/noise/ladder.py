"""On which rung of the ladder of sameness a run stands: bits, rounding, seeds, or none of them.

A run that ends in other bits is held against an ensemble: each value of each metric against the
prediction interval of one more run, all values together at one error rate. Where all runs of an
ensemble agree in a value, only their rank is known: an odd one out is the new one with a
probability of `1 / (n + 1)`. That is seldom rare enough to call it another run, and never a reason
to call it the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from repro_audit.errors import MissingExtraError
from repro_audit.manifest import Manifest, metric_series
from repro_audit.noise.power import detectable, runs_needed
from repro_audit.noise.scatter import LEVEL, chance, holm, interval, moments
from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.noise.ensemble import Ensemble, Member, Moved

__all__ = ["LEAST_RUNS", "RUNGS", "Holds", "Judged", "Rung", "RungName", "ladder", "reached"]

RungName = Literal["bits", "rounding", "seeds"]
RUNGS: tuple[RungName, ...] = ("bits", "rounding", "seeds")
"""From the strictest."""

Moments = tuple[float, float]
"""A mean, and a standard deviation."""

Holds = Literal["holds", "broken", "cannot tell", "not measured"]

LEAST_RUNS = 5
"""Of fewer runs an interval is so wide that agreement says nothing."""

_PLACE = re.compile(r"^(?:fit \d+ |evaluation (?:\d+ )?)")
"""Stands before a metric where there are several fits, or which `evaluate` returned."""

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
        rank: Its place among the ensemble's and its own, from 1, the lowest; without any assumption
            the last of so many is the lowest or the highest with a probability of 2 over them.
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
    rank: int
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


def ladder(
    actual: Manifest,
    ensemble: Ensemble | None,
    repeated: str = "",
    ignored: Collection[str] = (),
) -> tuple[Rung, ...]:
    """Return how far down the ladder a run stands that ended in other bits.

    Args:
        actual: The run.
        ensemble: Of the run that it was compared with; None where none was given.
        repeated: The script that a repeat would run, for what is advised; empty where that is not
            known.
        ignored: Metrics that are not compared.

    Returns:
        One rung each, the strictest first; without SciPy none below the first is measured.
    """
    script = repeated or (ensemble.script if ensemble is not None else "") or "SCRIPT ARGS"
    rungs = [Rung("bits", "broken", "the bits differ")]
    for name in RUNGS[1:]:
        members = () if ensemble is None else ensemble.of(_MOVED[name])
        command = f"repro-audit repeat {_MAKES[name]} {script}"
        if len(members) < 2:
            rungs.append(Rung(name, "not measured", f"not measured: {command}"))
            continue
        try:
            rungs.append(_rung(name, actual, members, ignored))
        except MissingExtraError as error:
            rungs.append(Rung(name, "not measured", f"not measured: {error}", len(members)))
    return tuple(rungs)


def reached(rungs: Sequence[Rung]) -> RungName | None:
    """Return the strictest rung that holds; None where none does."""
    return next((rung.name for rung in rungs if rung.holds == "holds"), None)


class _Value(NamedTuple):
    """One value of a run, and those of an ensemble there.

    Attributes:
        metric: Its metric.
        position: Which value of it, from 1.
        several: Whether the metric has others.
        recorded: What the run has.
        known: What each run of the ensemble has, the first one first.
    """

    metric: str
    position: int
    several: bool
    recorded: float | None
    known: tuple[float | None, ...]

    @property
    def called(self) -> str:
        """What to call it in a sentence."""
        return f"{self.metric} of epoch {self.position}" if self.several else self.metric


def _rung(
    name: RungName, actual: Manifest, members: Sequence[Member], ignored: Collection[str]
) -> Rung:
    """Hold a run against one kind of ensemble."""
    runs = len(members)
    series = metric_series(actual)
    expected = {
        metric: known
        for metric, known in members[0].series.items()
        if _PLACE.sub("", metric) not in ignored
    }
    for metric, known in expected.items():
        found = len(series.get(metric, known))
        if found != len(known):
            text = f"{metric}: {counted(len(known), 'value')} in the ensemble, {found} in the run"
            return Rung(name, "broken", text, runs)
    values = [
        _Value(metric, at + 1, len(known) > 1, recorded, _all_at(members, metric, at))
        for metric, known in expected.items()
        for at, recorded in enumerate(series.get(metric, (None,) * len(known)))
    ]
    kept: list[tuple[_Value, Moments]] = []
    lost: list[_Value] = []
    for value in values:
        found_there = moments(value.known)
        if found_there is None or moments([value.recorded]) is None:
            lost.append(value)
        else:
            kept.append((value, found_there))
    for item in lost:
        if item.metric in series and _is_lost(item.recorded, item.known):
            first, recorded = _said(item.known[0]), _said(item.recorded)
            text = f"{item.called} is {recorded}, and {first} in the first run"
            return Rung(name, "broken", text, runs)
    judged = tuple(_judged(kept))
    outside = [item for item in judged if item.outside]
    what = f"{runs} runs {_OTHERS[name]}"
    called = {(value.metric, value.position): value.called for value in values}
    if outside:
        worst = outside[0]
        text = (
            f"{called[worst.metric, worst.position]} is {worst.recorded:.6g}, outside what {what} "
            f"let expect of one more: {worst.low:.6g} to {worst.high:.6g}"
        )
        text += f"; {counted(len(outside) - 1, 'more value')} too" if len(outside) > 1 else ""
        return Rung(name, "broken", text, runs, judged)
    doubt = _doubt(values, lost, judged, series, runs)
    if doubt:
        return Rung(name, "cannot tell", f"cannot tell: {doubt}", runs, judged)
    text = f"{counted(len(judged), 'value')}, each within what {what} let expect of one more"
    return Rung(name, "holds", text, runs, judged)


def _all_at(members: Sequence[Member], metric: str, at: int) -> tuple[float | None, ...]:
    """Return what each run has at a place of a metric."""
    found = (item.series.get(metric, ()) for item in members)
    return tuple(values[at] if at < len(values) else None for values in found)


def _is_lost(recorded: float | None, known: Sequence[float | None]) -> bool:
    """Whether a run has no number where the first one has one."""
    first = known[0]
    known_first = first is not None and math.isfinite(first)
    return known_first and (recorded is None or not math.isfinite(recorded))


def _said(value: float | None) -> str:
    return "no value" if value is None else f"{value:.6g}"


def _doubt(
    values: Sequence[_Value],
    lost: Sequence[_Value],
    judged: Sequence[Judged],
    series: Mapping[str, object],
    runs: int,
) -> str:
    """Say why a run that is nowhere outside need not be the same; empty where it is."""
    if lost:
        item = lost[0]
        if item.metric not in series:
            return f"the run has no {item.metric}; --ignore-metric NAME leaves a metric out"
        return f"not every run has a number for {item.called}"
    if not judged:
        return "no value can be judged"
    odd = next((item for item in judged if not item.deviation and item.recorded != item.mean), None)
    if odd is not None:
        place = odd.metric, odd.position
        name = next(item.called for item in values if (item.metric, item.position) == place)
        return (
            f"{name} is {odd.recorded:.8g}, and {odd.mean:.8g} in all {runs} runs; of so many and "
            f"one more the odd one out is the last once in {runs + 1}"
        )
    if not any(item.deviation for item in judged):
        return f"all {runs} runs end in the same values, which so show no noise"
    return _too_few(judged, runs) if runs < LEAST_RUNS else ""


def _judged(values: Sequence[tuple[_Value, Moments]]) -> Iterator[Judged]:
    """Yield values held against an ensemble, those outside and the least likely first."""
    # What `evaluate` returns after a fit is its last validation once more.
    once = {(item[0].recorded, *item[0].known): item for item in reversed(values)}
    found = list(reversed(once.values()))
    chances = [_chance(value, *known) for value, known in found]
    outside = holm(chances)
    order = sorted(range(len(found)), key=lambda index: (not outside[index], chances[index]))
    level = LEVEL / max(1, len(found))
    for index in order:
        value, (mean, deviation) = found[index]
        runs, recorded = len(value.known), value.recorded or 0.0
        yield Judged(
            value.metric,
            value.position,
            recorded,
            mean,
            deviation,
            *interval(mean, deviation, runs, level),
            chance=chances[index],
            rank=1 + sum(other < recorded for other in value.known if other is not None),
            outside=outside[index],
            detectable=detectable(deviation, runs, level),
        )


def _chance(value: _Value, mean: float, deviation: float) -> float:
    """Return how often an honest run lies as far from an ensemble as a value does."""
    runs = len(value.known)
    if not deviation:
        return 1.0 if value.recorded == mean else 1 / (runs + 1)
    return chance(value.recorded or 0.0, mean, deviation, runs)


def _too_few(judged: Sequence[Judged], runs: int) -> str:
    """Say what so few runs can tell."""
    last = max(judged, key=lambda item: (item.position, item.deviation > 0))
    level = LEVEL / len(judged)
    half = last.detectable / 2
    more = runs_needed(half / last.deviation, level) - runs if last.deviation else LEAST_RUNS - runs
    return (
        f"with {runs} runs only differences of {last.metric} above "
        f"{last.detectable:.2g} would be seen; {max(more, LEAST_RUNS - runs)} more would bring it "
        f"to {half:.2g}"
    )
