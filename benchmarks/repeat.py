"""What `repro-audit repeat` adds to the runs that it starts.

    python benchmarks/repeat.py
    python benchmarks/repeat.py -m rnn_dropout --epochs 1

Each round runs a trainer three times by itself, and has it repeated: two runs and a positive
control, which ends after its first epoch, and then the comparison and the report. Rounds begin
with the one and with the other by turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from ratios import paired

RUNS = 3


class Took(NamedTuple):
    """What commands took, all their processes together."""

    cpu_s: float
    wall_s: float


def took(folder: str, words: list[str], times: int) -> Took:
    """Run a command so often, one after the other."""
    before, began = os.times(), time.perf_counter()
    for _ in range(times):
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(words)} failed:\\n{done.stderr[-3000:]}")
    after, wall_s = os.times(), time.perf_counter() - began
    cpu_s = after.children_user + after.children_system
    return Took(cpu_s - before.children_user - before.children_system, wall_s)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Measure what repeating adds to runs.")
    parser.add_argument("-m", dest="module", default="mnist_cnn", help="the trainer (mnist_cnn)")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    target = ["-m", options.module, "--epochs", str(options.epochs)]
    commands = {
        "alone": ([sys.executable, *target], RUNS),
        "repeated": ([sys.executable, "-m", "repro_audit", "repeat", "-q", *target], 1),
    }
    measured = []
    for number in range(options.rounds):
        names = list(commands)[:: -1 if number % 2 else 1]
        with tempfile.TemporaryDirectory() as folder:
            measured.append({name: took(folder, *commands[name]) for name in names})
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print(f"{' '.join(target)}, {options.rounds} rounds", "", sep="\n")
    print("| three runs | alone | repeated | repeated to alone |", "|---|---|---|---|", sep="\n")
    for name in Took._fields:
        alone, repeated = ([getattr(item[kind], name) for item in measured] for kind in commands)
        medians = (f"{statistics.median(item):.1f} s" for item in (alone, repeated))
        ratio = str(paired(repeated, alone))
        print(f"| {' | '.join([name.partition('_')[0], *medians, ratio])} |")


if __name__ == "__main__":
    main()
