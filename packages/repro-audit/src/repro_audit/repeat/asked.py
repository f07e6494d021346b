"""What somebody asks of a repeat, at the command line or in Python, made into parts of a plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from repro_audit.audit import Audit, audit
from repro_audit.errors import RunError, printable
from repro_audit.manifest import Manifest
from repro_audit.noise.ensemble import load_run
from repro_audit.repeat.baseline import load_baseline
from repro_audit.repeat.checking import check_plan
from repro_audit.repeat.confirming import confirm as confirmed
from repro_audit.repeat.confirming import suspicion
from repro_audit.repeat.factors import FACTORS
from repro_audit.repeat.plan import Plan, Stop
from repro_audit.trace import find_trace

__all__ = ["Compared", "default_directory", "named_factors", "planned"]


_MEANS = (None, "keras")


class Compared(NamedTuple):
    """Two manifests, and what an audit says of them."""

    manifests: tuple[Manifest, Manifest]
    audit: Audit


def default_directory(target: str, *, module: bool) -> Path:
    """Return where the evidence goes if nobody says."""
    return Path("repeat") / (target if module else Path(target).stem)


def planned(
    target: Sequence[str],
    *,
    directory: Path,
    vary: Sequence[str],
    confirm: Sequence[str] | None,
    against: str | None,
    options: Mapping[str, Any],
) -> Plan | Compared:
    """Return the plan of what is asked for, or what is known without any run.

    Args:
        target: What to run, and its arguments.
        directory: Where the evidence goes.
        vary: Factors to vary.
        confirm: Two manifests, the first cause of whose difference is to be put to the test.
        against: The baseline that the runs are held against.
        options: Further fields of the plan; for that of a stop ``resume``, ``resume_with``, ``at``
            and ``kill``.

    Returns:
        The plan; or the comparison of the two with what would show their cause, where no run of
        ours can.

    Raises:
        RunError: Both are asked for, an option takes no such value, or a file would be cleared.
        ManifestError: One of the two, or the baseline, cannot be read.
    """
    if vary and confirm is not None:
        message = "Of --vary and --confirm give one: what is confirmed is varied by itself."
        raise RunError(message)
    suspected = None
    if confirm is not None:
        compared = _compared_files(confirm, directory)
        suspected = suspicion(*compared.manifests, compared.audit)
        if not suspected.factor:
            said = confirmed(suspected, None, compared.audit)
            return compared._replace(audit=compared.audit._replace(confirmation=said))
        vary = [suspected.factor]
    fields = dict(options)
    stop = _stop(*(fields.pop(name, None) for name in ("resume", "resume_with", "at", "kill")))
    plan = Plan(
        target=target,
        directory=directory,
        vary=vary,
        suspicion=suspected,
        against=None if against is None else load_baseline(against),
        resume=stop,
        **fields,
    )
    check_plan(plan)
    return plan


def _stop(resume: object, resume_with: object, at: object, kill: object) -> Stop | None:
    """Return where a run is stopped, to be resumed; None where none is.

    Raises:
        RunError: `at` names no epoch or step, or it or `kill` is given without `resume`; or there
            is no such means to resume by.
    """
    if resume_with not in _MEANS:
        message = f"--resume-with: expected one of {_MEANS[1:]}, received {resume_with!r}."
        raise RunError(message)
    added = None if resume_with is None else str(resume_with)
    if not resume and added is None:
        if at is not None or kill:
            lone = "--kill" if at is None else "--at"
            message = f"{lone} says how --resume stops a run: give that as well."
            raise RunError(message)
        return None
    if at is None:
        return Stop(killed=bool(kill), added=added)
    parts = re.fullmatch(r"([1-9][0-9]{0,8})(?:\.([1-9][0-9]{0,8}))?", str(at))
    if parts is None:
        message = (
            "--at: expected an epoch, as 3, or a step of one, as 3.17, received "
            f"{printable(str(at))!r}."
        )
        raise RunError(message)
    epoch, step = (None if part is None else int(part) for part in parts.groups())
    return Stop(epoch, step, killed=bool(kill), added=added)


def _compared_files(files: Sequence[str], place: Path) -> Compared:
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
    expected, actual = (load_run(file)[0] for file in files)
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
