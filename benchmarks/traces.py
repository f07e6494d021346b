"""What comparing two traces costs, against SHA-256 over both files, and how much memory.

    python benchmarks/traces.py

The traces are made of random words by the project's own writer: steps of 12 columns, in epochs
of 1,000 that end with a probe. One pair is equal, one parts for good halfway. Hashing and comparing
alternate in one process; comparing checks each file against its digest, so it hashes as well.
Memory is the peak of a process of its own that compares one pair.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ratios import paired

from repro_audit.compare.traces import compare_traces
from repro_audit.trace import Column, Trace, TraceWriter

SEED = 812
PAIRS = ("equal", "parted")


class Written(NamedTuple):
    """A trace on the disk, and what its manifest would say of it.

    Attributes:
        path: The file.
        size: Its bytes.
        digest: Their digest.
    """

    path: str
    size: int
    digest: str

    def open(self) -> Trace:
        """Return it as a comparison takes it."""
        return Trace(Path(self.path), size=self.size, digest=self.digest, ended=True)


def columns() -> list[Column]:
    """Return 12 columns, as of a small model."""

    def column(kind: str, role: str, shape: tuple[int | None, ...], place: int | None) -> Column:
        layer = {"weight": "Dense", "optimizer": "Adam"}.get(kind)
        bits = kind == "loss"
        return Column(kind, role, layer, place, dtype="float32", shape=shape, bits=bits)

    shapes = ((784, 64), (64,), (64, 10), (10,))
    return [
        column("batch", "x", (None, 784), None),
        column("batch", "y", (None,), None),
        column("loss", "accuracy", (), None),
        column("loss", "loss", (), None),
        *(column("weight", f"weight {i}", shape, i) for i, shape in enumerate(shapes)),
        *(column("optimizer", f"slot {i}", shape, i + 4) for i, shape in enumerate(shapes)),
    ]


def write(path: Path, steps: int, epoch_steps: int, parting: int | None) -> Written:
    """Write a trace.

    Args:
        path: Where it goes.
        steps: How many rows it has.
        epoch_steps: How many of them make an epoch.
        parting: From which row on all but the batches is another.
    """
    import numpy as np

    writer = TraceWriter(path, "step")
    block = writer.block(0, 1, columns())
    loss = [column.bits for column in block.columns]
    after_batch = [column.kind != "batch" for column in block.columns]
    for epoch, start in enumerate(range(0, steps, epoch_steps), 1):
        draw = np.random.default_rng([SEED, epoch])
        count = min(epoch_steps, steps - start)
        words = draw.integers(0, 2**64, (count, len(loss)), np.uint64)
        samples = draw.standard_normal((block.probe_words - 3) * 2, np.float32)
        if parting is not None and start + count > parting:
            words[max(parting - start, 0) :, after_batch] ^= np.uint64(1)
            samples *= np.float32(1.001)
        words[:, loss] >>= np.uint64(32)
        for step, row in enumerate(words.tolist(), 1):
            writer.row(block, 0, epoch, step, row)
        writer.probe(block, 0, epoch, count, samples.tobytes())
    writer.close()
    return Written(str(path), writer.bytes, writer.digest)


def write_pairs(folder: Path, steps: int, epoch_steps: int) -> dict[str, tuple[Written, Written]]:
    """Write an equal pair of traces, and one that parts halfway."""
    expected, equal, parted = (
        write(folder / f"{name}-{steps}.trace", steps, epoch_steps, parting)
        for name, parting in (("expected", None), ("equal", None), ("parted", steps // 2))
    )
    return {"equal": (expected, equal), "parted": (expected, parted)}


def hash_both(pair: tuple[Written, Written]) -> None:
    """Hash both files of a pair."""
    for written in pair:
        with Path(written.path).open("rb") as file:
            hashlib.file_digest(file, "sha256")


def compare_both(pair: tuple[Written, Written]) -> Any:
    """Compare both files of a pair."""
    return compare_traces(*(written.open().parts() for written in pair))


def cpu_seconds(function: Callable[[Any], Any], argument: Any) -> float:
    """Return the CPU time a call takes."""
    start = time.process_time()
    function(argument)
    return time.process_time() - start


def peak_mb(pair: tuple[Written, Written]) -> float:
    """Return the peak memory, in MB, of a process that compares a pair."""
    command = [sys.executable, __file__, "--peak", json.dumps(pair)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def print_peak(pair: Any) -> None:
    """Compare a pair, and print the peak memory of this process in MB."""
    first, second = pair
    compare_both((Written(*first), Written(*second)))
    # Not `ru_maxrss`: that begins with the peak of the process which started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(int(kilobytes) * 1024 / 1e6)


def check(pairs: dict[str, tuple[Written, Written]], steps: int, epoch_steps: int) -> None:
    """Make sure that the comparison finds what was put there."""
    equal, parted = (compare_both(pairs[name]) for name in PAIRS)
    where = divmod(steps // 2, epoch_steps)
    found = parted.step and (parted.step.epoch - 1, parted.step.step - 1)
    if equal.step is not None or equal.rows != steps or found != where:
        sys.exit(f"Expected a parting at {where} of {steps} rows, received {found}, {equal.step}.")


def table(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the Markdown table."""
    lengths = options.steps // 10, options.steps
    small, large = (write_pairs(folder, steps, options.epoch) for steps in lengths)
    check(large, options.steps, options.epoch)
    megabytes = large["equal"][0].size / 1e6
    yield (
        f"{options.steps:,} steps of 12 columns in epochs of {options.epoch:,}, "
        f"{megabytes:.0f} MB a file, {options.rounds} rounds\n"
    )
    yield f"| traces | CPU | peak, {lengths[0]:,} steps | peak, {lengths[1]:,} steps |"
    yield "|---|---|---|---|"
    for name in PAIRS:
        times = [
            (cpu_seconds(compare_both, large[name]), cpu_seconds(hash_both, large[name]))
            for _ in range(options.rounds)
        ]
        ratio = paired(*zip(*times, strict=True))
        peaks = (f"{peak_mb(pairs[name]):.1f} MB" for pairs in (small, large))
        yield f"| {' | '.join([name, str(ratio), *peaks])} |"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Measure what comparing two traces costs.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=1_000_000, help="fewer for a quick try")
    parser.add_argument("--epoch", type=int, default=1_000, help="steps of an epoch (1000)")
    parser.add_argument("--peak", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print_peak(options.peak)
        return
    with tempfile.TemporaryDirectory() as folder:
        for line in table(options, Path(folder)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
