"""Answer a checklist for papers from a manifest, and from nothing else.

What a manifest does not record is *not recorded*: no field, no claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from repro_audit.audit.checklists.acm import ACM
from repro_audit.audit.checklists.evidence import Item, Statement, blocked_reason, reasons
from repro_audit.audit.checklists.icml import ICML
from repro_audit.audit.checklists.neurips import NEURIPS
from repro_audit.audit.checklists.wording import brief
from repro_audit.manifest import Manifest
from repro_audit.noise import moments
from repro_audit.noise.ensemble import Ensemble
from repro_audit.wording import listed

__all__ = [
    "FORMS",
    "STATUSES",
    "Checklist",
    "ChecklistItem",
    "ChecklistRun",
    "answer",
    "tally",
]

SCHEMA = "repro-audit/checklist-1"

FORMS = {"neurips": NEURIPS, "icml": ICML, "acm": ACM}
"""Every checklist, by the name a user gives."""

STATUSES = ("answered", "in part", "not recorded")


class ChecklistRun(NamedTuple):
    """The run whose manifest answers.

    Attributes:
        run_id: Identity of the run.
        status: ``running``, ``complete`` or ``failed``.
        recorder: What recorded it; ``history.json`` for a Keras history, and so on for other logs.
        digest: Digest of the manifest; empty for a history.
    """

    run_id: str
    status: str
    recorder: str
    digest: str


class ChecklistItem(NamedTuple):
    """One item, answered or not.

    Attributes:
        number: As in the checklist.
        title: What it asks, in a few words.
        status: ``answered``, ``in part`` or ``not recorded``.
        text: What the manifest records; empty where that is nothing.
        paths: JSONPaths of the fields this rests on.
        left: What remains for the author, what is not recorded, and why.
    """

    number: str
    title: str
    status: str
    text: str
    paths: tuple[str, ...]
    left: str


class Checklist(NamedTuple):
    """A checklist, as one manifest answers it.

    Attributes:
        name: ``neurips``, ``icml`` or ``acm``.
        title: What it is called, and its version or year.
        source: Where it is published.
        run: The run whose manifest answers.
        items: Its items, in its order.
    """

    name: str
    title: str
    source: str
    run: ChecklistRun
    items: tuple[ChecklistItem, ...]
    schema: str = SCHEMA


def answer(manifest: Manifest, name: str, ensemble: Ensemble | None = None) -> Checklist:
    """Answer a checklist from a manifest.

    Args:
        manifest: The manifest.
        name: Name of the checklist, one of `FORMS`.
        ensemble: Of the run: how far other seeds take it.

    Raises:
        KeyError: There is no such checklist.
    """
    form = FORMS[name]
    return Checklist(
        name=name,
        title=form.title,
        source=form.source,
        run=ChecklistRun(
            run_id=manifest.run_id,
            status=manifest.status,
            recorder=brief(manifest.recorder),
            digest=manifest.digest,
        ),
        items=tuple(
            _of_seeds(item, ensemble)
            if item.of_seeds and ensemble is not None and len(ensemble.of("seed")) > 1
            else _answered(item, manifest)
            for item in form.items
        ),
    )


def tally(checklist: Checklist) -> str:
    """Return how many items have which status, as a line.

    Every status is counted, those of no item too: a line that looks the same everywhere.
    """
    statuses = [item.status for item in checklist.items]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in STATUSES)
    return f"{len(statuses)} items: {counts}."


def _of_seeds(item: Item, ensemble: Ensemble) -> ChecklistItem:
    """Answer an item on error bars by what other seeds of the run end with."""
    members = ensemble.of("seed")
    said = []
    for metric in members[0].series:
        scatter = moments(ensemble.last(metric, "seed"))
        if scatter is not None:
            mean, deviation = scatter
            said.append(f"{brief(metric)} {mean:.4f} ± {deviation:.2g}")
    over = f"Mean ± standard deviation over {len(members)} seeds: "
    return ChecklistItem(
        number=item.number,
        title=item.title,
        status="in part" if said else "not recorded",
        text=f"{over}{listed(said)}." if said else "",
        paths=("$.members[*].series",),
        left="the same for the other results of the paper, and what its own error bars are",
    )


def _answered(item: Item, manifest: Manifest) -> ChecklistItem:
    no_outcomes = blocked_reason(manifest)
    said: list[Statement] = []
    barred_: list[str] = []
    absent: list[tuple[str, str]] = []
    for evidence in item.evidence:
        if evidence.outcome and no_outcomes is not None:
            barred_.append(evidence.what)
        elif (statement := evidence.read(manifest)) is not None:
            said.append(statement)
        else:
            absent.append((evidence.what, evidence.where))
    left = [item.left] if item.left and (said or not item.evidence) else []
    why = _absent(absent, manifest)
    paths = [path for statement in (*said, why) for path in statement.paths]
    if why.text:
        left.append(why.text)
    if barred_ and no_outcomes is not None:
        left.append(f"nothing on {listed(barred_)}: {no_outcomes.text}")
        paths += no_outcomes.paths
    status = "not recorded"
    if said:
        status = "in part" if left else "answered"
    return ChecklistItem(
        number=item.number,
        title=item.title,
        status=status,
        text=" ".join(statement.text for statement in said),
        paths=tuple(dict.fromkeys(paths)),
        left="; ".join(left),
    )


def _absent(absent: Sequence[tuple[str, str]], manifest: Manifest) -> Statement:
    """Say what is not recorded, and why where the manifest says so."""
    texts: list[str] = []
    paths: list[str] = []
    for what, where in absent:
        found = dict(list(reasons(manifest, where).items())[:1])
        texts.append(what + "".join(f" ({brief(reason, 120)})" for reason in found.values()))
        paths += found
    text = f"not recorded: {', '.join(texts)}" if texts else ""
    return Statement(text, tuple(paths))
