import copy
import random
import sys
import types

import pytest

from repro_audit.capture.generators import capture_generators, generators_in

np = pytest.importorskip("numpy")
LONG = 0xC0FFEE_C0FFEE_C0FFEE_C0FFEE_C0FFEE_C0FFEE


@pytest.fixture
def found():
    """Return what is recorded of generators given by name, all else of this process aside."""

    def capture(**generators):
        records = capture_generators(generators.items())
        return [item for item in records if item.where in generators]

    return capture


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Import the text of a module that lies in the project."""

    def imported(text):
        path = tmp_path / "project_of_a_test.py"
        path.write_text(text)
        made = types.ModuleType(path.stem)
        made.__file__ = str(path)
        exec(text, vars(made))  # noqa: S102 - the text is ours
        monkeypatch.setitem(sys.modules, path.stem, made)
        return made

    return imported


@pytest.mark.parametrize(
    ("make", "entropy", "given"),
    [
        (lambda: np.random.default_rng(812), (812,), True),
        (lambda: np.random.default_rng([812, 3]), (812, 3), True),
        (lambda: np.random.default_rng(2**64 - 1), (2**64 - 1,), True),
        (lambda: np.random.default_rng(np.random.SeedSequence(5)), (5,), True),
        (lambda: np.random.Generator(np.random.Philox(5)), (5,), True),
        (lambda: np.random.Generator(np.random.MT19937(5)), (5,), True),
        (lambda: np.random.default_rng(2**100), (2**100,), False),
    ],
)
def test_the_seed_that_a_generator_was_made_from_is_read_back(found, make, entropy, given):
    (item,) = found(rng=make())
    assert (item.entropy, item.given, item.spawn_key) == (entropy, given, ())


def test_a_seed_that_nobody_gave_is_told_from_one_that_somebody_gave(found):
    (item,) = found(rng=np.random.default_rng())
    assert item.given is False
    again = np.random.default_rng(item.entropy[0])
    assert found(rng=again)[0].entropy == item.entropy


def test_a_long_seed_that_stands_in_the_code_was_given(found, module):
    module(f"SEED = {LONG:_}\n")
    assert found(rng=np.random.default_rng(LONG))[0].given is True
    module(f"SEED = {LONG:#_x}\n")
    assert found(rng=np.random.default_rng(LONG))[0].given is True
    assert found(rng=np.random.default_rng(LONG + 1))[0].given is False


def test_a_long_seed_that_stands_on_the_command_line_was_given(found, monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "train.py", f"--seed={LONG}"])
    assert found(rng=np.random.default_rng(LONG))[0].given is True


def test_a_spawned_generator_keeps_its_seed_and_its_place(found):
    children = np.random.default_rng(7).spawn(2)
    first, second = found(first=children[0], second=children[1])
    assert (first.entropy, first.spawn_key, second.spawn_key) == ((7,), (0,), (1,))


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "Philox"])
def test_a_state_that_was_set_later_is_nobodys_seed(found, kind):
    make = getattr(np.random, kind)
    generator = np.random.Generator(make())
    assert found(rng=generator)[0].given is False
    generator.normal(size=100)
    assert found(rng=generator)[0].given is False, "drawing is not setting"
    generator.bit_generator.state = np.random.Generator(make(3)).bit_generator.state
    item = found(rng=generator)[0]
    assert (item.entropy, item.given) == (None, None)


def test_the_shared_generator_is_none_of_the_projects(found):
    shared = np.random.Generator(np.random.mtrand._rand._bit_generator)
    assert found(rng=shared)[0].entropy is None


def test_generators_in_modules_of_the_runs_own_code_are_found_and_others_are_not(module):
    made = module("import numpy as np\nrng = np.random.default_rng(9)\nother = 3\n")
    where = [item.where for item in capture_generators()]
    assert "project_of_a_test.rng" in where
    made.__file__ = np.__file__
    assert "project_of_a_test.rng" not in [item.where for item in capture_generators()]


def test_one_generator_under_two_names_is_one(found):
    generator = np.random.default_rng(9)
    assert len(found(first=generator, second=generator)) == 1


def test_generators_of_an_object_of_its_class_and_of_a_python_generator_are_seen():
    class Batches:
        shared = np.random.default_rng(1)

        def __init__(self):
            self.own = np.random.default_rng(2)

    def batches():
        local = np.random.default_rng(3)
        while True:
            yield local.normal()

    assert {where.rpartition(".")[2] for where, _ in generators_in(Batches())} == {"shared", "own"}
    running = batches()
    next(running)
    assert [where.rpartition(".")[2] for where, _ in generators_in(running)] == ["local"]
    running.close()
    assert list(generators_in(running)) == []


def test_reading_moves_no_generator(found):
    generators = [np.random.default_rng(5), np.random.default_rng()]
    shared = [random.getstate(), repr(np.random.get_state())]
    before = copy.deepcopy([item.bit_generator.state for item in generators])
    children = [item.bit_generator.seed_seq.n_children_spawned for item in generators]
    found(first=generators[0], second=generators[1])
    assert [item.bit_generator.state for item in generators] == before
    assert [item.bit_generator.seed_seq.n_children_spawned for item in generators] == children
    assert shared == [random.getstate(), repr(np.random.get_state())]


def test_without_numpy_there_are_none(monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy.random")
    assert capture_generators() == ()
