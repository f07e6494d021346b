"""Check numbers that somebody published against a run, each at the precision it is printed in.

A number that is printed with its scatter is one of several runs: another one need not end in its
digits, and is held against the scatter.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from repro_audit.audit.claimed_noise import beside_noise
from repro_audit.canonical import SPECIAL, number
from repro_audit.compare import Match, same_value
from repro_audit.errors import ManifestError, printable, shown
from repro_audit.files import read_bounded
from repro_audit.manifest import Manifest, metric_series
from repro_audit.noise import LEVEL, Printed, chance, holm, interval, outside_range, parse
from repro_audit.strict_json import read_json
from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.noise.ensemble import Ensemble

__all__ = ["Claim", "Claims", "check_claims", "claims_verdict", "load_claims"]

Value = str | float
"""A number as printed, or a float to be met bit for bit, or within a tolerance."""

Claims = Mapping[str, Value | tuple[Value, ...]]
"""For each metric its final value, or one value an epoch."""

_VERDICTS: tuple[Match, ...] = ("match", "missing", "differ")
_EXAMPLE = '{"accuracy": "96.30%", "loss": ["0.41", "0.12"]}'


class Claim(NamedTuple):
    """One metric that was claimed, and what a run has of it.

    Attributes:
        manifest: Position of the run among those given.
        metric: Its name, as in `repro_audit.manifest.metric_series`.
        verdict: ``match``, ``differ`` or ``missing``.
        claimed: The value as printed; of several, the first that differs, or the last.
        recorded: The value of the run there; None where it has none.
        text: What there is to say, in a few words.
        within: Whether other seeds of the run take it as far; None where that was not measured.
    """

    manifest: int
    metric: str
    verdict: Match
    claimed: str
    recorded: float | None
    text: str
    within: bool | None = None


def load_claims(path: str | os.PathLike[str]) -> Claims:
    """Read claims: an object of metrics, each with its value as printed, or one value an epoch.

    A Keras ``history.json`` is one: the numbers of its lists are to be met bit for bit, or within a
    tolerance.

    Args:
        path: File to read; ``-`` is standard input.

    Returns:
        By metric, a value or one for each epoch: text as it was printed, or a float.

    Raises:
        ManifestError: The file cannot be read, or is no such object.
    """
    name = printable(os.fspath(path))
    document = read_json(read_bounded(path), name)
    if not isinstance(document, dict) or not document:
        _refuse(name, "$", document)
    return {metric: _claimed(name, metric, value) for metric, value in document.items()}


def _claimed(name: str, metric: str, value: object) -> Value | tuple[Value, ...]:
    """Return what is claimed of one metric."""
    path = f"$[{shown(metric)}]"
    if not isinstance(value, list):
        claimed = _value(name, path, value)
        # Not in quotes it is what was printed all the same, but for zeros at its end.
        return claimed if isinstance(value, str) else repr(value)
    if not value:
        _refuse(name, path, value)
    return tuple(_value(name, f"{path}[{at}]", item) for at, item in enumerate(value))


def _value(name: str, where: str, value: object) -> Value:
    """Return one value that is claimed."""
    if isinstance(value, str):
        if value in SPECIAL:
            return number(value)
        if parse(value) is None:
            _refuse(name, where, value)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(name, where, value)
    return float(value)


def _refuse(name: str, where: str, value: object) -> NoReturn:
    message = (
        f"{name}: {where}: expected a number as printed, received {shown(value)}. "
        f"Claims look like {_EXAMPLE}."
    )
    raise ManifestError(message)


def check_claims(
    manifests: Sequence[Manifest],
    claims: Claims,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    ensemble: Ensemble | None = None,
) -> tuple[Claim, ...]:
    """Return each claim checked against each run.

    Args:
        manifests: The runs.
        claims: What was published.
        rtol: Relative tolerance of claims that are numbers and not printed text.
        atol: Absolute tolerance of the same.
        ensemble: How far noise takes the first run.

    Returns:
        All claims on the first run, then all on the next, in the order of the claims.
    """
    tolerance = rtol or 0.0, atol or 0.0
    checked: list[Claim] = []
    for position, manifest in enumerate(manifests):
        found = [
            _check(position, manifest, metric, claimed, tolerance)
            for metric, claimed in claims.items()
        ]
        held = list(_scattered(found, claims))
        checked += held if ensemble is None else beside_noise(held, claims, ensemble)
    return tuple(checked)


def claims_verdict(claims: Sequence[Claim], *, accept_seeds: bool = False) -> Match:
    """Return the verdict on all claims together, ``match`` where there are none.

    As in a comparison, what differs decides, whatever is missing beside it.

    Args:
        claims: The claims.
        accept_seeds: Whether one may differ that other seeds of the run take as far.
    """
    left = [claim.verdict for claim in claims if not (accept_seeds and claim.within)]
    return max(left, key=_VERDICTS.index, default="match")


def _check(
    position: int,
    manifest: Manifest,
    metric: str,
    claimed: Value | tuple[Value, ...],
    tolerance: tuple[float, float],
) -> Claim:
    """Check one metric of one run."""
    series = metric_series(manifest)
    values = series.get(metric)
    wanted = claimed if isinstance(claimed, tuple) else (claimed,)
    last = _quoted(wanted[-1]) if wanted else "no value"
    if values is None:
        near = difflib.get_close_matches(metric, series, n=3) or list(series)[:8]
        names = ", ".join(near)
        text = "the run has no such metric" + (f"; it has {names}" if names else "")
        return Claim(position, metric, "missing", last, None, text)
    if isinstance(claimed, tuple) and len(wanted) != len(values):
        text = f"the run has {counted(len(values), 'value')}"
        recorded = values[-1] if values else None
        claimed_values = counted(len(wanted), "value")
        return Claim(position, metric, "differ", claimed_values, recorded, text)
    if not isinstance(claimed, tuple):
        values = values[-1:] or (None,)
    for epoch, (value, recorded) in enumerate(zip(wanted, values, strict=True), start=1):
        where = f"epoch {epoch}: " if len(wanted) > 1 else ""
        if recorded is None:
            text = f"{where}the run has no value"
            return Claim(position, metric, "missing", _quoted(value), None, text)
        if not _holds(value, recorded, tolerance):
            text = where + _difference(value, recorded)
            verdict: Match = "differ"
            printed = parse(value) if isinstance(value, str) else None
            if isinstance(claimed, tuple) and printed is not None and printed.scatters:
                verdict, text = "missing", f"{text}: of a value an epoch no scatter is judged"
            return Claim(position, metric, verdict, _quoted(value), recorded, text)
    recorded = values[-1] if values else None
    return Claim(position, metric, "match", last, recorded, _agreement(wanted, tolerance))


def _scattered(claims: Sequence[Claim], printed: Claims) -> Iterator[Claim]:
    """Yield claims of one run; those that miss what is printed are held against its scatter.

    All together call an honest rerun another one as often as `LEVEL` says, and not each of them.
    """
    known = {
        at: scatter
        for at, claim in enumerate(claims)
        if (scatter := _scatter(claim, printed[claim.metric])) is not None
    }
    of_runs = [at for at, item in known.items() if item.runs]
    chances = [_chance(claims[at], known[at]) for at in of_runs]
    others = dict(zip(of_runs, holm(chances), strict=True))
    for at, claim in enumerate(claims):
        scatter = known.get(at)
        if scatter is None or claim.verdict != "differ":
            yield claim
        elif scatter.spread is not None and scatter.runs:
            yield _against_runs(claim, scatter, is_other=others[at], together=len(of_runs))
        else:
            yield _against_ends(claim, scatter, is_other=others.get(at, False))


def _scatter(claim: Claim, claimed: Value | tuple[Value, ...]) -> Printed | None:
    """Return what is printed of one value with its scatter; None of anything else."""
    if not isinstance(claimed, str) or claim.recorded is None or not math.isfinite(claim.recorded):
        return None
    printed = parse(claimed)
    return printed if printed is not None and printed.scatters else None


def _chance(claim: Claim, printed: Printed) -> float:
    """Return how often an honest rerun lies as far away; roundings of print are in its favour."""
    if claim.verdict == "match":
        return 1.0
    if printed.low is not None and printed.high is not None:
        recorded = claim.recorded or 0.0
        inside = float(printed.low) <= recorded <= float(printed.high)
        # An interval is for a mean, of which nobody knows how often a run lies outside.
        return 1.0 if inside or printed.value is not None else outside_range(printed.runs or 2)
    recorded, mean, deviation = _rounded(claim, printed)
    return chance(recorded, mean, deviation, printed.runs or 2)


def _rounded(claim: Claim, printed: Printed) -> tuple[float, float, float]:
    """Return a run's value, and of mean and deviation what was printed that is nearest to it."""
    value, unit = float(printed.value or 0), float(printed.unit) / 2
    recorded = claim.recorded or 0.0
    mean = min(max(recorded, value - unit), value + unit)
    return recorded, mean, float(printed.spread or 0) + float(printed.spread_unit or 0) / 2


def _against_runs(claim: Claim, printed: Printed, *, is_other: bool, together: int) -> Claim:
    """Judge a value by what so many runs let expect of one more."""
    _, mean, deviation = _rounded(claim, printed)
    low, high = interval(mean, deviation, printed.runs or 2)
    where = "outside" if is_other else "within"
    held = f"; {together} claims are judged together" if together > 1 else ""
    text = (
        f"recorded {claim.recorded!r}, {where} what {counted(printed.runs or 2, 'run')} let expect "
        f"of one more: as far off are {_chance(claim, printed):.2g} of honest reruns, and "
        f"{1 - LEVEL:.0%} from {low:.6g} to {high:.6g}{held}"
    )
    text += _without_percent(claim, printed) if is_other else ""
    return claim._replace(verdict="differ" if is_other else "match", text=text)


def _against_ends(claim: Claim, printed: Printed, *, is_other: bool) -> Claim:
    """Judge a value by an interval, a range, or a deviation of nobody says how many runs."""
    recorded = claim.recorded or 0.0
    if printed.low is not None and printed.high is not None:
        low, high, what = float(printed.low), float(printed.high), "the ends that are printed"
    else:
        value, reach = float(printed.value or 0), float((printed.spread or 0) + printed.unit / 2)
        low, high, what = value - reach, value + reach, "one deviation of the mean"
    if low <= recorded <= high:
        return claim._replace(verdict="match", text=f"recorded {recorded!r}, within {what}")
    said = f"recorded {recorded!r}, outside {what}{_without_percent(claim, printed)}"
    if printed.value is None and printed.runs:
        often = outside_range(printed.runs)
        said += f", as {often:.2g} of honest reruns of {counted(printed.runs, 'run')} are"
    elif printed.low is not None:
        said += ": how often an honest rerun is cannot be told from them"
    else:
        said += ": it does not say over how many runs, such as (n=5)"
    return claim._replace(verdict="differ" if is_other else "missing", text=said)


def _without_percent(claim: Claim, printed: Printed) -> str:
    """Say that a claim may lack its percent sign, where it would then be near the run's value."""
    middle = printed.value if printed.value is not None else printed.low
    near = middle is not None and abs(float(middle) / 100 - (claim.recorded or 0)) < 0.05
    return "; the claim may lack its percent sign" if near and float(middle or 0) > 10 else ""


def _holds(claimed: Value, recorded: float, tolerance: tuple[float, float]) -> bool:
    """Whether a value is the one claimed: to the last digit printed, or within a tolerance."""
    if isinstance(claimed, str):
        printed = parse(claimed)
        if printed is None or printed.value is None or not math.isfinite(recorded):
            return False
        from fractions import Fraction

        # Halfway between two, either may have been printed; and a percentage was multiplied first.
        rounding = abs(Fraction(recorded)) * Fraction(2) ** -52
        return abs(Fraction(recorded) - printed.value) <= printed.unit / 2 + rounding
    if same_value(claimed, recorded):
        return True
    rtol, atol = tolerance
    if not (rtol or atol):
        return False
    finite = math.isfinite(claimed) and math.isfinite(recorded)
    return finite and abs(recorded - claimed) <= atol + rtol * abs(claimed)


def _difference(claimed: Value, recorded: float) -> str:
    """Say how a run differs from a claim; a percentage without its sign is a common slip."""
    if not isinstance(claimed, str):
        return f"claimed {claimed!r}, recorded {recorded!r}"
    text = f"recorded {recorded!r}"
    if not claimed.endswith("%") and _holds(f"{claimed}%", recorded, (0.0, 0.0)):
        text += f", which is {claimed}%: the claim lacks its percent sign"
    return text


def _agreement(wanted: Sequence[Value], tolerance: tuple[float, float]) -> str:
    """Say in which sense every value agrees."""
    count = f"{len(wanted)} values " if len(wanted) > 1 else ""
    if all(isinstance(value, str) for value in wanted):
        return f"{count}to the last digit printed"
    rtol, atol = tolerance
    if not (rtol or atol):
        return f"{count}bit for bit"
    within = [f"{name} {value:g}" for name, value in (("rtol", rtol), ("atol", atol)) if value]
    return f"{count}within {' and '.join(within)}"


def _quoted(value: Value) -> str:
    return value if isinstance(value, str) else repr(value)
