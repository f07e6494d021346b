"""Set a run's seeds (`control`), and observe a run without touching it (`record`).

This package is the only one that imports Keras or TensorFlow, and it does so when it is used.
"""

from repro_audit.recording.control import InForce, control
from repro_audit.recording.run import Run, record

__all__ = ["InForce", "Run", "control", "record"]
