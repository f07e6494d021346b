"""The run that later ones are held against, with what noise makes of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from repro_audit.audit.judging import SCHEMA
from repro_audit.errors import EvidenceError, printable, shown
from repro_audit.files import read_bounded, replace_file
from repro_audit.manifest import Manifest, parse
from repro_audit.noise.ensemble import Ensemble, ensemble_of, load_ensemble, serialize
from repro_audit.repeat.folders import AUDIT, ENSEMBLE, MANIFEST
from repro_audit.strict_json import read_json
from repro_audit.trace import Trace, find_trace, trace_path

__all__ = ["Baseline", "load_baseline", "of_repeat", "write_baseline"]

_GOOD = ("identical", "close")


class Baseline(NamedTuple):
    """What a repeat is held against.

    Attributes:
        file: The file of the baseline, or of the manifest that it is made from.
        ensemble: The run, and how far noise takes it.
        trace: The trace of the run, by which the first step is found that is another.
    """

    file: Path
    ensemble: Ensemble
    trace: Trace | None

    @property
    def name(self) -> str:
        """What reports call it."""
        return printable(str(self.file))

    @property
    def manifest(self) -> Manifest:
        """The manifest of the run."""
        return self.ensemble.base


def load_baseline(path: str | os.PathLike[str]) -> Baseline:
    """Read a baseline, and find the trace beside it.

    Raises:
        ManifestError: It cannot be read, or is none.
    """
    ensemble = load_ensemble(path)
    return Baseline(Path(path), ensemble, find_trace(path, ensemble.base))


def of_repeat(audit: Path) -> Baseline:
    """Return what becomes the baseline of a repeat.

    Args:
        audit: Its ``audit.json``, or the folder that holds it.

    Raises:
        EvidenceError: The repeat does not show that the run repeats.
        ManifestError: One of its files cannot be read.
    """
    file = audit / AUDIT if audit.is_dir() else audit
    name = printable(str(file))
    document = read_json(read_bounded(file), name)
    said = document if isinstance(document, dict) else {}
    control = said.get("control")
    caught = isinstance(control, dict) and control.get("caught") is True
    agrees = said.get("verdict") in _GOOD
    if said.get("schema") != SCHEMA or not caught or not agrees:
        message = (
            f"{name}: no baseline: expected the audit of a repeat whose runs are identical and "
            f"whose positive control was caught, received {_received(said)}."
        )
        raise EvidenceError(message)
    folder = file.parent
    first = folder / "run-1" / MANIFEST
    content = read_bounded(first)
    base = parse(content, printable(str(first)))
    kept = folder / ENSEMBLE
    ensemble = load_ensemble(kept) if kept.is_file() else ensemble_of(content)
    manifests = said.get("manifests")
    judged = manifests if isinstance(manifests, list) else []
    named = [item.get("digest") for item in judged if isinstance(item, dict)]
    if base.digest not in named or ensemble.base.digest != base.digest:
        message = (
            f"{name}: no baseline: {printable(str(first))} is another run than the one that was "
            "audited."
        )
        raise EvidenceError(message)
    return Baseline(first, ensemble, find_trace(first, base))


def _received(said: dict[str, Any]) -> str:
    """Say what an audit is that makes no baseline."""
    if said.get("schema") != SCHEMA:
        return "something else"
    if said.get("verdict") not in _GOOD:
        return f"the verdict {shown(said.get('verdict'))}"
    return "a control that was not caught, or none"


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write a baseline, and its trace beside it.

    Raises:
        OutputError: A file cannot be written.
    """
    replace_file(path, serialize(baseline.ensemble))
    if baseline.trace is not None:
        replace_file(trace_path(path), trace_path(baseline.file).read_bytes())
