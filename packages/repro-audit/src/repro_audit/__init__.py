"""Prove that a Keras training run repeats, check it, and find where two runs diverge and why.

>>> import repro_audit
>>> manifest = repro_audit.load("examples/threads-2.json")  # doctest: +SKIP
>>> repro_audit.audit(manifest).verdict  # doctest: +SKIP
'controlled'

`control` and `record` are for training code and load Keras when they are called; `repeat` runs a
script or a notebook again in clean processes; `load`, `audit` and `compare` read manifests and need
neither Keras nor NumPy.

PYTEST_DONT_REWRITE: a recorded session of pytest loads this package before pytest can.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# First, so that the names below are the functions and not the packages of the same name.
from repro_audit import repeat as _  # noqa: F401 - as above
from repro_audit.audit import Audit, audit
from repro_audit.compare import Comparison, compare
from repro_audit.interactive import load_magics as load_ipython_extension
from repro_audit.interactive import repeat
from repro_audit.manifest import load

if TYPE_CHECKING:
    from repro_audit.recording import control, record

__all__ = ["audit", "compare", "control", "load", "load_ipython_extension", "record", "repeat"]


def _draw(kind: Any, cell: str, text: str | None = None) -> None:
    """Have a notebook show objects of a class; `report`, a layer above it, is loaded then."""

    def _shown(name: str, value: object) -> Any:
        return getattr(importlib.import_module("repro_audit.report.notebook"), name)(value)

    def _repr_html_(self: object) -> Any:
        return _shown(cell, self)

    def _repr_pretty_(self: object, printer: Any, cycle: bool) -> None:
        printer.text(_shown(str(text), self))

    kind._repr_html_ = _repr_html_
    if text is not None:
        kind._repr_pretty_ = _repr_pretty_


_draw(Audit, "audit_cell", "audit_text")
_draw(Comparison, "comparison_cell", "comparison_text")


def __getattr__(name: str) -> Any:
    """Load the recording side only when it is asked for."""
    if name in {"control", "record"}:
        from repro_audit import recording

        _draw(recording.Run, "recording_cell")
        return getattr(recording, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
