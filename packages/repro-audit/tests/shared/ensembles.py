"""Ensembles and repeats that nobody has trained: their runs end in values that are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from manifests import changed, rerun, sealed

from repro_audit.audit import Control, audit
from repro_audit.audit.serializing import serialize as serialize_audit
from repro_audit.canonical import digest_json
from repro_audit.manifest import Manifest, metric_series, parse
from repro_audit.manifest.writing import serialize as serialize_manifest
from repro_audit.noise.ensemble import Ensemble, Member, Moved, ensemble_of, serialize

__all__ = ["apart", "drawn_ensemble", "write_repeat"]


def drawn_ensemble(
    content: bytes, *, rounding: float = 0.0, seeds: float = 0.0, runs: int = 9
) -> Ensemble:
    """Return the ensemble of a run whose others scatter around it.

    Args:
        content: The manifest of the run.
        rounding: Deviation of the metrics of runs that rounding has moved; 0 for no such runs.
        seeds: Deviation of those with other seeds; 0 for no such runs.
        runs: How many there are of each.
    """
    base = parse(content, "the manifest")
    generator = np.random.default_rng(812)
    kinds: dict[Moved, float] = {"rounding": rounding, "seed": seeds}
    members = tuple(
        Member(
            name=f"{moved}-{number}",
            moved=moved,
            seed=number,
            digest="sha256:" + "0" * 64,
            series={
                name: tuple(
                    None if value is None else value + generator.normal(0, scatter)
                    for value in values
                )
                for name, values in metric_series(base).items()
            },
            distance=scatter,
        )
        for moved, scatter in kinds.items()
        if scatter
        for number in range(1, runs + 1)
    )
    return ensemble_of(content, members, "train.py")


def write_repeat(folder: Path, *runs: Manifest, ensemble: Ensemble | None = None) -> None:
    """Write what a repeat leaves of some runs, and of the ensemble of the first.

    Args:
        folder: Where it goes: one that is there.
        runs: The runs; their positive control was caught.
        ensemble: The ensemble.
    """
    for number, run in enumerate(runs, start=1):
        (folder / f"run-{number}").mkdir(parents=True, exist_ok=True)
        (folder / f"run-{number}/manifest.json").write_bytes(serialize_manifest(run))
    control = Control(caught=True, before="match", after="differ", text="seen in step 2")
    result = audit(*runs)._replace(control=control, repeated="train.py")
    (folder / "audit.json").write_bytes(serialize_audit(result))
    if ensemble is not None:
        (folder / "ensemble.json").write_bytes(serialize(ensemble))


def apart(value: dict[str, Any], by: float) -> bytes:
    """Return the file of another run that ends in other bits, its losses apart by so much."""
    outcomes = value["outcomes"]
    (fit,), (evaluation,) = outcomes["fits"], outcomes["evaluations"]
    history = {
        name: [_moved(name, item, by) for item in values] for name, values in fit["history"].items()
    }
    results = {name: _moved(name, item, by) for name, item in evaluation["results"].items()}
    digests = ["sha256:" + "1" * 64 for _ in fit["epochs"]]
    changes = {
        "outcomes/fits/0/history": history,
        "outcomes/fits/0/epochs": digests,
        "outcomes/evaluations/0/results": results,
        "outcomes/digests/epochs": digests,
        "outcomes/digests/history": digest_json([[history], [results]]),
    }
    return sealed(changed(rerun(value), changes))


def _moved(name: str, value: float | None, by: float) -> float | None:
    """Return a value that is apart from another: a loss, as float32 holds it."""
    return value if value is None or "loss" not in name else float(np.float32(value + by))
