"""Results as papers print them: a number, often with how far it scatters, and over how many runs.

| is read as | printed |
|---|---|
| a number, good to its last digit | ``96.3``, ``96.3 %``, ``1.2e-3``, ``12,345.6`` |
| mean and standard deviation | ``96.3 ± 0.2``, ``+/-``, ``+-``, ``\\pm``, in ``$…$`` or ``(…)`` |
| the same, in units of the last digit | ``96.3(2)`` |
| a number and an interval around it | ``0.963 [0.961, 0.965]`` |
| the lowest and the highest | ``95.8-96.4``, also with a dash or ``to`` |
| over how many runs, behind any of them | ``(n=5)``, ``(5 runs)``, ``over 5 seeds`` |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["Printed", "parse"]

_MAX_LENGTH = 200
_LARGEST = 10**300

# U+2212 is the minus sign that papers print.
# A comma parts thousands; what begins with 0 and a comma is somebody's decimal comma.
_NUMBER = (
    r"(?P<{0}sign>[+\-\u2212]?)(?P<{0}whole>[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+|[0-9]{{1,40}})?"
    r"(?:\.(?P<{0}part>[0-9]{{0,40}}))?"
    r"(?:[eE](?P<{0}exponent>[+\-\u2212]?[0-9]{{1,3}}))?(?P<{0}percent>\s?\\?%)?"
)
_ONE, _TWO, _THREE = (_NUMBER.format(name) for name in "abc")
_PERCENT = r"(?P<percent>\s?\\?%)?"
_FORMS = {
    "number": _ONE,
    "spread": rf"(?:\(\s*)?{_ONE}\s*(?:±|\+/?-|\\pm)\s*{_TWO}(?:\s*\))?{_PERCENT}",
    "units": rf"{_ONE}\((?P<units>[0-9]{{1,6}})\){_PERCENT}",
    "interval": rf"{_ONE}\s*[\[(]\s*{_TWO}\s*(?:,|;|to|\u2013)\s*{_THREE}\s*[\])]",
    "range": rf"{_ONE}\s*(?:--|\u2013|\u2014|to|-)\s*{_TWO}",
}
_RUNS = r"(?:runs?|seeds?|trials?)"
_COUNT = (
    rf"[,;]?\s*(?:\(\s*(?:n\s*=\s*)?(?P<in>[0-9]{{1,6}})\s*{_RUNS}?\s*\)"
    rf"|n\s*=\s*(?P<plain>[0-9]{{1,6}})|over\s+(?P<over>[0-9]{{1,6}})\s+{_RUNS})$"
)


class Printed(NamedTuple):
    """A result as it is printed; as a share where it is printed in percent.

    Attributes:
        value: The number; None of a range.
        unit: One unit of its last digit.
        spread: The standard deviation printed beside it.
        spread_unit: One unit of the last digit of that.
        low: The lower end of an interval or a range, less half a unit of its last digit.
        high: The upper end, and half a unit more.
        runs: Over how many runs, 2 or more; None where that is not printed.
    """

    value: Fraction | None
    unit: Fraction
    spread: Fraction | None = None
    spread_unit: Fraction | None = None
    low: Fraction | None = None
    high: Fraction | None = None
    runs: int | None = None

    @property
    def scatters(self) -> bool:
        """Whether it is printed with how far it scatters."""
        return self.spread is not None or self.low is not None


def parse(text: str) -> Printed | None:
    """Return what a printed result says; None where it is none.

    >>> parse("96.3 ± 0.2% (n=5)").spread, parse("96.3(2)").spread, parse("words")
    (Fraction(1, 500), Fraction(1, 5), None)
    """
    text = text.strip()
    if len(text) > _MAX_LENGTH:
        return None
    read = _read(text)
    if read is not None:
        return read
    count = re.search(_COUNT, text, re.IGNORECASE)
    runs = None if count is None else int(next(filter(None, count.groups())))
    bare = text if count is None else text[: count.start()]
    read = _read(bare.strip().strip("$").strip())
    # One run has no scatter, and none is none.
    return None if read is None else read._replace(runs=runs if (runs or 0) > 1 else None)


def _read(text: str) -> Printed | None:
    """Return what is printed without a count."""
    for form, pattern in _FORMS.items():
        # Compiled where it is asked for: every start of the command line would pay for it.
        match = re.fullmatch(pattern, text)
        found = None if match is None else _of(form, match)
        if found is not None:
            return found
    return None


def _of(form: str, match: re.Match[str]) -> Printed | None:
    """Return what a match of one form says; None where a number in it has no digit."""
    groups = match.groupdict()
    percent = any(groups.get(name) for name in ("percent", "apercent", "bpercent", "cpercent"))
    numbers = [_number(groups, name, percent) for name in "abc" if f"{name}sign" in groups]
    if None in numbers:
        return None
    (value, unit), *others = (item for item in numbers if item is not None)
    if form == "spread":
        ((spread, spread_unit),) = others
        # A deviation has no sign.
        return None if groups["bsign"] else Printed(value, unit, spread, spread_unit)
    if form == "units":
        return Printed(value, unit, int(groups["units"]) * unit, unit)
    if form == "interval":
        (low, below), (high, above) = others
        if not low <= value <= high:
            return None
        return Printed(value, unit, low=low - below / 2, high=high + above / 2)
    if form == "range":
        ((high, above),) = others
        if value > high:
            return None
        return Printed(None, unit, low=value - unit / 2, high=high + above / 2)
    return Printed(value, unit)


def _number(groups: dict[str, str], name: str, percent: bool) -> tuple[Fraction, Fraction] | None:
    """Return the value of a printed number and that of one unit of its last digit."""
    # Only claims need it, and every start of the command line would pay for it.
    from fractions import Fraction

    whole, part = groups[f"{name}whole"] or "", groups[f"{name}part"] or ""
    if not (whole or part):
        return None
    power = int((groups[f"{name}exponent"] or "0").replace("\u2212", "-")) - len(part)
    unit = Fraction(10) ** power / (100 if percent else 1)
    value = int(whole.replace(",", "") + part) * unit
    if max(value, unit) > _LARGEST:
        return None  # no metric is so large, and hardly a float
    return (value if groups[f"{name}sign"] in {"", "+"} else -value), unit
