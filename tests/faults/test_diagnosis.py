"""Each trainer has one fault planted: the diagnosis names it, and is never certain of another.

To add a fault, add a trainer and a line of ``FAULTS``. Nothing else knows of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from repro_audit import audit, load
from repro_audit.compare import Cause, Comparison
from repro_audit.trace import find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(4)]

NAMED_FIRST = 13
CANDIDATES = 3


class Fault(NamedTuple):
    """A fault, the kind of cause that it is, and how `train` is to start the two runs."""

    name: str
    kind: str
    expected: str
    actual: str


def alike(name: str, kind: str, words: str) -> Fault:
    """Return a fault that makes two runs part which are started alike."""
    return Fault(name, kind, words, words)


def planted(name: str, kind: str, script: str) -> Fault:
    """Return a fault that a script has where its command line says so."""
    return Fault(name, kind, script, f"{script} planted")


HEAD = ("fault", "planted", "verdict", "first difference", "rank", "certainty", "named first")
CNN = "cnn.py 2"
OTHER_KERAS = "keras==3.12.0"

FAULTS = (
    alike("nothing is seeded", "python_seed", "unseeded.py"),
    alike("only NumPy and TensorFlow are", "python_seed", "numpy_and_tensorflow.py"),
    planted("an extra random.random()", "drawn_seeds", "extra_draw.py"),
    planted("an unused layer", "drawn_seeds", "unused_layer.py"),
    planted("op determinism comes late", "op_determinism", "late_op_determinism.py"),
    alike("np.random in a parallel map", "parallel_map", "parallel_map.py"),
    alike("a map with deterministic=False", "pipeline_order", "pipeline_order.py"),
    planted("one pixel", "data", "one_pixel.py"),
    planted("two samples swapped", "sample_order", "two_samples.py"),
    planted("files read backwards", "sample_order", "file_order.py"),
    Fault("labels from a set", "hash_seed", "label_order.py", "PYTHONHASHSEED=1 label_order.py"),
    Fault("one thread", "threads", CNN, "cnn.py 1"),
    # On some processors it is off by itself.
    Fault(
        "oneDNN off", "onednn", f"TF_ENABLE_ONEDNN_OPTS=1 {CNN}", f"TF_ENABLE_ONEDNN_OPTS=0 {CNN}"
    ),
    Fault("a cap on instructions", "isa", CNN, f"ONEDNN_MAX_CPU_ISA=SSE41 {CNN}"),
    planted("jit_compile=True", "jit", "jit.py"),
    Fault("resumed with Dropout", "resume", "resume.py 4", "resume.py 2; resume.py 4"),
    planted("learning rate", "optimizer", "learning_rate.py"),
    planted("dropout rate", "model", "dropout_rate.py"),
    Fault("an older Keras", "numeric_packages", "dense.py", f"{OTHER_KERAS} dense.py"),
    alike("a weighted bincount", "racing_op", "weighted_bincount.py"),
)

# Written when the diagnosis had been frozen: how it does on faults it was not made for.
AFTERWARDS = (
    planted("another batch size", "fit", "batch_size.py"),
    alike("default_rng() without a seed", "generators", "own_generator.py"),
    alike("np.random in PyDataset workers", "parallel_map", "workers.py"),
    planted("another seed of a shuffle", "pipeline", "shuffle_seed.py"),
    planted("run_eagerly=True", "execution", "eager.py"),
)

HARMLESS = (
    alike("nothing", "", CNN),
    Fault("an older Keras that computes the same", "", CNN, f"{OTHER_KERAS} {CNN}"),
)


def compared(expected: Path, actual: Path) -> Comparison:
    """Return what an audit says of two runs, as anybody gets it who has their manifests."""
    paths = expected, actual
    manifests = [load(path) for path in paths]
    traces = [find_trace(*pair) for pair in zip(paths, manifests, strict=True)]
    (comparison,) = audit(*manifests, traces=traces).comparisons
    return comparison


@pytest.fixture(scope="session")
def comparison(train: Callable[..., Any]) -> Callable[[Fault], Comparison]:
    """Return what starts both runs of a fault, side by side, and compares them."""

    def comparison(fault: Fault) -> Comparison:
        runs = [train(fault.expected), train(fault.actual, copy=fault.actual == fault.expected)]
        return compared(*(run.result() for run in runs))

    return comparison


@pytest.fixture(scope="session")
def diagnosis(
    comparison: Callable[[Fault], Comparison], table: Callable[..., list[tuple[str, ...]]]
) -> Callable[[Fault], tuple[Cause, ...]]:
    """Return what diagnoses a fault, once, and notes its row of the table."""
    rows = table("what the diagnosis makes of planted faults", *HEAD)
    known: dict[Fault, tuple[Cause, ...]] = {}

    def diagnosis(fault: Fault) -> tuple[Cause, ...]:
        if fault not in known:
            found = comparison(fault)
            assert found.verdict == "divergent", f"{fault.name} changed no bit"
            known[fault] = found.causes
            rows.append(row(fault, found))
        return known[fault]

    return diagnosis


def row(fault: Fault, found: Comparison) -> tuple[str, ...]:
    """Return a fault's row of the table."""
    rank = rank_of(fault, found.causes)
    certainty = "" if rank is None else found.causes[rank - 1].certainty
    other = found.causes[0].kind if found.causes and rank != 1 else ""
    first = "" if found.first_difference is None else found.first_difference.text
    first = textwrap.shorten(first, 60, placeholder=" …")
    return fault.name, fault.kind, found.verdict, first, str(rank or "-"), certainty, other


def rank_of(fault: Fault, causes: tuple[Cause, ...]) -> int | None:
    """Return the place of the planted cause among the candidates, from 1."""
    kinds = [cause.kind for cause in causes]
    return kinds.index(fault.kind) + 1 if fault.kind in kinds else None


@pytest.mark.parametrize("fault", FAULTS + AFTERWARDS, ids=lambda fault: fault.name)
def test_the_planted_cause_is_a_candidate_and_no_other_is_certain(fault, diagnosis):
    causes = diagnosis(fault)
    assert fault.kind in [cause.kind for cause in causes[:CANDIDATES]]
    assert {cause.kind for cause in causes if cause.certainty == "certain"} <= {fault.kind}


def test_most_planted_causes_are_named_first(diagnosis):
    first = [fault.name for fault in FAULTS if rank_of(fault, diagnosis(fault)) == 1]
    assert len(first) >= NAMED_FIRST, first


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: fault.name)
def test_what_changes_no_bit_is_no_cause(fault, comparison):
    found = comparison(fault)
    assert found.verdict == "identical"
    assert found.causes == ()
