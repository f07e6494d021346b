"""Check numbers that somebody published against a run, each at the precision it is printed in."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from repro_audit.canonical import SPECIAL, number
from repro_audit.compare import Match, same_value
from repro_audit.errors import ManifestError, printable, shown
from repro_audit.files import read_bounded
from repro_audit.manifest import Manifest, metric_series
from repro_audit.strict_json import read_json
from repro_audit.wording import counted

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["Claim", "Claims", "check_claims", "claims_verdict", "load_claims"]

Value = str | float
"""A number as printed, or a float to be met bit for bit, or within a tolerance."""

Claims = Mapping[str, Value | tuple[Value, ...]]
"""For each metric its final value, or one value an epoch."""

_PRINTED = re.compile(
    # U+2212 is the minus sign that papers print.
    # A comma parts thousands; what begins with 0 and a comma is somebody's decimal comma.
    r"(?P<sign>[+\-\u2212]?)(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]{1,40})?"
    r"(?:\.(?P<part>[0-9]{0,40}))?(?:[eE](?P<exponent>[+\-\u2212]?[0-9]{1,3}))?(?P<percent>\s?\\?%)?"
)
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
    """

    manifest: int
    metric: str
    verdict: Match
    claimed: str
    recorded: float | None
    text: str


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
        if _parsed(value) is None:
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
) -> tuple[Claim, ...]:
    """Return each claim checked against each run.

    Args:
        manifests: The runs.
        claims: What was published.
        rtol: Relative tolerance of claims that are numbers and not printed text.
        atol: Absolute tolerance of the same.

    Returns:
        All claims on the first run, then all on the next, in the order of the claims.
    """
    return tuple(
        _check(position, manifest, metric, claimed, (rtol or 0.0, atol or 0.0))
        for position, manifest in enumerate(manifests)
        for metric, claimed in claims.items()
    )


def claims_verdict(claims: Sequence[Claim]) -> Match:
    """Return the verdict on all claims together, ``match`` where there are none.

    As in a comparison, what differs decides, whatever is missing beside it.
    """
    return max((claim.verdict for claim in claims), key=_VERDICTS.index, default="match")


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
            return Claim(position, metric, "differ", _quoted(value), recorded, text)
    recorded = values[-1] if values else None
    return Claim(position, metric, "match", last, recorded, _agreement(wanted, tolerance))


def _holds(claimed: Value, recorded: float, tolerance: tuple[float, float]) -> bool:
    """Whether a value is the one claimed: to the last digit printed, or within a tolerance."""
    if isinstance(claimed, str):
        printed = _parsed(claimed)
        if printed is None or not math.isfinite(recorded):
            return False
        from fractions import Fraction

        value, unit = printed
        # Halfway between two, either may have been printed; and a percentage was multiplied first.
        rounding = abs(Fraction(recorded)) * Fraction(2) ** -52
        return abs(Fraction(recorded) - value) <= unit / 2 + rounding
    if same_value(claimed, recorded):
        return True
    rtol, atol = tolerance
    if not (rtol or atol):
        return False
    finite = math.isfinite(claimed) and math.isfinite(recorded)
    return finite and abs(recorded - claimed) <= atol + rtol * abs(claimed)


def _parsed(text: str) -> tuple[Fraction, Fraction] | None:
    """Return the value of a printed number and that of one unit of its last digit."""
    match = _PRINTED.fullmatch(text.strip())
    if match is None or not (match["whole"] or match["part"]):
        return None
    # Only claims need it, and every start of the command line would pay for it.
    from fractions import Fraction

    digits = (match["whole"] or "").replace(",", "") + (match["part"] or "")
    power = int((match["exponent"] or "0").replace("\u2212", "-")) - len(match["part"] or "")
    unit = Fraction(10) ** power / (100 if match["percent"] else 1)
    value = int(digits) * unit
    return (value if match["sign"] in {"", "+"} else -value), unit


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
