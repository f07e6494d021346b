import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro_audit.logs.numbers import NO_NUMBER, number_of, precision_of, to_float32


@given(st.floats())
def test_what_python_prints_of_a_float_is_read_as_that_float(value):
    read = number_of(str(value))
    assert read == value or (math.isnan(read) and math.isnan(value))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_decimal_of_a_float32_is_that_float32_once_rounded(value):
    np = pytest.importorskip("numpy")
    assert to_float32(number_of(str(np.float32(value)))) == value


@pytest.mark.parametrize("value", [True, [1], {}, "1_000", "0x1", "1e999", "٣", "x", "1" * 500])
def test_what_is_no_number_is_none(value):
    assert number_of(value) is NO_NUMBER


@pytest.mark.parametrize("value", [None, "", " ", "NA", "null", "None"])
def test_what_stands_where_there_is_no_value_is_none(value):
    assert number_of(value) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.6899999976158142, 0.5], "float32"),
        ([0.5, 0.75, 1.0], None),
        ([0.69, 0.5], None),
        ([0.69, 0.6899999976158142], None),
        ([1 / 3], "float64"),
        ([1 / 3, to_float32(1 / 3)], "float64"),
        ([None, math.nan, math.inf], None),
    ],
)
def test_the_precision_is_what_the_digits_tell_and_round_values_tell_none(values, expected):
    assert precision_of(values) == expected
