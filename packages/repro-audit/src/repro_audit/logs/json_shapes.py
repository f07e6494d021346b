"""Histories as JSON, in the shapes in which people save them.

=================================================  =============================================
``{"loss": [0.69, …]}``                            `history.history`, numbers or their texts
``{"loss": {"0": 0.69, …}}``                       pandas: ``DataFrame(history).to_json()``
``[{"loss": 0.69, …}, …]``                         pandas: ``orient="records"``
``{"history": {…}}``, ``{"fold 0": {…}, …}``       one or several of these by their names
``[{"loss": […]}, …]``                             several of the first
``{"log_history": [{…}, …]}``                      ``trainer_state.json`` of Hugging Face
=================================================  =============================================
"""

from __future__ import annotations

from typing import Any

from repro_audit.errors import shown
from repro_audit.logs.kinds import LOGS
from repro_audit.logs.log import Curves, Fit, Log, refuse, shared_log
from repro_audit.logs.numbers import NO_NUMBER, number_of
from repro_audit.strict_json import read_json

__all__ = ["read_shapes"]

_LIMIT_CHARACTERS = 16 * 2**20
_MAX_VALUES = 500_000
"""Values of a JSON file, each of which takes a hundred times its bytes in memory."""

_TUNER = frozenset({"trial_id", "hyperparameters"})
_NOTEBOOK = frozenset({"cells", "nbformat"})


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
    log = _of(document, name)
    return log if log is not None else refuse(name, _no_history(document))


def _no_history(document: Any) -> str:
    """Say what JSON is that holds no history."""
    expected = f"Expected a manifest, or a log: {LOGS}."
    if not isinstance(document, dict):
        return f"$: holds no curve: it is {shown(document)}. {expected}"
    if document.keys() >= _TUNER:
        return (
            "is a tuner's trial: the best values of a search and no history. "
            "Give the log of one run."
        )
    if document.keys() >= _NOTEBOOK:
        return "is a notebook. To run and record it: repro-audit repeat NOTEBOOK"
    schema = document.get("schema")
    if isinstance(schema, str) and schema.startswith("repro-audit/"):
        return (
            f"$.schema: {shown(schema)} in an encoding that no manifest has. Expected UTF-8, the "
            "file as it was written."
        )
    return f"holds no curve: no list of numbers by the name of a metric. {expected}"


def _of(document: Any, name: str) -> Log | None:
    """Return what a JSON value holds; None where that is no history."""
    if isinstance(document, list) and document and all(type(item) is dict for item in document):
        several = [_columns(item, name) for item in document]
        if all(several):
            return _several({f"{at}": fit for at, fit in enumerate(several) if fit})
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
    inner = {key: found for key, value in document.items() if (found := _columns(value, name))}
    if not inner:
        return None
    others = {key: "" for key in document if key not in inner}
    if len(inner) == 1:
        ((_, (curves, fits)),) = inner.items()
        return shared_log("history.json", fits, others | curves.ignored)
    return _several(inner, others)


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


def _several(
    found: dict[str, tuple[Curves, tuple[Fit, ...]]], others: dict[str, str] | None = None
) -> Log:
    """Return a log of several histories, each of a model of its own."""
    fits = tuple(fit for _, (fit,) in found.values())
    ignored = {key: "" for curves, _ in found.values() for key in curves.ignored}
    log = shared_log("JSON histories", fits[:1], ignored | (others or {}))
    note = f"it holds {len(fits):,} histories, each a fit of its own: FILE#0 is the first alone"
    return log._replace(fits=fits, notes=(("$", note), *log.notes))
