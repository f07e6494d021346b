"""The sequences that the package learns from."""

import numpy as np

LENGTH = 7


def load(count, generator):
    """Return sequences of numbers, and the sum of each.

    Args:
        count: How many.
        generator: Draws them.
    """
    x = generator.normal(size=(count, LENGTH, 1)).astype("float32")
    return x, np.sum(x, axis=(1, 2))
