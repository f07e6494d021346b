"""Logs that people have already: histories in files that other tools write.

A file is told by its content. What is read becomes plain data, a `Log`; what is not is refused in
one line that says what it is, and what is read in its place. No framework is needed.
"""

from repro_audit.logs.folder import read_folder
from repro_audit.logs.log import Fit, Log
from repro_audit.logs.reading import read_log

__all__ = ["Fit", "Log", "read_folder", "read_log"]
