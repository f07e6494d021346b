"""Run a script again and again in clean processes, and once with a bit flipped."""

from repro_audit.repeat.confirming import confirm, suspicion
from repro_audit.repeat.factors import FACTORS
from repro_audit.repeat.folders import WORKING_DIRECTORIES
from repro_audit.repeat.plan import Plan
from repro_audit.repeat.repeating import Repeated, repeat
from repro_audit.repeat.running import ProgressReporter

__all__ = [
    "FACTORS",
    "WORKING_DIRECTORIES",
    "Plan",
    "ProgressReporter",
    "Repeated",
    "confirm",
    "repeat",
    "suspicion",
]
