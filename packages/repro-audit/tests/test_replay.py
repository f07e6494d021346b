import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifests import NAMES, changed, document, record

from repro_audit.replay import drawn_seeds, likely_small_seed, replay

seeds = st.integers(0, 2**32 - 1)


def keras_seed(stream: random.Random) -> int:
    """As Keras draws a seed: keras/src/random/seed_generator.py, make_default_seed."""
    return stream.randint(1, 10**9)


@given(seeds, st.integers(1, 12), st.randoms())
def test_seeds_drawn_one_after_the_other_are_found_without_offset_or_gap(seed, count, order):
    stream = random.Random(seed)
    drawn = [keras_seed(stream) for _ in range(count)]
    order.shuffle(drawn)
    found = replay(seed, drawn)
    assert found.complete
    assert (found.offset_words, found.gap_words) == (0, 0)


@given(seeds, st.integers(1, 50))
def test_each_random_before_the_layers_is_an_offset_of_two_words(seed, calls):
    stream = random.Random(seed)
    taken = [stream.getrandbits(32) for _ in range(2 * calls)]
    found = replay(seed, [keras_seed(stream), keras_seed(stream)])
    # Words too large for a seed, right before the layers, might be those a layer threw away.
    while taken and taken[-1] >> 2 >= 10**9:
        taken.pop()
    assert (found.complete, found.offset_words, found.gap_words) == (True, len(taken), 0)


def test_a_draw_between_the_layers_is_a_gap_and_no_offset():
    stream = random.Random(812)
    first = keras_seed(stream)
    stream.random()
    second = keras_seed(stream)
    found = replay(812, [first, second])
    assert (found.complete, found.offset_words, found.gap_words) == (True, 0, 2)


def test_an_unused_layer_before_the_others_is_an_offset_of_one_word():
    stream = random.Random(812)
    keras_seed(stream)
    assert replay(812, [keras_seed(stream)]).offset_words == 1


def test_seeds_far_along_the_stream_are_found():
    stream = random.Random(812)
    for _ in range(50_000):
        stream.random()
    found = replay(812, [keras_seed(stream)])
    assert found.complete
    assert found.offset_words == 100_000


@given(seeds, seeds)
def test_the_seeds_of_another_stream_are_not_found(seed, other):
    stream = random.Random(other)
    drawn = [keras_seed(stream) for _ in range(4)]
    # With equal seeds it must be found: the test can fail both ways.
    assert replay(seed, drawn).complete == (seed == other)


def test_no_seed_is_never_complete():
    assert not replay(812, []).complete


def test_seeds_found_in_part_are_not_complete():
    found = replay(812, [keras_seed(random.Random(812)), 0])
    assert (found.found, found.drawn, found.complete) == (1, 2, False)


@pytest.mark.parametrize("seed", [0, 42, 1023])
def test_a_seed_below_1024_is_guessed_from_what_was_drawn(seed):
    stream = random.Random(seed)
    drawn = [keras_seed(stream) for _ in range(5)]
    assert likely_small_seed(drawn) == seed


def test_a_large_seed_is_not_guessed():
    stream = random.Random(10**6)
    assert likely_small_seed([keras_seed(stream) for _ in range(5)]) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_seeds_that_a_real_run_drew_are_the_first_of_its_seed(name):
    manifest = record(document(name))
    found = replay(manifest.conditions.seeds.declared, drawn_seeds(manifest))
    assert found.complete
    assert found.drawn >= 5
    assert (found.offset_words, found.gap_words) == (0, 0)


def test_given_seeds_are_not_drawn_seeds():
    value = document()
    given_ = [{**item, "given": True} for item in value["conditions"]["seeds"]["layers"]]
    without = changed(value, {"conditions/seeds/layers": given_})
    before, after = drawn_seeds(record(value)), drawn_seeds(record(without))
    assert set(before) - set(after) == {item["seed"] for item in given_}
