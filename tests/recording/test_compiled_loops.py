"""What the compiled step of a loop is called with is the batch, where nothing else can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from repro_audit import load
from repro_audit.trace import Block, Rows, find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

SCRIPT = Path(__file__).parent / "scripts/compiled_loops.py"
STEPS = 4
BATCHES = {
    "x_and_y": ["x", "y"],
    "of_a_class": ["x", "y"],
    "one_pair": ["x", "y"],
    "one_dict": ["x/image", "x/label"],
    "three": ["x/one", "x/two", "x/y"],
    "by_name": ["x/images", "x/labels"],
    "beside_a_model": ["x", "y"],
    "arrays": ["x", "y"],
    "ragged": ["x/RaggedTensor/0", "x/RaggedTensor/1", "y"],
    "run_eagerly": ["x", "y"],
}
"""Roles of the columns, by the way in which a step is called."""
UNKNOWN = (
    "numbers_of_samples",
    "an_iterator",
    "beside_an_object",
    "a_whole_epoch",
    "gradients",
    "a_concrete_function",
)
"""Ways that say nothing of the batch."""


class Loops(NamedTuple):
    """What the loops of one run left: for each, its columns of the batch, and their words."""

    ends: list[list[str]]
    columns: list[list[str]]
    words: list[list[list[int]]]


@pytest.fixture(scope="module")
def loops(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Loops]:
    """Run all ways bare, recorded, and recorded with another sample."""
    folder = tmp_path_factory.mktemp("loops")
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    record = ("-m", "repro_audit", "record", "--quiet", "--output")
    runs = {
        "bare": start(SCRIPT.name, cwd=folder),
        "recorded": start(*record, "same.json", SCRIPT.name, cwd=folder, fresh=True),
        "another": start(*record, "another.json", SCRIPT.name, "another", cwd=folder, fresh=True),
    }
    ends = {name: said(run) for name, run in runs.items()}
    return {
        "bare": Loops(ends["bare"], [], []),
        "recorded": read(folder / "same.json", ends["recorded"]),
        "another": read(folder / "another.json", ends["another"]),
    }


def read(path: Path, ends: list[list[str]]) -> Loops:
    manifest = load(path)
    trace = find_trace(path, manifest)
    assert trace is not None
    columns, words = [], []
    for number in range(len(manifest.outcomes.fits)):
        roles: list[str] = []
        rows: list[list[int]] = []
        for part in trace.of_fit(number).parts():
            if isinstance(part, Block):
                places = [at for at, item in enumerate(part.columns) if item.kind == "batch"]
                roles = [part.columns[at].role for at in places]
            elif isinstance(part, Rows):
                head = part.words.shape[1] - len(part.block.columns)
                rows += np.array(part.words[:, [head + at for at in places]]).tolist()
        columns.append(roles)
        words.append(rows)
    return Loops(ends, columns, words)


def test_recording_what_a_step_was_given_changes_no_weight(loops: dict[str, Loops]) -> None:
    assert loops["recorded"].ends == loops["bare"].ends
    assert loops["another"].ends != loops["bare"].ends, "the negative"


@pytest.mark.parametrize("way", BATCHES)
def test_a_batch_is_what_the_step_is_called_with(loops: dict[str, Loops], way: str) -> None:
    number = list(BATCHES).index(way)
    assert loops["recorded"].columns[number] == BATCHES[way]
    same, another = (loops[name].words[number] for name in ("recorded", "another"))
    assert len(same) == STEPS
    # Of both epochs the second batch is another, and in it one number of the first part.
    assert [one != other for one, other in zip(same, another, strict=True)] == [
        False,
        True,
        False,
        True,
    ]
    assert len(set(map(str, same))) == STEPS // 2


@pytest.mark.parametrize("way", UNKNOWN)
def test_what_may_come_from_elsewhere_is_no_batch(loops: dict[str, Loops], way: str) -> None:
    number = len(BATCHES) + UNKNOWN.index(way)
    assert loops["recorded"].columns[number] == []
