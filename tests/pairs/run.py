"""Train pairs of equal runs in clean processes, and look for a false difference.

    python tests/pairs/run.py
    python tests/pairs/run.py --pairs 10

Exit 1 where two runs are anything but identical with evidence `trace`.
"""

from __future__ import annotations

import argparse
import filecmp
import itertools
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from repro_audit import audit, load
from repro_audit.recording.request import Request
from repro_audit.repeat.environment import clean_environment
from repro_audit.repeat.executors.supervised import SupervisedProcess
from repro_audit.repeat.folders import log_tail
from repro_audit.trace import find_trace

MODELS = Path(__file__).with_name("models.py")
KINDS = (
    "dense",
    "convolutional",
    "recurrent",
    "attention",
    "augmenting layers",
    "augmenting pipeline",
    "PyDataset",
    "class weights",
    "custom step",
    "four steps a call",
)
"""Kinds of training in models.py, which needs TensorFlow to be imported."""


def main() -> int:
    """Return 0 where all pairs are identical."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=40, help="how many (40)")
    pairs = parser.parse_args().pairs
    kinds = list(itertools.islice(itertools.cycle(KINDS), pairs))
    failed = []
    with (
        tempfile.TemporaryDirectory(prefix="repro-audit-") as made,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        jobs = [(Path(made) / str(number), kind) for number, kind in enumerate(kinds)]
        for number, (kind, said) in enumerate(pool.map(pair, jobs), start=1):
            print(f"{number:>3} of {pairs}  {kind:<20}  {said}", flush=True)
            if not said.startswith("identical (trace)"):
                failed.append(kind)
    print(f"{pairs - len(failed)} of {pairs} pairs identical with evidence trace")
    return int(bool(failed))


def pair(job: tuple[Path, str]) -> tuple[str, str]:
    """Run one kind twice; return it and the verdict."""
    folder, kind = job
    paths = []
    for name in ("first", "second"):
        paths.append(folder / name / "manifest.json")
        paths[-1].parent.mkdir(parents=True)
        with SupervisedProcess(
            [sys.executable, str(MODELS), kind],
            environment=clean_environment(Request(manifest=str(paths[-1]))),
            folder=Path.cwd(),
            log=folder / f"{name}.txt",
        ) as process:
            ended = process.follow(lambda _: None, timeout_s=600)
        if ended.exit_code:
            return kind, f"exit {ended.exit_code}: {log_tail(folder / f'{name}.txt', 1)}"
    manifests = [load(path) for path in paths]
    traces = [find_trace(*each) for each in zip(paths, manifests, strict=True)]
    result = audit(*manifests, traces=traces)
    same = filecmp.cmp(*(path.with_suffix(".trace") for path in paths), shallow=False)
    bytes_ = "traces byte-identical" if same else f"TRACES DIFFER: {result.reason}"
    return kind, f"{result.verdict} ({result.evidence}), {manifests[0].steps} steps, {bytes_}"


if __name__ == "__main__":
    sys.exit(main())
