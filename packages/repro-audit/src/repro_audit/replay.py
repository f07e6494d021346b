"""Replay Python's generator: which of its draws became the layers' seeds.

A Keras layer or initializer without a seed draws one when it is constructed, by
``random.randint(1, 10**9)`` (Keras 3, ``make_default_seed``). With the seed known, the stream
can be made again without touching the shared generator, and every drawn seed has its place in
it. The place is counted in 32-bit words: one such seed takes one word (or more, since a word
that is too large is thrown away), and ``random.random()`` takes two.
"""

from __future__ import annotations

import itertools
import random
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from repro_audit.manifest.records import Manifest

__all__ = ["Replay", "drawn_seeds", "likely_small_seed", "replay"]

_MAX_DRAWS = 10**9
_NEAR = 4_096
_FAR = 2**18
_SMALL_SEEDS = 1_024


class Replay(NamedTuple):
    """Where the layers' drawn seeds stand in the stream of one seed.

    Attributes:
        seed: The seed of the stream.
        drawn: How many seeds were looked for.
        found: How many of them the stream holds.
        offset_words: Words that something else took before the first of them.
        gap_words: Words that something else took between them.
    """

    seed: int
    drawn: int
    found: int
    offset_words: int
    gap_words: int

    @property
    def complete(self) -> bool:
        """Whether every drawn seed is a draw of this stream."""
        return self.found == self.drawn > 0


def drawn_seeds(manifest: Manifest) -> tuple[int, ...]:
    """Return the seeds that layers and initializers drew for themselves, each once."""
    conditions = manifest.conditions
    seeds: dict[int, None] = {}
    if conditions.initializers is not None:
        for weight in conditions.initializers.layers:
            if weight.seed is not None and weight.given is False:
                seeds[weight.seed] = None
    if conditions.seeds is not None:
        for layer in conditions.seeds.layers:
            if not layer.given:
                seeds[layer.seed] = None
    return tuple(seeds)


def replay(seed: int, drawn: Sequence[int]) -> Replay:
    """Look for drawn seeds in the stream of ``random.Random(seed)``.

    Args:
        seed: The seed of Python's generator.
        drawn: Seeds that layers drew, in any order.

    Source:
        Keras 3, ``make_default_seed`` in ``keras.src.random.seed_generator``: Python's
        ``random.randint`` from 1 to 10^9.

    >>> stream = random.Random(812)
    >>> _ = stream.random()
    >>> replay(812, [stream.randint(1, 10**9), stream.randint(1, 10**9)])
    Replay(seed=812, drawn=2, found=2, offset_words=2, gap_words=0)
    """
    words = _words(seed, _NEAR)
    places = _places(words, drawn)
    if len(places) < len(set(drawn)):
        # So far along the stream a single seed may be found by chance; all of them may not.
        far = _words(seed, _FAR)
        places_far = _places(far, drawn)
        if len(places_far) == len(set(drawn)):
            words, places = far, places_far
    if not places:
        return Replay(seed=seed, drawn=len(drawn), found=0, offset_words=0, gap_words=0)
    ordered = sorted(places.values())
    gaps = sum(_taken(words, before + 1, after) for before, after in itertools.pairwise(ordered))
    return Replay(
        seed=seed,
        drawn=len(drawn),
        found=len(places),
        offset_words=_taken(words, 0, ordered[0]),
        gap_words=gaps,
    )


def likely_small_seed(drawn: Sequence[int]) -> int | None:
    """Return the seed from 0 to 1,023 whose first draws hold one of `drawn`.

    Returns:
        The smallest such seed; None where there is none.
    """
    for seed in range(_SMALL_SEEDS):
        if _places(_words(seed, 64), drawn):
            return seed
    return None


def _words(seed: int, count: int) -> array[int]:
    """Return the first 32-bit words of ``random.Random(seed)``."""
    bits = random.Random(seed).getrandbits(32 * count)  # noqa: S311 - a replay, no secret
    return array("I", bits.to_bytes(4 * count, "little"))


def _places(words: array[int], drawn: Sequence[int]) -> dict[int, int]:
    """Return the first place of each drawn seed that the words hold."""
    # randint takes the upper 30 bits of a word, and 1 more than them.
    wanted = {seed - 1 for seed in drawn}
    places: dict[int, int] = {}
    for place, word in enumerate(words):
        if word >> 2 in wanted:
            places.setdefault(word >> 2, place)
    return places


def _taken(words: array[int], start: int, end: int) -> int:
    """Count the words from `start` to `end` that are not just rejected on the way to `end`."""
    while end > start and words[end - 1] >> 2 >= _MAX_DRAWS:
        end -= 1
    return end - start
