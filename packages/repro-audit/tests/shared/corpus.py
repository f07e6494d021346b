"""Pairs of training runs in which one thing is changed, and how well that is named.

A pair is a row of ``tests/faults/HALF/pairs.toml``, whose trainer lies in a folder beside it.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from repro_audit.compare import Cause, Comparison, LaterCause

__all__ = ["HALVES", "Edit", "Pair", "Right", "Score", "copied", "read", "score"]

_FAULTS = Path(__file__).parents[4] / "tests" / "faults"

HALVES = ("open", "held_out")
"""One may be read while work on causes goes on; the other is only run."""


class Edit(NamedTuple):
    """What stands otherwise in the second run's copy of a file: `old` stands there once."""

    file: str
    old: str
    new: str


SPLIT = {
    "sample_weight": {"fit"},
    "training_length": {"fit"},
    "validation": {"fit"},
    "metrics": {"model", "compile"},
    "test_data": {"data"},
    "layer_initializers": {"initializers", "model"},
    "initial_weights": {"one_layer"},
    "training_ended": {"training_length"},
    "update_rule": {"optimizer"},
}
"""Kinds that came after the answers were fixed, each with those that it was a part of."""


class Right(NamedTuple):
    """A cause that is right: one of these kinds, in words that a pattern finds."""

    kinds: tuple[str, ...]
    says: str

    def is_named_by(self, cause: Cause | LaterCause) -> bool:
        """Whether a cause is this one, and a reader of its words learns that."""
        words = f"{cause.title}\n{cause.reason}"
        return _is_of(cause.kind, set(self.kinds)) and self.found_in(words)

    def found_in(self, text: str) -> bool:
        """Whether a text says it."""
        return re.search(self.says, text, re.IGNORECASE) is not None


class Pair(NamedTuple):
    """Two runs of a trainer, and what is to be said of them.

    Attributes:
        half: ``open`` or ``held_out``.
        number: Its place in its half, from 1.
        name: What is changed, in a few words.
        group: Which kind of change it is.
        trainer: The name of the trainer's folder.
        run: What a shell would take to start the first run: variables, script and arguments.
        other: The same of the second run.
        edits: What stands otherwise in the second run's files.
        verdict: The right verdict.
        same_weights: Whether both runs end in the same weights.
        causes: The right causes, all of which must be named; none where nothing differs.
        usual: Whether it is run without being asked for all.
    """

    half: str
    number: int
    name: str
    group: str
    trainer: str
    run: str
    other: str
    edits: tuple[Edit, ...]
    verdict: str
    same_weights: bool
    causes: tuple[Right, ...]
    usual: bool

    def __repr__(self) -> str:
        """Return what a failing test may print."""
        return self.shown

    @property
    def shown(self) -> str:
        """How it is called where whoever works on causes may read it."""
        return self.name if self.half == "open" else f"held out {self.number}"

    @property
    def folder(self) -> Path:
        """Where its trainer lies."""
        return _FAULTS / self.half / self.trainer

    @property
    def changed(self) -> bool:
        """Whether anything is changed, or the runs part by themselves."""
        return bool(self.edits) or self.other != self.run


def read(half: str) -> tuple[Pair, ...]:
    """Return the pairs of a half."""
    table = tomllib.loads((_FAULTS / half / "pairs.toml").read_text(encoding="utf-8"))
    return tuple(_pair(half, number, row) for number, row in enumerate(table["pair"], start=1))


def _pair(half: str, number: int, row: dict[str, Any]) -> Pair:
    """Return the pair of a row, in which most has a usual value."""
    usual = {"other": row["run"], "verdict": "divergent", "same_weights": False, "usual": False}
    lists = {
        "edits": tuple(Edit(**edit) for edit in row.get("edits", ())),
        "causes": tuple(Right(tuple(right["kinds"]), right["says"]) for right in row["causes"]),
    }
    return Pair(half=half, number=number, **usual | row | lists)


def copied(trainer: Path, folder: Path, edits: tuple[Edit, ...]) -> Path:
    """Return a copy of a trainer in a folder, edited.

    Raises:
        ValueError: What an edit is about does not stand in its file, or more than once.
    """
    project = folder / trainer.name
    shutil.copytree(trainer, project, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in edits:
        path = project / edit.file
        text = path.read_text(encoding="utf-8")
        if (count := text.count(edit.old)) != 1:
            message = f"{edit.file}: what is edited stands there {count} times, expected once."
            raise ValueError(message)
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return project


class Score(NamedTuple):
    """How well a pair's causes are named.

    Attributes:
        verdict: Whether the verdict is right.
        ranks: The place of each right cause among those named, from 1; None for one that is not.
        certainties: The certainty of each that is named.
        first: Whether a right cause is first and all are named.
        instead: The kind of the first cause, where it is none of them.
        ruled_out: Kinds of right causes that are ruled out.
        certain: Kinds of wrong causes that are certain.
    """

    verdict: bool
    ranks: tuple[int | None, ...]
    certainties: tuple[str, ...]
    first: bool
    instead: str
    ruled_out: tuple[str, ...]
    certain: tuple[str, ...]


def score(pair: Pair, found: Comparison) -> Score:
    """Return how well a comparison names the causes of a pair.

    Where the outcomes that both runs have are identical, what only one run has need not be a
    cause: it is enough that anything but the list of conditions says it.
    """
    causes = found.causes
    ranks = tuple(_rank(right, found) for right in pair.causes)
    right_kinds = {kind for right in pair.causes for kind in right.kinds}
    verdict = found.verdict == pair.verdict
    if pair.verdict != "identical":
        first = 1 in ranks and None not in ranks
    elif pair.causes:
        said = repr(found._replace(differences=()))
        first = verdict and all(right.found_in(said) for right in pair.causes)
    else:
        first = verdict and not causes
    return Score(
        verdict=verdict,
        ranks=ranks,
        certainties=tuple(
            causes[place - 1].certainty if place <= len(causes) else "later"
            for place in ranks
            if place
        ),
        first=first,
        instead=causes[0].kind if causes and 1 not in ranks else "",
        ruled_out=tuple(item.kind for item in found.excluded if _is_of(item.kind, right_kinds)),
        certain=tuple(
            cause.kind
            for cause in causes
            if cause.certainty == "certain" and not _is_of(cause.kind, right_kinds)
        ),
    )


def _rank(right: Right, found: Comparison) -> int | None:
    """Return the place of a right cause among those named, from 1.

    One of several may act only behind the first difference: that list follows the causes.
    """
    named = [*found.causes, *(found.later if found.causes else ())]
    places = (place for place, cause in enumerate(named, 1) if right.is_named_by(cause))
    return next(places, None)


def _is_of(kind: str, kinds: set[str]) -> bool:
    """Whether a kind is one of these, or was a part of one."""
    return kind in kinds or bool(SPLIT.get(kind, set()) & kinds)
