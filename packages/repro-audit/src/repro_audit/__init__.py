"""Prove that a Keras training run repeats, check it, and find where two runs part and why.

>>> import repro_audit
>>> manifest = repro_audit.load("examples/threads-2.json")  # doctest: +SKIP
>>> repro_audit.audit(manifest).verdict  # doctest: +SKIP
'controlled'

`control` and `record` are for training code and load Keras when they are called; `load`,
`audit` and `compare` read manifests and need neither Keras nor NumPy.

PYTEST_DONT_REWRITE: a recorded session of pytest loads this package before pytest can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# First, so that the names below are the functions and not the packages of the same name.
from repro_audit.audit import audit
from repro_audit.compare import compare
from repro_audit.manifest import load

if TYPE_CHECKING:
    from repro_audit.recording import control, record

__all__ = ["audit", "compare", "control", "load", "record"]


def __getattr__(name: str) -> Any:
    """Load the recording side only when it is asked for."""
    if name in {"control", "record"}:
        from repro_audit import recording

        return getattr(recording, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
