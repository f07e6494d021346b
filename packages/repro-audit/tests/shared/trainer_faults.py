"""Faults that are planted in trainers of `tests/faults`, one in each.

To add a fault, add a trainer and a line of ``FAULTS``. Nothing else knows of it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["AFTERWARDS", "CNN", "FAULTS", "HARMLESS", "Fault"]


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
    Fault("resumed with Dropout", "lost_generators", "resume.py 4", "resume.py 2; resume.py 4"),
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
