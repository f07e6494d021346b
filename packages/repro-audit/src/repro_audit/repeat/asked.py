"""What somebody asks of a repeat, at the command line or in Python, made into parts of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from repro_audit.audit import Audit, audit
from repro_audit.errors import RunError, printable
from repro_audit.manifest import Manifest, load
from repro_audit.repeat.factors import FACTORS
from repro_audit.trace import find_trace

__all__ = ["Compared", "compared_files", "default_directory", "named_factors"]


class Compared(NamedTuple):
    """Two manifests, and what an audit says of them."""

    manifests: tuple[Manifest, Manifest]
    audit: Audit


def default_directory(target: str, *, module: bool) -> Path:
    """Return where the evidence goes if nobody says."""
    return Path("repeat") / (target if module else Path(target).stem)


def compared_files(files: Sequence[str], place: Path) -> Compared:
    """Compare two manifests, whose first cause is to be put to the test.

    Args:
        files: The two.
        place: Where the evidence of the repeat goes.

    Raises:
        RunError: The repeat would clear one of the files.
        ManifestError: One of them cannot be read.
    """
    for file in files:
        if Path(file).resolve().is_relative_to(place.resolve()):
            message = (
                f"{printable(file)} lies in {printable(str(place))}, which this repeat would "
                "clear. Name another folder with --directory."
            )
            raise RunError(message)
    expected, actual = map(load, files)
    traces = [find_trace(files[0], expected), find_trace(files[1], actual)]
    return Compared((expected, actual), audit(expected, actual, names=files, traces=traces))


def named_factors(value: str | Sequence[str]) -> list[str]:
    """Return the names of the factors that are asked for, in their own order.

    Args:
        value: ``all``, names with commas between them, or several names.

    Raises:
        RunError: One of them is unknown.
    """
    names = [factor.name for factor in FACTORS]
    given = value.split(",") if isinstance(value, str) else value
    asked = names if value == "all" else [name.strip() for name in given]
    unknown = [name for name in asked if name not in names]
    if unknown:
        message = (
            f"Unknown factor {printable(unknown[0])!r}. "
            f"Expected list, all, or some of {', '.join(names)}."
        )
        raise RunError(message)
    return [name for name in names if name in asked]
