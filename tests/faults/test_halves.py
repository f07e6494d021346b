"""Trainers as strangers write them, run twice with one thing changed: is that what is named?

The half ``open`` may be read while work on causes goes on. ``held_out`` is only run, and its pairs
are shown by number and kind alone: whoever works on causes reads nothing in that folder, so that
its score tells how causes do on code that nobody tuned to. `nox -s faults` takes all pairs.
"""

from __future__ import annotations

import functools
import shlex
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from corpus import HALVES, Edit, Pair, Score, copied, read, score
from forking import Server, started
from processes import our_command, plain_environment

from repro_audit import audit, load
from repro_audit.compare import Comparison
from repro_audit.trace import find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

PAIRS = tuple(pair for half in HALVES for pair in read(half))
HEAD = (
    *("pair", "kind", "verdict", "first", "rank", "certainty", "instead"),
    *("ruled out", "wrongly certain"),
)
SECONDS = 300


class Limits(NamedTuple):
    """What a half has to reach.

    Attributes:
        first: Pairs of a hundred whose right cause is named first, at least.
        verdicts: Pairs of a hundred with the right verdict, at least.
        ruled_out: Pairs of which a right cause is ruled out, at most.
        certain: Pairs of which a wrong cause is certain, at most.
    """

    first: int
    verdicts: int
    ruled_out: int
    certain: int


LIMITS = {
    "open": Limits(first=80, verdicts=95, ruled_out=0, certain=0),
    "held_out": Limits(first=80, verdicts=95, ruled_out=0, certain=0),
}


class Runs(NamedTuple):
    """Two recorded runs: their manifests' paths."""

    expected: Path
    actual: Path

    def compared(self) -> Comparison:
        """Return what an audit says of them, as anybody gets it who has their manifests."""
        manifests = [load(path) for path in self]
        traces = [find_trace(*pair) for pair in zip(self, manifests, strict=True)]
        (comparison,) = audit(*manifests, traces=traces).comparisons
        return comparison

    def end_in_the_same_weights(self) -> bool:
        """Whether they do, whatever else they leave."""
        expected, actual = (load(path).outcomes.digests.final_state for path in self)
        assert expected is not None
        return expected == actual


Record = Callable[..., Future[Path]]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """Return what runs a trainer by ``repro-audit record``, and gives its manifest.

    There are two processes to fork from. Each hashes strings in its own way, as any two do where
    PYTHONHASHSEED is not set. What was run in one of them is not run there again.
    """
    with (
        started(plain_environment()) as first,
        started(plain_environment()) as second,
        ThreadPoolExecutor(2) as workers,
    ):
        servers = first, second

        @functools.cache
        def record(
            side: int, trainer: Path, words: str, edits: tuple[Edit, ...] = ()
        ) -> Future[Path]:
            project = copied(trainer, tmp_path_factory.mktemp("run"), edits)
            return workers.submit(recorded, servers[side], project, words)

        yield record


def recorded(server: Server, project: Path, words: str) -> Path:
    """Run, in its folder, what a shell would take, and return the manifest beside that folder."""
    command, variables = shlex.split(words), {}
    while "=" in command[0]:
        name, _, variables[name] = command.pop(0).partition("=")
    manifest = project.with_name("manifest.json")
    done = subprocess.run(
        [*our_command(server.python), "record", "-q", "-o", str(manifest), *command],
        cwd=project,
        env=plain_environment() | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return manifest


@pytest.fixture(scope="module")
def runs(record: Record, pytestconfig: pytest.Config) -> Callable[[Pair], Runs]:
    """Return what gives the runs of a pair; those of all that are taken have been started."""
    begun = {
        pair: (
            record(0, pair.folder, pair.run),
            record(1, pair.folder, pair.other, pair.edits),
        )
        for pair in taken(pytestconfig)
    }
    return lambda pair: Runs(*(run.result() for run in begun[pair]))


@pytest.fixture(scope="module")
def scored(
    runs: Callable[[Pair], Runs],
    table: Callable[..., list[tuple[str, ...]]],
    pytestconfig: pytest.Config,
) -> Callable[[str], dict[Pair, Score]]:
    """Return what gives the scores of a half, and notes them in a table."""

    @functools.cache
    def scored(half: str) -> dict[Pair, Score]:
        rows = table(f"what is said of pairs, half {half}", *HEAD)
        found = {pair: runs(pair).compared() for pair in taken(pytestconfig) if pair.half == half}
        scores = {pair: score(pair, comparison) for pair, comparison in found.items()}
        rows += [row(pair, found[pair], got) for pair, got in scores.items()]
        first = sum(got.first for got in scores.values())
        rows.append((f"first: {first} of {len(scores)}", *("" for _ in HEAD[1:])))
        return scores

    return scored


def row(pair: Pair, found: Comparison, got: Score) -> tuple[str, ...]:
    """Return a pair's row of the table."""
    return (
        pair.shown,
        pair.group,
        found.verdict if got.verdict else f"{found.verdict}, not {pair.verdict}",
        "yes" if got.first else "no",
        ", ".join(str(place or "-") for place in got.ranks),
        ", ".join(got.certainties),
        got.instead,
        ", ".join(got.ruled_out),
        ", ".join(got.certain),
    )


def taken(config: pytest.Config) -> list[Pair]:
    """Return the pairs that are run: some of each half, or all."""
    return [pair for pair in PAIRS if pair.usual or config.getoption("--whole-corpus")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test of one pair all that are taken; of trainers that repeat one is usually enough."""
    if "pair" in metafunc.fixturenames:
        pairs = taken(metafunc.config)
        metafunc.parametrize("pair", pairs, ids=[pair.shown for pair in pairs])
    if "unchanged" in metafunc.fixturenames:
        pairs = [pair for pair in taken(metafunc.config) if pair.changed]
        pairs = pairs if metafunc.config.getoption("--whole-corpus") else pairs[:1]
        metafunc.parametrize("unchanged", pairs, ids=[pair.shown for pair in pairs])


def test_a_pair_ends_in_the_same_weights_or_in_others_as_its_table_says(pair, runs):
    assert runs(pair).end_in_the_same_weights() == pair.same_weights


def test_a_trainer_repeats_where_nothing_is_changed(unchanged, record):
    pair = unchanged
    expected, actual = (record(side, pair.folder, pair.run) for side in (0, 1))
    found = Runs(expected.result(), actual.result()).compared()
    assert found.verdict == "identical"
    assert found.causes == ()


@pytest.mark.parametrize("half", HALVES)
def test_most_verdicts_are_right(half, scored):
    right = [got.verdict for got in scored(half).values()]
    assert 100 * sum(right) >= LIMITS[half].verdicts * len(right)


@pytest.mark.parametrize("half", HALVES)
def test_the_right_cause_is_named_first_in_most_pairs(half, scored):
    first = [got.first for got in scored(half).values()]
    assert 100 * sum(first) >= LIMITS[half].first * len(first)


@pytest.mark.parametrize("half", HALVES)
def test_few_right_causes_are_ruled_out(half, scored):
    pairs = [pair.shown for pair, got in scored(half).items() if got.ruled_out]
    assert len(pairs) <= LIMITS[half].ruled_out, pairs


@pytest.mark.parametrize("half", HALVES)
def test_no_wrong_cause_is_certain(half, scored):
    pairs = [pair.shown for pair, got in scored(half).items() if got.certain]
    assert len(pairs) <= LIMITS[half].certain, pairs
