"""Hold numbers that somebody published against how far other seeds take the run itself.

A number that is printed without its scatter is one run of somebody's: it need not end in the digits
of mine. One with its deviation and its number of runs is a mean, and is held against the mean of
the ensemble: Welch's test (Biometrika 34, 1947) does not assume that both scatter alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from repro_audit.noise import Printed, chance, holm, moments, parse, welch
from repro_audit.noise.ladder import LEAST_RUNS

if TYPE_CHECKING:
    from repro_audit.audit.claims import Claim
    from repro_audit.noise.ensemble import Ensemble

__all__ = ["beside_noise"]


def beside_noise(
    claims: Sequence[Claim], printed: Mapping[str, object], ensemble: Ensemble
) -> list[Claim]:
    """Return claims that say whether other seeds of the run take it to what was printed.

    Args:
        claims: Of one run.
        printed: What was printed, by metric.
        ensemble: The ensemble of the run; one with fewer than five seeds says nothing.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    known: dict[int, tuple[float, float, int]] = {}
    chances: dict[int, float] = {}
    for at, claim in enumerate(claims):
        claimed = printed[claim.metric]
        number = parse(claimed) if isinstance(claimed, str) else None
        values = ensemble.last(claim.metric, "seed")
        scatter = moments(values)
        if number is None or number.value is None or scatter is None or len(values) < LEAST_RUNS:
            continue
        known[at] = *scatter, len(values)
        found = _chance(number, *known[at])
        if found is not None:
            chances[at] = found
    others = dict(zip(chances, holm(list(chances.values())), strict=True))
    result = []
    for at, claim in enumerate(claims):
        if at not in others:
            result.append(claim)
            continue
        mean, deviation, runs = known[at]
        where = "outside" if others[at] else "within"
        text = f"{claim.text}; {where} the scatter of {runs} seeds, {mean:.6g} ± {deviation:.2g}"
        result.append(claim._replace(text=text, within=not others[at]))
    return result


def _chance(printed: Printed, mean: float, deviation: float, runs: int) -> float | None:
    """Return how often honest results are as far apart; the roundings of print favour them."""
    value, half = float(printed.value or 0), float(printed.unit) / 2
    nearest = min(max(mean, value - half), value + half)
    if printed.spread is None:
        return None if printed.low is not None else chance(nearest, mean, deviation, runs)
    if printed.runs is None:
        return None
    spread = float(printed.spread) + float(printed.spread_unit or 0) / 2
    return welch((nearest, spread, printed.runs), (mean, deviation, runs))
