"""The digest of a function says what it does, and neither where it stands nor what it is called."""

from __future__ import annotations

import functools
import linecache
import time
import types
from typing import Any

import pytest
from clocks import reading

from repro_audit.capture.functions import (
    capture_class,
    capture_function,
    is_clock,
    is_collection,
    is_function,
    is_measured,
)

SCALED = "SCALE = 2.0\ndef helper(x):\n    return x + 1\ndef f(x):\n    return helper(x) * SCALE\n"


def made(source: str, name: str = "f", file: str = "/project/train.py") -> Any:
    """Return what a source text defines under a name, as a module in a file of the project's."""
    scope: dict[str, Any] = {"__name__": "train"}
    linecache.cache.pop(file, None)
    exec(compile(source, file, "exec"), scope)  # noqa: S102 - text of this test
    return scope[name]


def digest(source: str, name: str = "f", file: str = "/project/train.py") -> Any:
    return capture_function(made(source, name, file)).digest


def adds(number: Any) -> Any:
    """Return a function that a value goes into from around it."""
    return lambda x: x + number


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(SCALED, "\n\n# a comment\n" + SCALED, id="another line"),
        pytest.param(
            SCALED,
            SCALED.replace("f(x):\n", 'f(x):\n    """Say what it does."""\n'),
            id="docstring",
        ),
        pytest.param(
            "f = lambda x: [i for i in x]", "\n\nf = lambda x: [i for i in x]", id="nested code"
        ),
        pytest.param(SCALED, SCALED + "UNUSED = 3\n", id="a name that it does not use"),
    ],
)
def test_what_changes_nothing_of_a_function_leaves_its_digest(one: str, other: str) -> None:
    assert digest(one) == digest(other)


def test_a_function_in_another_file_has_the_same_digest() -> None:
    assert digest(SCALED) == digest(SCALED, file="/elsewhere/augment.py")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(SCALED, SCALED.replace("* SCALE", "/ SCALE"), id="an operation"),
        pytest.param(SCALED, SCALED.replace("2.0", "2.5"), id="a number of its module"),
        pytest.param(SCALED, SCALED.replace("x + 1", "x + 2"), id="a function that it calls"),
        pytest.param("def f(x, n=1): ...", "def f(x, n=2): ...", id="a default"),
        pytest.param("def f(x, *, n=1): ...", "def f(x, *, n=2): ...", id="a named default"),
        pytest.param("f = lambda x: x + 1", "f = lambda x: x + 1.0", id="the type of a number"),
        pytest.param("f = lambda x: x['a']", "f = lambda x: x['b']", id="a key"),
        pytest.param("f = lambda x: x.mean()", "f = lambda x: x.sum()", id="a method"),
        pytest.param(
            "def f(x):\n    g = lambda y: y + 1\n    return g(x)",
            "def f(x):\n    g = lambda y: y + 2\n    return g(x)",
            id="a function inside",
        ),
        pytest.param(
            "def f(x):\n    try: return g(x)\n    finally: h(x)",
            "def f(x):\n    r = g(x)\n    h(x)\n    return r",
            id="how it ends",
        ),
        pytest.param("def f(x):\n    return x", "def f(x):\n    yield x", id="a generator"),
    ],
)
def test_what_changes_what_a_function_does_changes_its_digest(one: str, other: str) -> None:
    assert digest(one) != digest(other)


def test_a_plain_value_from_around_a_function_counts() -> None:
    assert capture_function(adds(1)) == capture_function(adds(1))
    assert capture_function(adds(1)).digest != capture_function(adds(2)).digest


def test_a_function_from_around_a_function_counts() -> None:
    def applies(function: Any) -> Any:
        return lambda x: function(x) + 1

    one, other = applies(adds(1)), applies(adds(2))
    assert capture_function(one).digest != capture_function(other).digest


def test_what_a_partial_was_given_counts() -> None:
    function = made("def f(x, n): return x * n")
    two, three = functools.partial(function, n=2), functools.partial(function, n=3)
    assert capture_function(two).digest != capture_function(three).digest
    assert capture_function(two).name == "f"


def test_what_the_owner_of_a_method_holds_counts() -> None:
    class Augment:
        def __init__(self, rate: float) -> None:
            self.rate = rate

        def flip(self, x: Any) -> Any:
            return x * self.rate

    one, other = capture_function(Augment(0.1).flip), capture_function(Augment(0.2).flip)
    assert one.digest != other.digest
    assert one == capture_function(Augment(0.1).flip)


def test_a_function_behind_a_decorator_counts() -> None:
    source = (
        "import functools\n"
        "def twice(g):\n"
        "    @functools.wraps(g)\n"
        "    def around(x): return g(g(x))\n"
        "    return around\n"
        "@twice\ndef f(x): return x + 1\n"
    )
    assert digest(source) != digest(source.replace("x + 1", "x + 2"))


def test_an_installed_function_is_known_by_its_name() -> None:
    assert capture_function(pytest.importorskip).name == "importorskip"
    assert capture_function(pytest.importorskip).digest != capture_function(pytest.skip).digest


def test_the_generator_object_is_digested_and_not_moved() -> None:
    function = made("def f(n):\n    for i in range(n): yield i\n")
    generator = function(3)
    assert capture_function(generator).name == "f"
    assert list(generator) == [0, 1, 2]


def test_the_order_of_a_set_does_not_count() -> None:
    one, other = {0, 8}, {8, 0}
    assert list(one) != list(other), "they collide, so that the first comes first"
    assert capture_function(adds(one)) == capture_function(adds(other))


def test_a_reading_of_a_clock_and_a_folder_do_not_count() -> None:
    first, second = reading(time.time), reading(time.time)
    assert capture_function(adds(first)) == capture_function(adds(second))
    assert capture_function(adds("/home/a/x.csv")) == capture_function(adds("/home/b/x.csv"))
    assert capture_function(adds("/home/a/x.csv")) != capture_function(adds("/home/a/y.csv"))


def test_losses_so_far_do_not_count_and_what_somebody_wrote_does() -> None:
    assert capture_function(adds([0.6931471805599453])) == capture_function(adds([0.69314718055]))
    assert capture_function(adds([0.485, 0.456])) != capture_function(adds([0.485, 0.457]))
    assert is_measured([0.1234567890123])
    assert not is_measured((1 / 255,))


def test_a_clock_is_told_from_a_setting() -> None:
    assert is_clock(reading(time.time))
    assert is_clock(reading(time.monotonic))
    assert not any(map(is_clock, (0.001, 1e-7, 32, 812, 0.0, time.time() + 1e6)))


CLASS = """
class C:
    rate = 0.1
    def __init__(self): self.n = 1
    def call(self, x): return self._scaled(x)
    def _scaled(self, x): return x * 2
    @property
    def size(self): return 3
    @staticmethod
    def of(x): return x
    def __repr__(self): return "C"
"""


def of_class(source: str) -> str | None:
    kind = made(source, "C")
    kind.__module__ = __name__
    return capture_class(kind)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rate = 0.1", "rate = 0.2"),
        ("self.n = 1", "self.n = 2"),
        ("x * 2", "x * 3"),
        ("return 3", "return 4"),
        ("def of(x): return x", "def of(x): return -x"),
    ],
)
def test_the_code_of_a_class_is_that_of_its_methods(old: str, new: str) -> None:
    assert of_class(CLASS) is not None
    assert of_class(CLASS) != of_class(CLASS.replace(old, new))


def test_how_a_class_is_shown_and_where_it_stands_do_not_count() -> None:
    assert of_class(CLASS) == of_class("\n\n" + CLASS.replace('"C"', '"a C"'))


def test_the_code_of_a_base_in_the_project_counts() -> None:
    base = made(CLASS, "C")
    base.__module__ = __name__
    kinds = [type("D", (made_base,), {"__module__": __name__}) for made_base in (base, object)]
    assert capture_class(kinds[0]) is not None
    assert capture_class(kinds[1]) is None


def test_a_class_of_an_installed_package_has_no_digest() -> None:
    assert capture_class(functools.partial) is None
    assert capture_class(types.SimpleNamespace) is None


def test_what_is_no_function_is_none() -> None:
    assert all(map(is_function, (len, adds(1), "".join, functools.partial(len))))
    assert not any(map(is_function, (None, 3, "len", int, object())))


@pytest.mark.parametrize(
    "body", ["float(os.environ.get('LR', '1'))", "len(sys.argv)", "os.environ['HOME']"]
)
def test_what_a_package_holds_is_not_what_a_function_is_made_of(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run has other variables and arguments."""
    source = f"import os, sys\ndef f(x):\n    return x * {body}\n"
    before = digest(source)
    monkeypatch.setenv("JOB", "2")
    monkeypatch.setattr("sys.argv", ["other", "words"])
    assert digest(source) == before


def test_keys_of_a_table_are_told_by_what_they_are_and_not_where_they_lie() -> None:
    source = "def g(): pass\nTABLE = {g: 1}\ndef f(x):\n    return TABLE[x]\n"
    assert digest(source) == digest(source)
    assert digest(source) != digest(source.replace(": 1", ": 2"))


class Lazy(dict[str, int]):
    """A table that is asked for its items only by who needs them."""

    def items(self) -> Any:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError


def test_a_class_of_somebody_s_own_is_not_asked_for_its_items() -> None:
    made_with_lazy = made("def f(x):\n    return TABLE[x]\n")
    made_with_lazy.__globals__["TABLE"] = Lazy(a=1)
    assert capture_function(made_with_lazy).digest


def test_of_collections_within_each_other_all_items_count_together() -> None:
    small, large = [[1] * 9] * 9, [[[1] * 20] * 20] * 20
    assert is_collection(small, 100)
    assert not is_collection(large, 1000)
    assert not is_collection("text", 1000)
