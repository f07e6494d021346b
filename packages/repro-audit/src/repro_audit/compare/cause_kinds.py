"""The kinds of cause: which conditions belong to each, and what each can do to a run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from repro_audit.compare.comparison import Group

__all__ = ["DRAWN_SEED", "KINDS", "Kind", "Strength", "kind_named", "kind_of"]

Strength = Literal["seeds", "inputs", "bits", "rarely"]
"""What a kind of cause can do to a run."""


class Kind(NamedTuple):
    """A kind of cause.

    Attributes:
        name: Key of its remedy.
        group: The group it is ranked in.
        title: What differs.
        strength: ``seeds`` explains initial weights and all that follows; ``inputs`` what
            follows; ``bits`` only other rounding; ``rarely`` next to nothing by itself.
        reason: Why it changes a run.
        paths: Regular expressions of its JSONPaths below ``$.conditions``.
        effective: The one of them that must differ for the kind to have its strength; what
            was merely asked for changes nothing. None where every path counts.
        acts_on: ``batch`` where it can only change what a step is given.
        factor: What `repro_audit.repeat` varies it by; empty where it cannot.
    """

    name: str
    group: Group
    title: str
    strength: Strength
    reason: str
    paths: tuple[str, ...]
    effective: str | None = None
    acts_on: Literal["batch", ""] = ""
    factor: str = ""

    def is_effective(self, paths: Iterable[str]) -> bool:
        """Return whether a condition that has an effect is among those that differ."""
        return self.effective is None or any(
            re.fullmatch(self.effective, path.removeprefix(_CONDITIONS)) for path in paths
        )


DRAWN_SEED = r"(?P<part>seeds|initializers)\.layers\[(?P<layer>\d+)\]\.seed"
"""JSONPath, below ``$.conditions``, of a seed that a layer holds."""

_CONDITIONS = "$.conditions."
_EVERY_UPDATE = "every update follows from it"
_VARIABLE = r"environment\.variables\."

KINDS = (
    Kind(
        "data",
        "data",
        "data",
        "inputs",
        "the content that was trained or tested on is not the same",
        (r"data",),
    ),
    Kind(
        "sample_order",
        "data",
        "order of the samples",
        "inputs",
        "the same samples come in another order, so every batch is another",
        (),
        acts_on="batch",
    ),
    Kind(
        "unrecorded_data",
        "data",
        "training data: not recorded",
        "inputs",
        "the batches differ, and nothing says whether the data do",
        (),
        acts_on="batch",
    ),
    Kind(
        "pipeline_order",
        "data",
        "order in a data pipeline",
        "inputs",
        "without deterministic=True a pipeline hands out what is ready first",
        (r"determinism\.datasets.*deterministic",),
        acts_on="batch",
    ),
    Kind(
        "parallel_map",
        "data",
        "random numbers in a parallel map",
        "inputs",
        "parallel calls share one generator, and which of them draws first is a race",
        (r"determinism\.datasets.*random",),
        acts_on="batch",
    ),
    Kind(
        "pipeline",
        "data",
        "data pipeline",
        "inputs",
        "its stages decide what a batch holds",
        (r"determinism\.datasets(?!\S*\.op_determinism)",),
        acts_on="batch",
    ),
    Kind(
        "seed",
        "seeds",
        "seed",
        "seeds",
        "initial weights, dropout masks and shuffling follow from it",
        (r"seeds\.declared", r"seeds\.declared_by", r"seeds\.backend"),
        r"seeds\.(declared|backend\.seed)",
    ),
    Kind(
        "python_seed",
        "seeds",
        "Python's random is not seeded: the layers drew other seeds",
        "seeds",
        "a layer without a seed draws one from Python's random when it is constructed",
        (),
        DRAWN_SEED,
    ),
    Kind(
        "given_seeds",
        "seeds",
        "seeds given to layers",
        "seeds",
        "what a layer draws follows from the seed it was given",
        (),
        DRAWN_SEED,
    ),
    Kind(
        "drawn_seeds",
        "seeds",
        "drawn seeds",
        "seeds",
        "the layers drew other seeds",
        (r"seeds\.layers", r"initializers\.layers"),
        DRAWN_SEED,
    ),
    Kind(
        "generators",
        "seeds",
        "NumPy generators",
        "inputs",
        "default_rng() without a seed takes one from the operating system",
        (r"seeds\.generators",),
        acts_on="batch",
    ),
    Kind(
        "initializers",
        "packages",
        "built-in initializers",
        "seeds",
        "they give other values for one seed: another release draws differently",
        (r"initializers",),
    ),
    Kind(
        "hash_seed",
        "seeds",
        "hash seed",
        "rarely",
        "it orders sets of strings, which may order labels or files",
        (r"seeds\.hash_seed", _VARIABLE + "PYTHONHASHSEED"),
        factor="hash-seed",
    ),
    Kind(
        "generator_state",
        "seeds",
        "generator state",
        "rarely",
        "something else was drawn from a shared generator before recording began",
        (r"seeds\.python", r"seeds\.numpy"),
    ),
    Kind(
        "optimizer",
        "training",
        "optimizer",
        "inputs",
        _EVERY_UPDATE,
        (r"training\.models\[\d+\]\.(optimizer|more_optimizers)",),
    ),
    Kind(
        "loss",
        "training",
        "loss",
        "inputs",
        _EVERY_UPDATE,
        (r"training\.models\[\d+\]\.(loss|compile)",),
    ),
    Kind(
        "model", "training", "model", "seeds", "the model is not the same", (r"training\.models",)
    ),
    Kind(
        "resume",
        "training",
        "one run was resumed",
        "seeds",
        "Keras saves no state of the layers' generators: dropout begins its stream again",
        (),
    ),
    Kind(
        "callbacks",
        "training",
        "callbacks",
        "inputs",
        "a callback may change the model, its optimizer or when training ends",
        (r"training\.fits\[\d+\]\.callback(s|_settings)",),
    ),
    Kind(
        "fit",
        "training",
        "fit arguments",
        "inputs",
        "the fit was asked for something else",
        (r"training\.fits",),
        acts_on="batch",
    ),
    Kind(
        "training",
        "training",
        "training",
        "inputs",
        "the training is not the same",
        (r"training",),
    ),
    Kind(
        "racing_op",
        "determinism",
        "racing operations",
        "bits",
        "their threads add in whatever order they come, op determinism or not",
        (r"determinism\.backend\.models\[\d+\]\.racing_ops",),
    ),
    Kind(
        "threads",
        "determinism",
        "thread count",
        "bits",
        "sums are split among threads, and their order changes the rounding",
        (
            r"determinism\.backend\.threads",
            r"determinism\.usable_cores",
            _VARIABLE + r"TF_NUM_INT(RA|ER)OP_THREADS",
        ),
        r"determinism\.backend\.threads\.intra_op\.in_force",
        factor="threads",
    ),
    Kind(
        "op_determinism",
        "determinism",
        "op determinism",
        "bits",
        "TensorFlow then builds some gradients from other operations",
        (
            r"determinism\.backend\.op_determinism",
            r"determinism\.datasets\S*\.op_determinism",
            r"determinism\.backend\.functions_traced_before",
            _VARIABLE + "TF_DETERMINISTIC_OPS",
        ),
        r"determinism\.backend\.op_determinism",
        factor="op-determinism",
    ),
    Kind(
        "jit",
        "determinism",
        "XLA compilation (jit_compile)",
        "inputs",
        "XLA rounds differently and draws other random numbers for one seed",
        (r"determinism\.execution\[\d+\]\.jit", r"determinism\.execution\[\d+\]\.jit_requested"),
        r"determinism\.execution\[\d+\]\.jit",
        factor="jit",
    ),
    Kind(
        "onednn",
        "determinism",
        "oneDNN",
        "bits",
        "its operations add in another order",
        (r"determinism\.backend\.onednn", _VARIABLE + "TF_ENABLE_ONEDNN_OPTS"),
        r"determinism\.backend\.onednn\.in_force",
        factor="onednn",
    ),
    Kind(
        "isa",
        "determinism",
        "instruction set",
        "bits",
        "wider vectors add in another order",
        (r"determinism\.backend\.isa", _VARIABLE + "(ONEDNN|DNNL)_MAX_CPU_ISA"),
        factor="isa",
    ),
    Kind(
        "xla_flags",
        "determinism",
        "XLA flags",
        "bits",
        "they choose how XLA computes",
        (r"determinism\.backend\.(tf_)?xla_flags", _VARIABLE + "(TF_)?XLA_FLAGS"),
    ),
    Kind(
        "execution",
        "determinism",
        "execution settings",
        "bits",
        "they choose which operations run",
        (r"determinism",),
    ),
    Kind(
        "numeric_packages",
        "packages",
        "numerical packages",
        "bits",
        "another release may compute or draw differently",
        (r"packages\.distributions\W+(tensorflow|keras|numpy|ml-dtypes|jax|jaxlib)\b",),
    ),
    Kind(
        "packages",
        "packages",
        "other packages",
        "rarely",
        "another release may behave differently",
        (r"packages\.distributions",),
    ),
    Kind(
        "processor",
        "environment",
        "processor",
        "bits",
        "other processors use other instructions",
        (r"environment\.(cpu|machine|accelerators|devices)",),
    ),
    Kind(
        "python",
        "environment",
        "Python",
        "rarely",
        "another release may hash, sort or draw differently",
        (r"environment\.python",),
    ),
    Kind(
        "environment", "environment", "environment", "rarely", "code may read it", (r"environment",)
    ),
    Kind(
        "arguments",
        "code",
        "arguments",
        "rarely",
        "the program was asked for something else",
        (r"code\.argv",),
    ),
    Kind("code", "code", "code", "rarely", "other code may do anything", (r"code",)),
)
"""Every kind; the first whose paths match a condition takes it."""

_NO_CAUSE = (
    _VARIABLE + "TF_CPP_MIN_LOG_LEVEL",
    r"environment\.memory_bytes",
    r"environment\.cpu\.(physical|logical)_cores",
)
"""Conditions that differ between machines or checkouts and change no bit by themselves."""


def kind_of(path: str) -> Kind | None:
    """Return the kind of cause that a condition belongs to.

    A whole part, such as ``$.conditions.seeds``, differs only where one run lacks it: missing
    evidence is no cause.

    Returns:
        The kind; None where the condition causes nothing.

    >>> kind_of("$.conditions.determinism.backend.threads.intra_op.in_force").name
    'threads'
    """
    below = path.removeprefix(_CONDITIONS)
    if below.isidentifier() or any(_begins(pattern, below) for pattern in _NO_CAUSE):
        return None
    return next(
        (kind for kind in KINDS if any(_begins(pattern, below) for pattern in kind.paths)), None
    )


def kind_named(name: str) -> Kind:
    """Return the kind of that name."""
    return next(kind for kind in KINDS if kind.name == name)


def _begins(pattern: str, path: str) -> bool:
    """Whether a path is the one that the pattern names, or lies below it."""
    return re.match(rf"(?:{pattern})(?![\w-])", path) is not None
