"""Seeds, and what is drawn from them."""

from __future__ import annotations

from repro_audit.compare.kinds.kind import DRAWN_SEED, VARIABLE, Kind, Stage

__all__ = ["KINDS"]

_SEEDED: tuple[Stage, ...] = ("start", "batch", "random", "loss", "update")

KINDS = (
    Kind(
        "seed",
        "seeds",
        "seed",
        "seeds",
        "initial weights, dropout masks and shuffling follow from it",
        (r"seeds\.declared", r"seeds\.declared_by", r"seeds\.backend"),
        r"seeds\.(declared|backend\.seed)",
        acts_at=_SEEDED,
        factor="seed",
    ),
    Kind(
        "python_seed",
        "seeds",
        "Python's random is not seeded: the layers drew other seeds",
        "seeds",
        "a layer without a seed draws one from Python's random when it is constructed",
        (),
        DRAWN_SEED,
        acts_at=_SEEDED,
        factor="python-seed",
    ),
    Kind(
        "given_seeds",
        "seeds",
        "seeds given to layers",
        "seeds",
        "what a layer draws follows from the seed it was given",
        (),
        DRAWN_SEED,
        acts_at=("start", "random", "loss"),
    ),
    Kind(
        "layer_initializers",
        "training",
        "initializers of layers",
        "seeds",
        "a layer begins with what its initializer gives",
        (r"initializers\.layers\[\d+\]\.(initializer|role|layer)",),
        acts_at=("start",),
    ),
    Kind(
        "drawn_seeds",
        "seeds",
        "drawn seeds",
        "seeds",
        "the layers drew other seeds",
        (r"seeds\.layers", r"initializers\.layers"),
        DRAWN_SEED,
        acts_at=_SEEDED,
    ),
    Kind(
        "generators",
        "seeds",
        "NumPy generators",
        "inputs",
        "default_rng() without a seed takes one from the operating system",
        (r"seeds\.generators",),
        acts_at=("start", "batch", "result"),
        factor="generators",
    ),
    Kind(
        "initializers",
        "packages",
        "built-in initializers",
        "seeds",
        "they give other values for one seed: another release draws differently",
        (r"initializers",),
        acts_at=("start",),
    ),
    Kind(
        "hash_seed",
        "seeds",
        "hash seed",
        "rarely",
        "it orders sets of strings, which may order labels or files",
        (r"seeds\.hash_seed", VARIABLE + "PYTHONHASHSEED"),
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
)
