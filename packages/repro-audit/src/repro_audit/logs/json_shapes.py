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
from repro_audit.logs.log import Curves, Fit, Log, refuse, shared_log
from repro_audit.logs.numbers import NO_NUMBER, number_of
from repro_audit.strict_json import read_json

__all__ = ["read_shapes"]

_LIMIT_CHARACTERS = 16 * 2**20
_MAX_VALUES = 500_000
"""Values of a JSON file, each of which takes a hundred times its bytes in memory."""


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
    if isinstance(document, list) and document and all(type(item) is dict for item in document):
        inner = [found for item in document if (found := _columns(item, name))]
        if len(inner) == len(document):
            return _several(inner)
        return _records("JSON records", document, name)
    if not isinstance(document, dict) or not document:
        return None
    steps = document.get("log_history")
    if isinstance(steps, list) and steps and all(type(item) is dict for item in steps):
        return _records("trainer_state.json", steps, name)
    columns = _columns(document, name)
    if columns is not None:
        curves, fits = columns
        return shared_log("history.json", fits, curves.ignored)
    inner = [found for value in document.values() if (found := _columns(value, name))]
    if len(inner) == len(document):
        return _several(inner)
    columns = _columns(document.get("history"), name)
    if columns is None:
        return None
    curves, fits = columns
    others = dict.fromkeys(document.keys() - {"history"}, "")
    return shared_log("history.json", fits, others | curves.ignored)


def _columns(value: Any, name: str) -> tuple[Curves, tuple[Fit, ...]] | None:
    """Return the curves of an object that holds one by each name; None where there is none."""
    if not isinstance(value, dict):
        return None
    curves = Curves(name)
    for key, column in value.items():
        items = _column(column)
        if items is None or key in {"epoch", "step"}:
            curves.ignore(key)
        else:
            for item in items:
                curves.add(key, item)
    fits = curves.fits()
    if not fits:
        return None
    for counting in ("epoch", "step"):
        curves.ignored.pop(counting, None)
    return curves, fits


def _column(column: Any) -> list[Any] | None:
    """Return the numbers of one curve, in order; None where it is none."""
    if isinstance(column, dict) and all(key.isascii() and key.isdigit() for key in column):
        column = [column[key] for key in sorted(column, key=lambda key: (len(key), key))]
    if not isinstance(column, list) or any(number_of(item) is NO_NUMBER for item in column):
        return None
    return column or None


def _records(kind: str, rows: list[dict[str, Any]], name: str) -> Log | None:
    """Return the log of rows that each name their values."""
    curves = Curves(name)
    for row in rows:
        curves.add_row(row)
    fits = curves.fits()
    return shared_log(kind, fits, curves.ignored) if fits else None


def _several(found: list[tuple[Curves, tuple[Fit, ...]]]) -> Log:
    """Return a log of several histories, each of a model of its own."""
    fits = tuple(fit for _, (fit,) in found)
    ignored = {key: "" for curves, _ in found for key in curves.ignored}
    log = shared_log("JSON histories", fits[:1], ignored)
    note = f"it holds {len(fits):,} histories, each a fit of its own: FILE#0 is the first alone"
    return log._replace(fits=fits, notes=(("$", note), *log.notes))
