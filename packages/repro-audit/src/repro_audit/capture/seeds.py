"""The condition `seeds`: what was declared, and where every shared generator stands."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from repro_audit.canonical import digest_bytes
from repro_audit.manifest.conditions import BackendGenerator, Generator, HashSeed, Seeds

if TYPE_CHECKING:
    from repro_audit.capture.backend import Facts

__all__ = ["capture_seeds"]

_NUMPY_SEEDS = 2**32


def capture_seeds(
    backend: Facts, variables: Mapping[str, str], controlled_seed: int | None
) -> Seeds:
    """Read the seeds and the shared generators' states. Draws nothing.

    Args:
        backend: The framework.
        variables: Environment variables as they were when recording began.
        controlled_seed: The seed that `repro_audit.control` set in this process, if any.

    Returns:
        The seeds and states of now. `layers` and `generators` are empty: models and data that come
        later have them.
    """
    declared = backend.declared_seed()
    by_control = declared is not None and declared == controlled_seed
    return Seeds(
        declared=declared,
        declared_by=None
        if declared is None
        else "repro_audit.control"
        if by_control
        else "keras.utils.set_random_seed",
        python=_python(declared),
        numpy=_numpy(declared),
        backend=BackendGenerator(
            seed=backend.global_seed(), digest=_digest_state(backend.generator_state())
        ),
        hash_seed=HashSeed(
            requested=variables.get("PYTHONHASHSEED"),
            randomized=bool(sys.flags.hash_randomization),
            probe=hex(hash("repro-audit") & (2**64 - 1)),
        ),
        layers=(),
        generators=(),
    )


def _python(declared: int | None) -> Generator:
    state = random.getstate()
    as_seeded = None if declared is None else random.Random(declared).getstate() == state  # noqa: S311 - a replay, no secret
    return Generator(digest=_digest_state(state), as_seeded=as_seeded)


def _numpy(declared: int | None) -> Generator:
    import numpy as np

    state = _numpy_state(np.random.get_state(legacy=False))  # noqa: NPY002 - the shared one is observed
    as_seeded = None
    if declared is not None and 0 <= declared < _NUMPY_SEEDS:
        fresh = np.random.RandomState(declared).get_state(legacy=False)
        as_seeded = _numpy_state(fresh) == state
    return Generator(digest=_digest_state(state), as_seeded=as_seeded)


def _numpy_state(state: Any) -> str:
    """Return a NumPy generator's state as text: equal states, equal text."""
    inner = {
        key: value.tolist() if hasattr(value, "tolist") else value
        for key, value in state["state"].items()
    }
    return repr((state["bit_generator"], inner, state.get("has_gauss"), state.get("gauss")))


def _digest_state(state: Any) -> str | None:
    return None if state is None else digest_bytes(repr(state).encode())
