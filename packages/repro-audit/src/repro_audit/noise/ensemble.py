"""Runs of one training that honest noise has moved apart, in one file that a paper can carry.

Its first run is an ordinary one. Of the others some began with weights that were moved by one unit
in the last place, and some with another seed: how far they scatter is how far a run may lie from
the first one and still be the same training.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import Any, Literal, NamedTuple

from repro_audit.canonical import digest_json
from repro_audit.errors import ManifestError, OtherDocumentError, printable
from repro_audit.files import read_bounded
from repro_audit.manifest import Manifest, load, metric_series, parse, structure, unstructure
from repro_audit.manifest.reading import check_digest
from repro_audit.manifest.validation import validate
from repro_audit.strict_json import read_json

__all__ = [
    "Ensemble",
    "Member",
    "Moved",
    "ensemble_of",
    "is_ensemble",
    "load_ensemble",
    "load_run",
    "member",
    "serialize",
    "understood",
]

VERSION = "ensemble-1"
SCHEMA = f"repro-audit/{VERSION}"

Moved = Literal["nothing", "rounding", "seed"]
"""What is another in a run than in the first: nothing, bits of its weights, or its seed."""


class Member(NamedTuple):
    """One run of an ensemble.

    Attributes:
        name: ``perturb-1`` and so on.
        moved: What is another than in the first run.
        seed: Its seed; None where none is declared.
        digest: Digest of its manifest.
        series: The values of each metric, as `repro_audit.manifest.metric_series` returns them.
        distance: How far its weights end from those of the first run, over their norm; None where
            traces do not tell.
    """

    name: str
    moved: Moved
    seed: int | None
    digest: str
    series: dict[str, tuple[float | None, ...]]
    distance: float | None


class Ensemble(NamedTuple):
    """An ordinary run, and runs that noise has moved from it.

    Attributes:
        base: The manifest of the ordinary run, which is the first member.
        document: The same as it was written, perhaps by an earlier release: its digest is of that.
        members: All runs.
        repeated: The script or module that was run, and its arguments, as a shell reads them;
            empty where they are not told.
    """

    base: Manifest
    document: dict[str, Any]
    members: tuple[Member, ...]
    repeated: str = ""

    @property
    def script(self) -> str:
        """What was repeated, where it is nothing but words: it may become part of a command."""
        try:
            plain = shlex.join(shlex.split(self.repeated)) == self.repeated
        except ValueError:  # a quotation mark that nothing closes
            plain = False
        return self.repeated if plain and self.repeated.isprintable() else ""

    def of(self, moved: Moved) -> tuple[Member, ...]:
        """Return the first run, and those in which one thing was another."""
        first, *others = self.members
        return first, *(item for item in others if item.moved == moved)

    def last(self, metric: str, moved: Moved) -> tuple[float | None, ...]:
        """Return what the same runs end with of a metric; None for one that ends with nothing."""
        return tuple((item.series.get(metric) or (None,))[-1] for item in self.of(moved))


def member(name: str, moved: Moved, manifest: Manifest, distance: float | None = None) -> Member:
    """Return a run as a member of an ensemble."""
    series = metric_series(manifest)
    return Member(name, moved, manifest.seed, manifest.digest, series, distance)


def ensemble_of(content: bytes, others: tuple[Member, ...] = (), repeated: str = "") -> Ensemble:
    """Return the ensemble of an ordinary run and others.

    Args:
        content: The manifest of the ordinary run, as it was written.
        others: The other runs.
        repeated: The script that was run, and its arguments.

    Raises:
        ManifestError: The manifest is not valid.
    """
    return _ensemble(json.loads(content), others, repeated, "the manifest of the ensemble")


def _ensemble(
    document: dict[str, Any], others: tuple[Member, ...], repeated: str, name: str
) -> Ensemble:
    base = parse(json.dumps(document).encode(), name)
    members = (member("run-1", "nothing", base, 0.0), *others)
    return Ensemble(base, document, members, repeated)


def serialize(ensemble: Ensemble) -> bytes:
    """Return the bytes of the file for an ensemble, its digest computed anew.

    Raises:
        ManifestError: It is not valid.
    """
    document = {
        "schema": SCHEMA,
        "repeated": ensemble.repeated,
        "members": unstructure(ensemble.members),
        "base": ensemble.document,
    }
    document["digest"] = digest_json(document)
    validate(document, "the ensemble to be written", VERSION, strict=True)
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def is_ensemble(document: dict[str, Any]) -> bool:
    """Whether a JSON object says that it is an ensemble."""
    return document.get("schema") == SCHEMA


def load_ensemble(path: str | os.PathLike[str]) -> Ensemble:
    """Read an ensemble that a stranger may have written.

    Args:
        path: File to read; ``-`` is standard input.

    Raises:
        ManifestError: It cannot be read, is none, or is not what its digest says.
    """
    name = printable(os.fspath(path))
    document = read_json(read_bounded(path), name)
    if not isinstance(document, dict) or not is_ensemble(document):
        message = (
            f"{name}: is no ensemble. repro-audit repeat --perturb 6 SCRIPT makes one, in "
            "repeat/NAME/ensemble.json."
        )
        raise ManifestError(message)
    return understood(document, name)


def load_run(path: str | os.PathLike[str]) -> tuple[Manifest, Ensemble | None]:
    """Read a manifest, or an ensemble: its first run stands for it.

    Args:
        path: File to read; ``-`` is standard input.

    Returns:
        The manifest, and the ensemble that it is of, if there is one.

    Raises:
        ManifestError: The file cannot be read, or is neither.
    """
    try:
        return load(path), None
    except OtherDocumentError as error:
        if not is_ensemble(error.document):
            raise
        ensemble = understood(error.document, printable(os.fspath(path)))
        return ensemble.base, ensemble


def understood(document: dict[str, Any], name: str) -> Ensemble:
    """Return the ensemble that a document holds.

    Args:
        document: A JSON object for which `is_ensemble` holds.
        name: What messages call it.

    Raises:
        ManifestError: It is not valid, or not what its digest says.
    """
    validate(document, name, VERSION)
    check_digest(document, name)
    first, *others = (structure(Member, item) for item in document["members"])
    ensemble = _ensemble(document["base"], tuple(others), document["repeated"], f"{name}: $.base")
    if ensemble.members[0] != first:
        message = f"{name}: $.members[0]: expected the run that is in $.base, received another."
        raise ManifestError(message)
    return ensemble
