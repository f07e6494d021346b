"""Run a script again and again in clean processes, and once with a bit flipped."""

from repro_audit.repeat.folders import WORKING_DIRECTORIES
from repro_audit.repeat.repeating import Observer, Plan, Repeated, repeat

__all__ = ["WORKING_DIRECTORIES", "Observer", "Plan", "Repeated", "repeat"]
