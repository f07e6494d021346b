"""The calls that seed a run as the expected one is, and pin what it pins."""

from __future__ import annotations

from repro_audit.manifest import Manifest
from repro_audit.wording import EXAMPLE_SEED

__all__ = ["FIRST", "IN_BOTH", "control_as", "is_controlled", "seed_of", "set_random_seed"]


FIRST = "first, before any layer or operation"
IN_BOTH = "in both runs"


def seed_of(manifest: Manifest) -> int:
    """Return the run's seed; where it has none, an example."""
    return EXAMPLE_SEED if manifest.seed is None else manifest.seed


def is_controlled(manifest: Manifest) -> bool:
    """Return whether nothing but `repro_audit.control` seeds the run."""
    seeds = manifest.conditions.seeds
    return seeds is None or seeds.declared_by in {None, "repro_audit.control"}


def control_as(manifest: Manifest, threads: int | None = None) -> str:
    """Return the call that sets what the expected run has set, and nothing that it has not.

    Args:
        manifest: The expected run.
        threads: Threads to pin; None for those that the run itself has pinned.
    """
    tensorflow = manifest.conditions.tensorflow
    arguments = [f"seed={seed_of(manifest)}"]
    if tensorflow is not None:
        pool = tensorflow.threads.intra_op
        if threads is None and pool.source == "api":
            threads = pool.in_force
        if tensorflow.op_determinism == "off" and manifest.seed is not None:
            arguments.append("op_determinism=False")
    if threads is not None:
        arguments.insert(1, f"threads={threads}")
    return f"repro_audit.control({', '.join(arguments)})"


def set_random_seed(manifest: Manifest) -> str:
    """Return the call that seeds as the run does, and changes nothing else."""
    return f"keras.utils.set_random_seed({seed_of(manifest)})"
