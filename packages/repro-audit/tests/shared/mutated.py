"""Documents that are almost valid: one thing of a valid one is another."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

__all__ = ["mutated"]

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, 0.5, -0.0, 1e308, 5e-324, 2**53, 2**64, 10**30, -(10**30),
    "", "NaN", "-0.0", "Infinity", "step", "0x1f", "0xg", "sha256:" + "0" * 64, "sha256:0",
    "0" * 32, "0" * 32 + "\n", "0a1b", "\u00e9", "\U0001f600", "a\nb", "x" * 300, [], {}, [None],
    [[]], [0, "a"], {"name": "tensorflow"}, {"name": "jax"}, {"a": None}, {"digest": 3},
)  # fmt: skip


def mutated(document: Any, count: int, seed: int) -> Iterator[Any]:
    """Yield copies of a document in each of which one to three places are other ones.

    Args:
        document: A JSON value.
        count: How many.
        seed: Of what is changed, and how.
    """
    drawn = random.Random(seed)
    places = list(_places(document))
    for _ in range(count):
        copied = copy.deepcopy(document)
        for place in drawn.sample(places, drawn.choice((1, 1, 2, 3))):
            _change(copied, place, drawn)
        yield copied


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where every part of a value stands, but the whole."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*place, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*place, key))


def _change(document: Any, place: tuple[Any, ...], drawn: random.Random) -> None:
    """Change one place, if it is still there: what is around it may have gone."""
    around = document
    for key in place[:-1]:
        try:
            around = around[key]
        except (KeyError, IndexError, TypeError):
            return
    key = place[-1]
    there = (
        around
        if isinstance(around, dict)
        else range(len(around) if isinstance(around, list) else 0)
    )
    if key not in there:
        return
    value = copy.deepcopy(drawn.choice(_VALUES))
    match drawn.randrange(4):
        case 0:
            del around[key]
        case 1 if isinstance(around, dict):
            around[drawn.choice(("another", "name", "\u00e9", ""))] = value
        case 1:
            around.insert(key, value)
        case _:
            around[key] = value
