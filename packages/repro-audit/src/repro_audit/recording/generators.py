"""Leave every shared random generator where it was, whatever an import draws from it."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator

__all__ = ["unmoved_generators"]


@contextlib.contextmanager
def unmoved_generators() -> Iterator[None]:
    """Put Python's and NumPy's shared generators back when the block ends.

    NumPy's is nobody's yet where nobody has imported NumPy.
    """
    python = random.getstate()
    numpy = sys.modules.get("numpy.random")
    state = None if numpy is None else numpy.get_state(legacy=False)
    try:
        yield
    finally:
        random.setstate(python)
        if numpy is not None:
            numpy.set_state(state)
