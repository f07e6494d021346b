"""What a log holds, and how values become the curves of fits, within bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from repro_audit.errors import ManifestError, shown
from repro_audit.logs.numbers import NoNumber, number_of, precision_of
from repro_audit.wording import counted, listed

__all__ = ["MAX_FITS", "Curves", "Fit", "Log", "log_of", "refuse"]

_MAX_VALUES = 1_000_000
_MAX_NAMES = 10_000
MAX_FITS = 1_000
_MAX_NAMED = 8
_STEPS = ("step", "epoch", "", "Unnamed: 0", "index")
"""Names that count rows and measure nothing: of several, the first one tells their order."""


class Fit(NamedTuple):
    """One training.

    Attributes:
        history: The values of each curve, in order; None for a row without one.
        dtypes: The dtype that each curve's values have; None where they do not tell.
        first_epoch: The epoch it begins with, from 1; None where that is not known.
    """

    history: dict[str, tuple[float | None, ...]]
    dtypes: dict[str, str | None]
    first_epoch: int | None = None


class Log(NamedTuple):
    """What a file, or a folder, says of trainings.

    Attributes:
        kind: What it is, in a few words.
        fits: The trainings, at least one.
        notes: What was left out, and what a reader should know, each a JSONPath and a reason.
    """

    kind: str
    fits: tuple[Fit, ...]
    notes: tuple[tuple[str, str], ...] = ()


def refuse(name: str, reason: str) -> NoReturn:
    """Raise the error that says why a file is not read.

    Raises:
        ManifestError: Always.
    """
    message = f"{name}: {reason}"
    raise ManifestError(message) from None


class Curves:
    """Collects values into curves, and begins another fit where a log begins anew.

    That is where a curve has a second value at a step that is not later than that of its last one.
    """

    def __init__(self, name: str) -> None:
        """Begin with nothing.

        Args:
            name: What messages call the file.
        """
        self.ignored: dict[str, str] = {}
        self._name = name
        self._count = 0
        self._fits: list[dict[str, list[float | None]]] = []
        self._first: list[float | None] = []
        self._last: dict[str, float] = {}
        self._dtypes: dict[str, str] = {}

    def add_row(self, row: Mapping[str, object]) -> None:
        """Add what one row of a table says: numbers by their names."""
        steps = (number_of(row.get(name)) for name in _STEPS)
        step = next((step for step in steps if isinstance(step, float)), None)
        epoch = number_of(row.get("epoch"))
        epoch = epoch if isinstance(epoch, float) else None
        if step is not None and any(step <= self._last.get(name, -math.inf) for name in row):
            self._begin(epoch)
        for name, value in row.items():
            if name not in _STEPS:
                self.add(name, value, step, epoch=epoch)

    def add(
        self,
        name: str,
        value: object,
        step: float | None = None,
        *,
        epoch: float | None = None,
        dtype: str | None = None,
    ) -> None:
        """Add one value to a curve.

        Args:
            name: The curve.
            value: The number, as a number or as text; what is none is noted.
            step: Its place in the fit; None where the order of the values is all there is.
            epoch: Its epoch, as the log counts them.
            dtype: The dtype it was stored in, where a log stores numbers as bits.
        """
        number = number_of(value)
        if isinstance(number, NoNumber):
            self._ignore(name, shown(value, 20))
            return
        if not self._fits or (step is not None and step <= self._last.get(name, -math.inf)):
            self._begin(epoch)
        if step is not None:
            self._last[name] = step
        curves = self._fits[-1]
        if name not in curves and len(curves) + len(self.ignored) >= _MAX_NAMES:
            refuse(self._name, f"holds more than {_MAX_NAMES:,} names, which no history does.")
        curves.setdefault(name, []).append(number)
        self._count += 1
        if self._count > _MAX_VALUES:
            refuse(self._name, f"holds more than {_MAX_VALUES:,} values, which no history does.")
        if dtype is not None:
            self._dtypes[name] = dtype

    def ignore(self, name: str) -> None:
        """Note that what has this name is no curve."""
        self._ignore(name, "")

    def _ignore(self, name: str, value: str) -> None:
        if len(self.ignored) >= _MAX_NAMES:
            refuse(self._name, f"holds more than {_MAX_NAMES:,} names, which no history does.")
        self.ignored.setdefault(name, value)

    def _begin(self, epoch: float | None) -> None:
        if len(self._fits) >= MAX_FITS:
            refuse(self._name, f"begins anew more than {MAX_FITS:,} times.")
        self._fits.append({})
        # Some count epochs from 0, others from 1: what begins with either begins at the beginning.
        known = epoch is not None and epoch >= 0 and epoch.is_integer() and epoch < 2**31
        self._first.append(max(epoch, 1.0) if epoch is not None and known else None)
        self._last.clear()

    def fits(self) -> tuple[Fit, ...]:
        """Return the fits that were collected; those without a number in them are none.

        Raises:
            ManifestError: Something that is no number stands in a curve.
        """
        whole = []
        for curves, first in zip(self._fits, self._first, strict=True):
            history = {
                name: tuple(values)
                for name, values in curves.items()
                if any(value is not None for value in values)
            }
            for name in history:
                if self.ignored.get(name):
                    refuse(
                        self._name,
                        f"the curve {shown(name)}: expected a number, received "
                        f"{self.ignored[name]}.",
                    )
            if history:
                dtypes = {
                    name: self._dtypes.get(name) or precision_of(values)
                    for name, values in history.items()
                }
                begins = None if first is None else int(first) + (first > 1)
                whole.append(Fit(history, dtypes, begins))
        return tuple(whole)


def log_of(
    kind: str, fits: tuple[Fit, ...], ignored: Mapping[str, object], *, notes: tuple[str, ...] = ()
) -> Log:
    """Return a log with the notes that every kind of log may need.

    Args:
        kind: What it is.
        fits: Its fits.
        ignored: Names of what was left out.
        notes: What else there is to say.
    """
    said = [("$", note) for note in notes]
    if len(fits) > 1:
        said.append(("$", f"it holds {len(fits):,} fits, one after another, by its own counting"))
    ragged = [fit for fit in fits if len({*map(len, fit.history.values())}) > 1]
    if ragged:
        lengths = listed(
            (f"{name} {len(values):,}" for name, values in ragged[0].history.items()), _MAX_NAMED
        )
        said.append(("$", f"its curves have unequal lengths: {lengths}"))
    left = sorted(set(ignored) - {name for fit in fits for name in fit.history})
    if left:
        names = listed(map(shown, left), _MAX_NAMED)
        said.append(("$", f"{counted(len(left), 'name')} left out: {names}"))
    return Log(kind, fits, notes=tuple(said))
