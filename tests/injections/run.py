"""Flip one bit in each of thousands of recorded runs: the comparison must name step and tensor.

    python tests/injections/run.py
    python tests/injections/run.py --models dense recurrent --count 200 --pairs 40

Each run is compared with one of another process, and both are forked from this one. Among the runs
with a flip there are runs without, which must be identical. `judging` says where bits are
flipped, and what must be named for each place. Exit 1 where a miss has no explanation, or where an
identical run is said to differ.
"""

from __future__ import annotations

import argparse
import gc
import math
import multiprocessing
import os
import random
import resource
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from judging import Outcome

KINDS = "attention", "recurrent", "adversarial", "convolutional", "dense"
"""Models of models.py, which needs TensorFlow, those first that take longest."""
RUNS = 300
"""How many runs one process makes at most."""
_EVERY = 100


class Share(NamedTuple):
    """What one process does.

    Attributes:
        kind: The model.
        number: Which share of the model's runs, from 0.
        folder: Where runs are recorded.
        runs: For each, the seed of its injection; None for a run without one. In a share without
            any, the run is recorded that all others of the model are compared with.
        another: Whether the key names another tensor than the one that is flipped.
    """

    kind: str
    number: int
    folder: Path
    runs: Sequence[str | None]
    another: bool

    @property
    def expected(self) -> Path:
        """Manifest of the run that all others of the model are compared with."""
        return self.folder / self.kind / "manifest.json"

    def work(self, results: Connection) -> None:
        """Record and judge the runs, sending an outcome for each."""
        from injecting import Trainer

        if not self.runs:
            Trainer(self.kind, self.folder).record(self.kind)
            return
        trainer = Trainer(self.kind, self.folder / f"{self.kind}-{self.number}")
        trainer.record("clean")
        gc.freeze()  # as in `import_all`: the step that is made by now knows its optimizers
        for number, seed in enumerate(self.runs):
            injection = None if seed is None else trainer.draw(random.Random(seed))
            outcome = trainer.outcome(self.expected, str(number), injection, another=self.another)
            results.send((self.kind, outcome))


def main() -> int:
    """Return 0 where all misses are explained and no alarm is false."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=KINDS, choices=KINDS, help="in place of all")
    parser.add_argument("--count", type=int, default=5000, help="injections, of all models (5000)")
    parser.add_argument("--pairs", type=int, default=1000, help="identical pairs (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of what is flipped, and when (0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at a time")
    parser.add_argument(
        "--another-tensor",
        action="store_true",
        help="ask for the tensor beside the one that is flipped, which must be a miss",
    )
    given = parser.parse_args()
    import_all()
    total, outcomes = given.count + given.pairs, []
    with tempfile.TemporaryDirectory(prefix="repro-audit-") as made:
        shares = shares_of(given, Path(made))
        first = [share._replace(runs=()) for share in shares if share.number == 0]
        deque(results_of(first, given.processes), maxlen=0)
        try:
            for number, (kind, outcome) in enumerate(results_of(shares, given.processes), start=1):
                outcomes.append((kind, outcome))
                if not outcome.right and not outcome.why:
                    print(f"{kind}: {outcome.said}", file=sys.stderr, flush=True)
                if number % _EVERY == 0 or number == total:
                    print(f"{number:>6,} of {total:,}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("Interrupted: this is not all.", file=sys.stderr)
    return conclude(outcomes, total)


def import_all() -> None:
    """Import once what all children need; TensorFlow is not used yet, so it may be forked."""
    import injecting  # noqa: F401 - as said

    # A recording looks at all objects for optimizers, and in vain at these.
    gc.collect()
    gc.freeze()


def shares_of(given: argparse.Namespace, folder: Path) -> list[Share]:
    """Return what is to be done, in parts of about the same length."""
    runs: dict[tuple[str, int], list[str | None]] = {}
    of_each = math.ceil((given.count + given.pairs) / len(given.models) / RUNS)
    places = [(kind, number) for number in range(of_each) for kind in given.models]
    for number in range(given.count):
        place = places[number % len(places)]
        runs.setdefault(place, []).append(f"{given.seed} {place[0]} {number}")
    for number in range(given.pairs):
        runs.setdefault(places[(given.count + number) % len(places)], []).append(None)
    for of_place in runs.values():
        # A run that an injection has left traces in would not be identical.
        random.Random(given.seed).shuffle(of_place)
    return [
        Share(kind, number, folder, of_place, given.another_tensor)
        for (kind, number), of_place in runs.items()
    ]


def results_of(shares: Sequence[Share], processes: int) -> Iterator[tuple[str, Outcome]]:
    """Yield what the processes of all shares send, as it comes.

    Raises:
        SystemExit: One of them has failed.
    """
    context = multiprocessing.get_context("fork")
    waiting, running = deque(shares), {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                reading, writing = context.Pipe(duplex=False)
                process = context.Process(target=waiting.popleft().work, args=(writing,))
                process.start()
                writing.close()
                running[reading] = process
            for connection in wait(list(running)):
                try:
                    yield connection.recv()
                except EOFError:
                    process = running.pop(connection)
                    process.join()
                    if process.exitcode:
                        sys.exit(f"A process has failed: exit {process.exitcode}.")
    finally:
        for process in running.values():
            process.terminate()
            process.join()


def conclude(outcomes: Sequence[tuple[str, Outcome]], total: int) -> int:
    """Print what the outcomes come to; return 0 if all is well."""
    injected = [item for item in outcomes if item[1].place != "none"]
    pairs = [item for item in outcomes if item[1].place == "none"]
    for head, names in (
        ("model", [kind for kind, _ in injected]),
        ("bit flipped", [outcome.place for _, outcome in injected]),
    ):
        groups: dict[str, list[Outcome]] = {}
        for name, (_, outcome) in zip(names, injected, strict=True):
            groups.setdefault(name, []).append(outcome)
        print(line(head, "injections", "step right", "tensor right", "explained", "unexplained"))
        for name, group in sorted(groups.items()):
            print(line(name, *map(str, counts(group))))
        print()
    all_counts = counts([outcome for _, outcome in injected])
    print(line("all", *map(str, all_counts)))
    for why, count in Counter(outcome.why for _, outcome in injected if outcome.why).items():
        print(f"\nExplained: {count} of these: {why}.")
    alarms = sum(not outcome.right for _, outcome in pairs)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        f"\n{len(pairs):,} identical pairs, {alarms} false alarms. "
        f"{sum(item.ru_utime + item.ru_stime for item in used):,.0f} s of processor time."
    )
    return int(len(outcomes) != total or all_counts[-1] > 0 or alarms > 0)


def counts(group: Sequence[Outcome]) -> tuple[int, ...]:
    """Return how many there are, how many are right in what, and how many misses are explained."""
    missed = [outcome for outcome in group if not outcome.right]
    explained = sum(bool(outcome.why) for outcome in missed)
    return (
        len(group),
        sum(outcome.step for outcome in group),
        sum(outcome.tensor for outcome in group),
        explained,
        len(missed) - explained,
    )


def line(name: str, *cells: str) -> str:
    """Return a line of a table."""
    return f"{name:<14}" + "".join(f"{cell:>14}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
