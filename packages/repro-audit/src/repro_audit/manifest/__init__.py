"""What a manifest is: its records, how one is read, and how one is written.

A manifest has a header, which says whether two runs can be compared at all, and three parts:
*conditions* (what was controlled), *outcomes* (what came out) and *information* (what may
differ freely). The JSON Schema ``manifest-2`` says the same of the file.
"""

from repro_audit.manifest.conditions import Conditions
from repro_audit.manifest.from_log import about_log
from repro_audit.manifest.metrics import MetricLine, final_metrics, metric_lines, metric_series
from repro_audit.manifest.one_fit import of_fit
from repro_audit.manifest.reading import load, parse
from repro_audit.manifest.records import Information, Manifest, Outcomes
from repro_audit.manifest.structure import structure, unstructure
from repro_audit.manifest.writing import serialize, write

__all__ = [
    "Conditions",
    "Information",
    "Manifest",
    "MetricLine",
    "Outcomes",
    "about_log",
    "final_metrics",
    "load",
    "metric_lines",
    "metric_series",
    "of_fit",
    "parse",
    "serialize",
    "structure",
    "unstructure",
    "write",
]
