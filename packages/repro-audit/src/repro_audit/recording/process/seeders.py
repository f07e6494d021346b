"""The functions that seed a shared generator."""

from __future__ import annotations

from repro_audit.recording.backends.select import names

__all__ = ["SEEDERS"]

# Private: rng_utils of Keras (3.12 to 3.15); the places of a framework are in its `NAMES`. When it
# moves, the call is not seen: name the new module here.
SEEDERS: dict[tuple[str, str], tuple[str, int]] = {
    ("keras.src.utils.rng_utils", "set_random_seed"): ("seed", 0),
    ("numpy.random.mtrand", "seed"): ("seed", 0),
    ("random", "seed"): ("a", 0),
    **dict(names("seeders")),
}
"""By module and function: the name and the place of the seed."""
