import functools
import itertools
import random
import types

import pytest

from repro_audit.capture.randomness import named_sources

np = pytest.importorskip("numpy")

SHARED = np.random.default_rng(3)
LEGACY = np.random.RandomState(3)
OWN = random.Random(3)
shuffle = random.shuffle
normal = np.random.normal
make = np.random.default_rng


def by_numpy(x):
    return x + np.random.normal(size=3)


def by_python(x):
    return x + random.random()


def by_a_name(x):
    shuffle(x)


def by_a_name_of_numpy(x):
    return x + normal()


def by_a_generator(x):
    return x + SHARED.normal()


def by_a_legacy_generator(x):
    return x + LEGACY.normal()


def by_a_generator_of_python(x):
    return x + OWN.random()


def by_another(x):
    return by_numpy(x) * 2


def inside(x):
    return [*map(lambda item: item + random.random(), x)]  # noqa: C417 - a lambda is the point


def imported(x):
    import random as chance

    return x + chance.random()


def imported_from(x):
    from numpy.random import uniform as chance

    return x + chance()


def imported_below(x):
    import numpy.random

    return x + numpy.random.uniform()


def aliased(x):
    draw = np.random
    return x + draw.uniform()


def unseeded(x):
    return x + np.random.default_rng().normal()


def unseeded_by_a_name(x):
    return x + make().normal()


def unseeded_of_python(x):
    return x + random.Random().random()


def keyed(x, index=0):
    return x + np.random.default_rng([812, index]).normal()


def keyed_by_a_name(x, index=0):
    return x + make(index).normal()


def keyed_by_a_class(x, index=0):
    return x + np.random.Generator(np.random.PCG64(index)).normal()


def plain(x):
    return np.asarray(x) + np.mean(x)


def named_alike(x, random=None):
    return x if random is None else random.normal()


def only_seeds(x):
    np.random.seed(3)
    random.seed(3)
    return x


def closed():
    rng = np.random.default_rng(4)
    return lambda x: x + rng.normal()


class Augment:
    """A callable with a generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(5)
        self.rate = 0.5

    def __call__(self, x):
        return self.flip(x) * self.rate

    def flip(self, x):
        return [value * self.rng.choice([-1, 1]) for value in x]

    def scale(self, x):
        return x * self.rate

    @property
    def trap(self):
        pytest.fail("a property ran")

    def trapped(self, x):
        return x + self.trap.rng + self.absent.rng.normal()

    def recursive(self, x):
        return self.recursive(x) + by_python(x)


def batches():
    generator = np.random.default_rng(6)
    while True:
        yield generator.normal()


def plain_batches():
    yield from range(3)


@pytest.mark.parametrize(
    ("function", "sources"),
    [
        (by_numpy, ["numpy.random"]),
        (by_python, ["random"]),
        (by_a_name, ["random"]),
        (by_a_name_of_numpy, ["numpy.random"]),
        (by_a_generator, ["numpy.random.Generator"]),
        (by_a_legacy_generator, ["numpy.random.RandomState"]),
        (by_a_generator_of_python, ["random.Random"]),
        (by_another, ["numpy.random"]),
        (inside, ["random"]),
        (imported, ["random"]),
        (imported_from, ["numpy.random"]),
        (imported_below, ["numpy.random"]),
        (aliased, ["numpy.random"]),
        (unseeded, ["numpy.random.default_rng()"]),
        (unseeded_by_a_name, ["numpy.random.default_rng()"]),
        (unseeded_of_python, ["random.Random()"]),
        (closed(), ["numpy.random.Generator"]),
        (Augment(), ["numpy.random.Generator"]),
        (Augment().flip, ["numpy.random.Generator"]),
        (Augment().recursive, ["random"]),
        (functools.partial(by_another, 3), ["numpy.random"]),
        (lambda x: by_a_generator(x) + by_python(x), ["numpy.random.Generator", "random"]),
    ],
)
def test_a_random_source_that_code_names_is_found(function, sources):
    assert list(named_sources(function).sources) == sources


@pytest.mark.parametrize(
    "function",
    [
        keyed,
        keyed_by_a_name,
        keyed_by_a_class,
        plain,
        named_alike,
        only_seeds,
        Augment().scale,
        Augment().trapped,
        plain_batches(),
        len,
        None,
        3,
        itertools.count(),
        types.SimpleNamespace(random=random),
    ],
)
def test_code_without_one_names_none_and_nothing_of_it_runs(function):
    assert named_sources(function).sources == ()


def test_a_python_generator_is_read_before_its_first_element_and_after():
    generator = batches()
    assert named_sources(generator).sources == ()
    first = next(generator)
    assert named_sources(generator).sources == ("numpy.random.Generator",)
    assert first == np.random.default_rng(6).normal()
    generator.close()
    assert named_sources(generator).sources == ()


def test_generators_are_named_by_the_code_and_the_name_in_it():
    (found,) = named_sources(Augment()).generators
    assert found[0] == "Augment.flip: self.rng"
    ((where, value),) = named_sources(by_a_generator).generators
    assert (where, value) == ("by_a_generator: SHARED", SHARED)


def test_reading_moves_no_generator():
    augment = Augment()
    states = [random.getstate(), augment.rng.bit_generator.state, SHARED.bit_generator.state]
    for function in (by_numpy, by_python, by_a_generator, augment):
        named_sources(function)
    assert states == [
        random.getstate(),
        augment.rng.bit_generator.state,
        SHARED.bit_generator.state,
    ]


def test_code_that_calls_without_end_is_read_to_an_end():
    namespace = {"random": random}
    lines = [f"def f{n}(x): return f{n + 1}(x) + f{n}(x)" for n in range(500)]
    exec("\n".join([*lines, "def f500(x): return random.random()"]), namespace)  # noqa: S102 - five hundred functions are too many to write
    assert named_sources(namespace["f0"]).sources == ()
    assert named_sources(namespace["f499"]).sources == ("random",)
