"""Code that makes two runs agree in one kind of condition; a file for each part of a run."""

from __future__ import annotations

from repro_audit.compare.remedies import data, determinism, environment, seeds, training
from repro_audit.compare.remedies.data import save_arrays
from repro_audit.compare.remedies.remedy import Remedy
from repro_audit.compare.remedies.seeds import seed_before_data

__all__ = ["REMEDIES", "save_arrays", "seed_before_data"]

REMEDIES: dict[str, Remedy] = {
    **data.REMEDIES,
    **seeds.REMEDIES,
    **training.REMEDIES,
    **determinism.REMEDIES,
    **environment.REMEDIES,
}
"""Code for each kind of cause, given the expected run and the conditions that differ."""
