"""How the cost of recording and reading grows: with epochs, fits, rows of data and manifests.

    python benchmarks/growth.py
    python benchmarks/growth.py --of epochs --svg growth.svg

Each is measured at four sizes, each twice the one before, in rounds that go through all of them.
What an epoch or a fit costs is what a recorded training takes in `fit` beyond the same training
bare, in the same round; data is digested, and manifests are read, within this process. CPU time,
medians. The slope is that of the logarithms: 1 where twice as much costs twice as much. A fixed
part of the cost makes it less than 1; a cost that grows with the square brings it near 2.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from recording import run

EXAMPLE = Path(__file__).parents[1] / "examples" / "threads-2.json"
TRAINING = {"model": "small", "steps": 5, "epochs": 1, "fits": 1, "threads": 2}
COLUMNS = 20


class Growth(NamedTuple):
    """A cost that grows.

    Attributes:
        sizes: What it is measured at.
        cost: Returns the CPU seconds of a size, and what else is to be told of them.
        told: What that is.
    """

    sizes: tuple[int, ...]
    cost: Callable[[int], tuple[float, float]]
    told: str


def of_training(name: str) -> Callable[[int], tuple[float, float]]:
    """Return what measures recording against one of the numbers of a training."""

    def cost(size: int) -> tuple[float, float]:
        asked = TRAINING | {name: size}
        bare, recorded = (run(tool=tool, **asked) for tool in ("bare", "recorded"))
        if bare["weights"] != recorded["weights"]:
            sys.exit(f"{name} = {size}: recording changed the weights")
        theirs, ours = bare["fit"]["cpu_s"], recorded["fit"]["cpu_s"]
        return ours - theirs, ours / theirs

    return cost


def of_rows(size: int) -> tuple[float, float]:
    """Measure the digest of samples in any order, and SHA-256 of the same bytes."""
    import numpy as np

    from repro_audit.capture.unordered import digest_unordered

    rows = np.random.default_rng(812).standard_normal((size, COLUMNS), np.float32)
    took = cpu_seconds(lambda: digest_unordered([rows]))
    return took, took / cpu_seconds(lambda: hashlib.sha256(rows.data))


def of_manifests(size: int) -> tuple[float, float]:
    """Measure reading as many manifests, each a file of its own."""
    import repro_audit

    content = EXAMPLE.read_bytes()
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{number}.json" for number in range(size)]
        for path in paths:
            path.write_bytes(content)
        took = cpu_seconds(lambda: [repro_audit.load(path) for path in paths])
    return took, 1000 * took / size


def cpu_seconds(act: Callable[[], object]) -> float:
    """Return the CPU time that this process takes for something."""
    began = time.process_time()
    act()
    return time.process_time() - began


KINDS = {
    "epochs": Growth((75, 150, 300, 600), of_training("epochs"), "recorded to bare"),
    "fits": Growth((5, 10, 20, 40), of_training("fits"), "recorded to bare"),
    "rows": Growth((250_000, 500_000, 1_000_000, 2_000_000), of_rows, "to SHA-256"),
    "manifests": Growth((1000, 2000, 4000, 8000), of_manifests, "ms a manifest"),
}


def slope(sizes: tuple[int, ...], costs: list[float]) -> float:
    """Return the slope of a line through the logarithms, by least squares; NaN if one has none."""
    if min(costs) <= 0:
        return math.nan
    logs = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    return statistics.linear_regression(*logs).slope


def draw(found: dict[str, list[float]], path: Path) -> None:
    """Draw a panel for each kind, with the line through the origin and the largest size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(found), 2.6), layout="constrained")
    for panel, (name, costs) in zip(
        figure.subplots(1, len(found)).flat, found.items(), strict=True
    ):
        sizes = KINDS[name].sizes
        panel.plot([0, sizes[-1]], [0, costs[-1]], color="0.75", linewidth=1)
        panel.plot(sizes, costs, "o", color="#1f5fa8")
        panel.set(xlabel=name, ylabel="CPU seconds", xlim=(0, None), ylim=(0, None))
        panel.set_xticks([0, sizes[-1] // 2, sizes[-1]])
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, print a table of each, and draw them."""
    parser = argparse.ArgumentParser(description="Measure how costs grow.")
    parser.add_argument("--of", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--svg", type=Path, help="draw them into this file")
    options = parser.parse_args()
    found = {}
    for name in options.of:
        kind = KINDS[name]
        taken = [[kind.cost(size) for size in kind.sizes] for _ in range(options.rounds)]
        measured = [
            [statistics.median(part) for part in zip(*of_size, strict=True)]
            for of_size in zip(*taken, strict=True)
        ]
        found[name] = [cost for cost, _ in measured]
        print(f"| {name} | CPU, s | {kind.told} |", "|---|---|---|", sep="\n")
        for size, (cost, told) in zip(kind.sizes, measured, strict=True):
            print(f"| {size:,} | {cost:.2f} | {told:.2f} |")
        print(f"\nslope {slope(kind.sizes, found[name]):.2f}\n", flush=True)
    if options.svg:
        draw(found, options.svg)


if __name__ == "__main__":
    main()
