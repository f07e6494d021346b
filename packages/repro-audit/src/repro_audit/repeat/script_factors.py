"""The factors that are varied only to confirm a cause: what lies within a script.

That another seed or another order of the samples changes a run is no news of its sensitivity. That
it changes a run at the very place where two others diverge is news of these two.
"""

from __future__ import annotations

import functools
import hashlib

from repro_audit.repeat.confirming import Suspicion
from repro_audit.repeat.factor import Factor, manifest_of
from repro_audit.repeat.plan import Setting
from repro_audit.repeat.running import Done

__all__ = ["script_factors"]

_ANOTHER = 10_007
"""Added to a seed where the runs to explain do not say which other one is wanted."""


def script_factors(suspected: Suspicion) -> tuple[Factor, ...]:
    """Return the factors.

    Args:
        suspected: The cause that is put to the test.
    """
    return (
        Factor(
            name="seed",
            text="the seed that the script sets",
            likely=True,
            vary=functools.partial(_vary_seed, suspected),
            in_force=_seed,
            stays="the script sets it in a way that cannot be changed from outside",
        ),
        Factor(
            name="python-seed",
            text="the seed of Python's random, which layers draw theirs from",
            likely=True,
            vary=functools.partial(_vary_seeds, suspected),
            in_force=_python,
            stays="the script seeds it itself",
        ),
        Factor(
            name="generators",
            text="the seed of each default_rng() that is given none",
            likely=True,
            vary=functools.partial(_vary_seeds, suspected),
            in_force=_generators,
            stays="the script gives every generator a seed",
        ),
        Factor(
            name="batch-order",
            text="the order in which a fit is given its samples",
            likely=True,
            vary=_vary_order,
            in_force=_order,
            stays="the script decides it in a way that cannot be changed from outside",
        ),
    )


def _vary_seed(suspected: Suspicion, base: Done) -> Setting:
    """Give a run that has the seed of one of the two the seed of the other."""
    own, (expected, actual) = manifest_of(base).seed, suspected.seeds
    shift = _ANOTHER
    if own is not None and expected is not None and actual is not None and expected != actual:
        shift = {expected: actual - own, actual: expected - own}.get(own, _ANOTHER)
    return Setting(name="", request={"seed_shift": shift, **_vary_seeds(suspected, base).request})


def _seed(done: Done) -> str | None:
    seed = manifest_of(done).seed
    return None if seed is None else str(seed)


def _vary_seeds(suspected: Suspicion, _: Done) -> Setting:
    """Begin with another seed than the plain runs do."""
    return Setting(name="", request={"seeds": suspected.seeded_otherwise})


def _python(done: Done) -> str | None:
    """Return a name for the state of Python's generator when recording began."""
    seeds = manifest_of(done).conditions.seeds
    digest = None if seeds is None else seeds.python.digest
    return None if digest is None else f"state {_short(digest)}"


def _generators(done: Done) -> str | None:
    """Return a name for what all generators of the script were seeded with."""
    seeds = manifest_of(done).conditions.seeds
    if seeds is None or not seeds.generators:
        return None
    drawn = str([(item.where, item.entropy, item.spawn_key) for item in seeds.generators])
    return f"entropy {hashlib.sha256(drawn.encode()).hexdigest()[:8]}"


def _vary_order(base: Done) -> Setting | str:
    if _order(base) is None:
        return "the samples cannot be told apart, or their steps were not traced one by one"
    return Setting(name="", request={"reorder": True})


def _order(done: Done) -> str | None:
    """Return a name for the order of the samples in the first epoch of the first fit."""
    fits = manifest_of(done).outcomes.fits
    samples = next((fit.samples for fit in fits if fit.samples), None)
    if samples is None:
        return None
    return f"order {hashlib.sha256(samples.inputs.encode()).hexdigest()[:8]}"


def _short(digest: str) -> str:
    return digest.rpartition(":")[2][:8]
