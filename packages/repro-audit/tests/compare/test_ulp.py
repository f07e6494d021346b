import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro_audit.compare.ulp import known_dtype, relative, ulps

WIDTHS = {"float16": 16, "float32": 32, "float64": 64}


def finite(width: int) -> st.SearchStrategy[float]:
    return st.floats(width=width, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("dtype", WIDTHS)
@given(data=st.data())
def test_nextafter_is_one_ulp_away(dtype, data):
    np = pytest.importorskip("numpy")
    value = data.draw(finite(WIDTHS[dtype]))
    towards = np.dtype(dtype).type(data.draw(st.sampled_from([math.inf, -math.inf])))
    with np.errstate(all="ignore"):
        neighbour = float(np.nextafter(np.dtype(dtype).type(value), towards))
    # Zero has two patterns: from 0.0 downwards, -0.0 stands between.
    down_from_zero = value == 0 and (towards < 0) != (math.copysign(1, value) < 0)
    expected = None if math.isinf(neighbour) else 2 if down_from_zero else 1
    if value != 0 and neighbour == 0:
        expected = 1
    assert ulps(value, neighbour, dtype) == expected


@pytest.mark.parametrize("dtype", WIDTHS)
@given(data=st.data())
def test_a_distance_is_symmetric_and_adds_up(dtype, data):
    low, middle, high = sorted(data.draw(st.tuples(*[finite(WIDTHS[dtype])] * 3)))
    assert ulps(low, high, dtype) == ulps(high, low, dtype)
    if 0 not in {low, middle, high}:
        assert ulps(low, high, dtype) == ulps(low, middle, dtype) + ulps(middle, high, dtype)


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_bfloat16_counts_its_own_values(first, second):
    import struct

    def value(pattern: int) -> float:
        return struct.unpack("<f", struct.pack("<I", pattern << 16))[0]

    def ordinal(pattern: int) -> int:
        return pattern if pattern < 2**15 else 2**15 - 1 - pattern

    expected, actual = value(first), value(second)
    both = math.isfinite(expected) and math.isfinite(actual)
    assert ulps(expected, actual, "bfloat16") == (
        abs(ordinal(first) - ordinal(second)) if both else None
    )


def test_the_distance_of_a_value_to_itself_is_0_and_of_the_zeros_1():
    assert ulps(1.5, 1.5, "float32") == 0
    assert ulps(0.0, -0.0, "float32") == 1


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(0.1, "float32"), (1e300, "float32"), (70000.0, "float16"), (0.1, "bfloat16")],
)
def test_a_value_that_the_dtype_does_not_hold_has_no_distance(value, dtype):
    assert ulps(value, 0.0, dtype) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_distance(value):
    assert ulps(value, 1.0, "float64") is None
    assert relative(value, 1.0) is None
    assert relative(1.0, value) is None


def test_the_relative_distance_is_measured_at_the_expected_value():
    assert relative(2.0, 3.0) == 0.5
    assert relative(3.0, 2.0) == pytest.approx(1 / 3)
    assert relative(0.0, 1.0) is None


def test_a_dtype_that_is_not_recorded_is_the_narrower_that_holds_the_values():
    assert known_dtype(None, 0.5, 2.0) == "float32"
    assert known_dtype(None, 0.5, 0.1) == "float64"
    assert known_dtype("int7", 0.1) == "float64"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_ulps_are_counted_in_the_dtype_that_was_recorded(dtype):
    assert known_dtype(dtype, 0.5, -2.0, math.inf) == dtype


def test_of_a_value_that_is_none_of_the_recorded_dtype_the_values_tell():
    """As of a metric that adds up in one dtype and returns another."""
    assert known_dtype("float16", 70000.0) == "float32"
    assert known_dtype("float32", 0.5, 0.1) == "float64"
