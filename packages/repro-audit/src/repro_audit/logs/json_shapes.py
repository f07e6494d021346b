"""Histories as JSON, in the shapes in which people save them.

=================================================  =============================================
``{"loss": [0.69, …]}``                            `history.history`, numbers or their texts
``{"loss": {"0": 0.69, …}}``                       pandas: ``DataFrame(history).to_json()``
``[{"loss": 0.69, …}, …]``                         pandas: ``orient="records"``
``{"history": {"loss": […]}, …}``                  one of these beside something else
``{"fold 0": {"loss": […]}, …}``                   several of them by their names
``[{"loss": […]}, …]``                             several of them in a list
``{"log_history": [{…}, …]}``                      ``trainer_state.json`` of Hugging Face
=================================================  =============================================
"""

from __future__ import annotations

from typing import Any

from repro_audit.errors import shown
from repro_audit.logs.kinds import LOGS, OBJECTS
from repro_audit.logs.log import MAX_FITS, Curves, Log, log_of, refuse
from repro_audit.logs.numbers import NO_NUMBER, number_of
from repro_audit.strict_json import read_json

__all__ = ["read_shapes"]

_LIMIT_CHARACTERS = 16 * 2**20
_MAX_VALUES = 500_000
"""Values of a JSON file, each of which takes a hundred times its bytes in memory."""

_COUNTING = frozenset({"epoch", "step"})
"""Names beside curves that count their values."""


def read_shapes(text: str, name: str) -> Log:
    """Return the histories in a JSON file.

    Args:
        text: The file's text.
        name: What messages call it.

    Raises:
        ManifestError: It is no JSON, or holds no history.
    """
    if len(text) > _LIMIT_CHARACTERS or sum(map(text.count, ",[{")) > _MAX_VALUES:
        refuse(name, f"is a JSON file of more than {_MAX_VALUES:,} values, which no history is.")
    document = read_json(text, name, with_nan=True)
    if isinstance(document, dict) and str(document.get("schema")).startswith("repro-audit/"):
        refuse(name, "is ours in another encoding. Expected UTF-8 without a byte order mark.")
    log = _of(document, name)
    return log if log is not None else refuse(name, _no_history(document, name))


def _no_history(document: Any, name: str) -> str:
    """Say what JSON is that holds no history."""
    expected = f"Expected a manifest, or a log: {LOGS}."
    if not isinstance(document, dict):
        return f"$: expected an object of curves, received {shown(document)}. {expected}"
    for keys, what in OBJECTS:
        if document.keys() >= keys:
            return what.replace("FILE", name) + "."
    if "schema" in document:
        return f"$.schema: expected one of ours, received {shown(document['schema'])}. {expected}"
    return f"$: holds no curve, a list of numbers by the name of a metric. {expected}"


def _of(document: Any, name: str) -> Log | None:
    """Return what a JSON value holds; None where that is no history."""
    if isinstance(document, list) and _are_rows(document):
        several = _several(document, name)
        return several or _of_rows("JSON records", document, name)
    if not isinstance(document, dict):
        return None
    if _are_rows(document.get("log_history")):
        return _of_rows("trainer_state.json", document["log_history"], name)
    curves = _columns(document, name)
    if curves is not None:
        return log_of("history.json", curves.fits(), curves.ignored)
    curves = _columns(document.get("history"), name)
    if curves is not None:
        beside = dict.fromkeys(document.keys() - {"history"}, "")
        return log_of("history.json", curves.fits(), beside | curves.ignored)
    return _several(list(document.values()), name)


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(row) is dict for row in value)


def _columns(value: Any, name: str) -> Curves | None:
    """Return the curves of an object that holds one by each name; None where there is none."""
    if not isinstance(value, dict):
        return None
    curves = Curves(name)
    for key, column in value.items():
        numbers = _numbers(column)
        if numbers is None:
            curves.ignore(key)
        elif key not in _COUNTING:
            for number in numbers:
                curves.add(key, number)
    return curves if curves.fits() else None


def _numbers(column: Any) -> list[Any] | None:
    """Return the numbers of one curve, in order; None where it is none."""
    if isinstance(column, dict) and all(key.isascii() and key.isdigit() for key in column):
        column = [column[key] for key in sorted(column, key=lambda key: (len(key), key))]
    if not isinstance(column, list) or any(number_of(item) is NO_NUMBER for item in column):
        return None
    return column or None


def _of_rows(kind: str, rows: list[dict[str, Any]], name: str) -> Log | None:
    """Return the log of rows that each name their values."""
    curves = Curves(name)
    for row in rows:
        curves.add_row(row)
    fits = curves.fits()
    return log_of(kind, fits, curves.ignored) if fits else None


def _several(values: list[Any], name: str) -> Log | None:
    """Return the log of several histories, each a fit; None where one of them is none."""
    found: list[Curves] = []
    for value in values:
        curves = _columns(value, name)
        if curves is None:
            return None
        found.append(curves)
        if len(found) > MAX_FITS:
            refuse(name, f"holds more than {MAX_FITS:,} histories.")
    fits = tuple(fit for curves in found for fit in curves.fits())
    if not fits:
        return None
    log = log_of("JSON histories", fits[:1], {key: "" for item in found for key in item.ignored})
    note = f"it holds {len(fits):,} histories, each a fit of its own: FILE#0 is the first alone"
    return log._replace(fits=fits, notes=(("$", note), *log.notes))
