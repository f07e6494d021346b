"""Observe one condition and return its record. One file per condition; no framework here.

A capture function reads and never sets. What it cannot read it hands to `Missed`, with the
JSONPath of the field and the reason.
"""

from repro_audit.capture.backend import Missed, StateTensor

__all__ = ["Missed", "StateTensor"]
