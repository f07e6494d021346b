"""What recording every step costs, against the bare training and against MLflow and W&B.

    python benchmarks/recording.py
    python benchmarks/recording.py --case small

Each round trains once under each tool, one after the other, each in a clean process; every round
begins with another tool. CPU time is that of all threads and helper processes, and each ratio is
that to the bare run of the same round. ``bare-again`` shows how much of a ratio is noise.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from ratios import paired
from recording_run import Request
from recording_tools import NEEDS, TOOLS


class Case(NamedTuple):
    """A training that is measured.

    Attributes:
        model: Which of `PREPARE`.
        steps: Batches of 64 an epoch: 938 are 60,000 images.
        epochs: Epochs of each fit.
        fits: Fits.
        variants: Which of `TOOLS` observe it.
    """

    model: str
    steps: int
    epochs: int = 1
    fits: int = 1
    variants: tuple[str, ...] = ("bare", "bare-again", "recorded")


CASES = {
    "cnn": Case("cnn", 938, variants=("bare", "bare-again", "recorded", "mlflow", "wandb")),
    "lstm": Case("lstm", 500),
    "transformer": Case("transformer", 500),
    "mlp": Case("mlp", 200),
    "small": Case("small", 2000),
    "untraced": Case("small", 2000, variants=("bare", "bare-again", "untraced")),
    "fits": Case("small", 100, fits=20),
    "epochs": Case("small", 5, epochs=300),
}

PEERS = ("mlflow", "wandb")

QUIET = {
    "CUDA_VISIBLE_DEVICES": "",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "KERAS_BACKEND": "tensorflow",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONHASHSEED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
}
"""Environment of every run: the same for all, and nothing is sent anywhere."""

COLUMNS = {
    "CPU, fit": ("fit", "cpu_s", "bare"),
    "CPU, whole": ("whole", "cpu_s", "bare"),
    "wall, fit": ("fit", "wall_s", "bare"),
    "CPU, fit, to recorded": ("fit", "cpu_s", "recorded"),
}
"""Of each column of ratios: part of the run, unit, and the run they are to."""

Run = dict[str, Any]


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Measure what recording every step costs.")
    parser.add_argument("--case", choices=CASES, default="cnn")
    parser.add_argument("--rounds", type=int, default=12, help="11 or more for a result (12)")
    parser.add_argument("--variants", nargs="+", choices=TOOLS, help="which runs, bare among them")
    parser.add_argument("--quick", action="store_true", help="a fifth of it, without the peers")
    parser.add_argument("--steps", type=int, help="of an epoch; fewer for a quick try")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--fits", type=int)
    parser.add_argument("--threads", type=int, default=2, help="of TensorFlow (2)")
    parser.add_argument("--json", type=Path, help="write every single figure to this file")
    options = parser.parse_args()
    case = CASES[options.case]
    options.model = case.model
    part = 5 if options.quick else 1
    options.steps = options.steps or (case.steps if case.epochs > 1 else case.steps // part)
    options.epochs = options.epochs or -(-case.epochs // part)
    options.fits = options.fits or case.fits
    variants = [name for name in case.variants if not (options.quick and name in PEERS)]
    options.variants = options.variants or variants
    if "bare" not in options.variants:
        parser.error("--variants: expected bare among them, the others are compared with it")
    return options


def missing(variants: list[str]) -> list[str]:
    """Return which packages the variants need and do not find."""
    needed = {package for name in variants for package in NEEDS.get(name, ())}
    return sorted(package for package in needed if importlib.util.find_spec(package) is None)


def rounds(options: argparse.Namespace) -> Iterator[dict[str, Run]]:
    """Yield each round's runs by name."""
    names = options.variants
    asked = {
        name: getattr(options, name) for name in ("model", "steps", "epochs", "fits", "threads")
    }
    for number in range(options.rounds):
        first = number % len(names)
        yield {name: run(tool=name, **asked) for name in names[first:] + names[:first]}


def run(tool: str, **asked: Any) -> Run:
    """Train once in a clean process, and return what it reports.

    Args:
        tool: Which of `TOOLS` observes the training.
        asked: The rest of a `Request`.

    Raises:
        SystemExit: It failed; what it said is shown.
    """
    with tempfile.TemporaryDirectory() as folder:
        request = Request(tool=tool, folder=folder, **asked)
        script = Path(__file__).with_name("recording_run.py")
        done = subprocess.run(
            [sys.executable, str(script), json.dumps(asdict(request))],
            cwd=folder,
            env=os.environ | QUIET | {"HOME": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{tool} failed:\n{done.stderr[-3000:]}")
        result: Run = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
        return result


def head(options: argparse.Namespace, measured: list[dict[str, Run]]) -> Iterator[str]:
    """Yield the lines above the table."""
    bare = [runs["bare"] for runs in measured]
    yield (
        f"{options.case}: {bare[0]['parameters']:,} parameters, {bare[0]['steps']} steps, "
        f"{len(measured)} rounds, {options.threads} threads"
    )
    packages = sorted({"keras", "tensorflow"}.union(*(NEEDS.get(name, ()) for name in measured[0])))
    yield ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    ends = len({run["weights"] for run in bare})
    if ends > 1:
        yield f"No two runs can be compared: the bare runs ended in {ends} different weights"


def table(measured: list[dict[str, Run]]) -> Iterator[str]:
    """Yield the lines of the Markdown table."""
    headings = ["run", *COLUMNS, "steps on record", "final weights"]
    yield f"| {' | '.join(headings)} |"
    yield "|---" * len(headings) + "|"
    for name in measured[0]:
        if name != "bare":
            yield f"| {' | '.join([name, *row(name, measured)])} |"


def row(name: str, measured: list[dict[str, Run]]) -> Iterator[str]:
    """Yield the cells of one variant, behind its name."""
    for part, unit, other in COLUMNS.values():
        if other in measured[0] and other != name:
            ours, theirs = ([runs[key][part][unit] for runs in measured] for key in (name, other))
            yield str(paired(ours, theirs))
        else:
            yield ""
    counts = sorted({runs[name]["recorded_steps"] for runs in measured}, key=str)
    yield "" if counts == [None] else ", ".join(map(str, counts))
    equal = sum(runs[name]["weights"] == runs["bare"]["weights"] for runs in measured)
    yield "equal" if equal == len(measured) else f"equal in {equal} of {len(measured)} rounds"


def main() -> None:
    """Measure, and print the table."""
    options = parse()
    if absent := missing(options.variants):
        print(f"Missing: {', '.join(absent)}. Run: pip install {' '.join(absent)}", file=sys.stderr)
        sys.exit(2)
    began = time.monotonic()
    measured = []
    for runs in rounds(options):
        measured.append({name: runs[name] for name in options.variants})
        passed = f"round {len(measured)} of {options.rounds}, {time.monotonic() - began:.0f} s"
        print(passed, file=sys.stderr, flush=True)
        if options.json:
            options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(*head(options, measured), "", *table(measured), sep="\n")


if __name__ == "__main__":
    main()
