"""Run a script again and again in clean processes, and once with a bit flipped.

``import repro_audit`` imports this package, so that `repro_audit.repeat` is the function and not
the package; what is in it is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repro_audit.repeat.asked import default_directory, named_factors, planned
    from repro_audit.repeat.checking import check_plan
    from repro_audit.repeat.confirming import confirm, suspicion
    from repro_audit.repeat.factors import FACTORS
    from repro_audit.repeat.folders import WORKING_DIRECTORIES
    from repro_audit.repeat.plan import Plan, Stop
    from repro_audit.repeat.repeating import Repeated, repeat_plan
    from repro_audit.repeat.running import ProgressReporter

__all__ = [
    "FACTORS",
    "WORKING_DIRECTORIES",
    "Plan",
    "ProgressReporter",
    "Repeated",
    "Stop",
    "check_plan",
    "confirm",
    "default_directory",
    "named_factors",
    "planned",
    "repeat_plan",
    "suspicion",
]

_MODULES = {
    "FACTORS": "factors",
    "WORKING_DIRECTORIES": "folders",
    "Plan": "plan",
    "ProgressReporter": "running",
    "Repeated": "repeating",
    "Stop": "plan",
    "check_plan": "checking",
    "confirm": "confirming",
    "default_directory": "asked",
    "named_factors": "asked",
    "planned": "asked",
    "repeat_plan": "repeating",
    "suspicion": "confirming",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
