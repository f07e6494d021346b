"""What an HTML report over long traces costs, against the same comparison as text.

    python benchmarks/report.py

Two manifests like those of `examples/`, told to have as many steps as the traces that
`benchmarks/traces.py` writes for them: 12 columns, epochs of 1,000, parted halfway. They are made
up, so each contradicts itself, which both reports say too. Both commands are processes of their own
and alternate; CPU time is user and system together.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ratios import paired
from traces import Written, write

from repro_audit.canonical import digest_json

EXAMPLE = Path(__file__).parents[1] / "examples" / "threads-2.json"


def manifest(written: Written, steps: int, epoch_steps: int, run: int) -> dict[str, Any]:
    """Return the manifest of a run that left a trace.

    Args:
        written: The trace.
        steps: How many rows it has.
        epoch_steps: How many of them make an epoch.
        run: What sets the run apart from others.
    """
    value: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    value.pop("digest")
    value["run_id"] = f"{run:032x}"
    outcomes, epochs = value["outcomes"], -(-steps // epoch_steps)
    digests = [digest_json([run if epoch > epochs // 2 else 0, epoch]) for epoch in range(epochs)]
    outcomes["digests"] |= {"trace": written.digest, "epochs": digests}
    outcomes["trace"] = {"rows": steps, "bytes": written.size}
    fit = outcomes["fits"][0]
    fit |= {"steps": steps, "epochs": digests, "trace": digests}
    fit["history"] = {name: [1 / (n + 1) for n in range(epochs)] for name in fit["history"]}
    return value | {"digest": digest_json(value)}


def write_runs(folder: Path, steps: int, epoch_steps: int) -> list[str]:
    """Write two runs that part halfway, and return their manifests' paths."""
    paths = []
    for run, parting in enumerate((None, steps // 2)):
        written = write(folder / f"run-{run}.trace", steps, epoch_steps, parting)
        path = folder / f"run-{run}.json"
        path.write_text(json.dumps(manifest(written, steps, epoch_steps, run)), encoding="utf-8")
        paths.append(str(path))
    return paths


def cpu_seconds(*words: str) -> float:
    """Return the CPU time that a command takes, which is to find what the manifests contradict."""
    process = subprocess.Popen([sys.executable, "-m", "repro_audit", *words])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 2:
        sys.exit(f"Expected exit code 2, received {process.returncode}.")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Measure what an HTML report costs.")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--epoch", type=int, default=1_000, help="steps of an epoch (1000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = write_runs(folder, options.steps, options.epoch)
        page, text = str(folder / "report.html"), str(folder / "report.txt")
        times = [
            (
                cpu_seconds(*runs, "--format", "html", "-o", page),
                cpu_seconds(*runs, "-o", text),
            )
            for _ in range(options.rounds)
        ]
        htmls, texts = zip(*times, strict=True)
        size = Path(page).stat().st_size / 1000
    print(
        f"{options.steps:,} steps of 12 columns, {options.rounds} rounds, a page of {size:.0f} kB\n"
    )
    print("| | CPU, median | to text |")
    print("|---|---|---|")
    print(f"| html | {statistics.median(htmls):.2f} s | {paired(htmls, texts)} |")
    print(f"| text | {statistics.median(texts):.2f} s | |")


if __name__ == "__main__":
    main()
