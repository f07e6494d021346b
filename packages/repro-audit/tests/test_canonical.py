import json
import math
import random
import struct

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from repro_audit.canonical import digest_array, digest_file, digest_json, dumps, encode, number
from repro_audit.manifest import structure


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


@given(st.floats(allow_nan=False))
def test_every_float64_survives_bit_for_bit(value):
    assert bits(number(json.loads(dumps(encode(value))))) == bits(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (-0.0, "-0.0")],
)
def test_a_number_that_json_cannot_hold_is_a_string(value, written):
    assert encode({"x": [value]}) == {"x": [written]}
    assert bits(number(written)) == bits(value) or (
        math.isnan(value) and math.isnan(number(written))
    )


@given(st.integers())
def test_every_integer_survives(value):
    written = json.loads(dumps(encode(value)))
    assert structure(int, written) == value
    assert isinstance(written, str) == (abs(value) >= 2**53)


def test_what_is_no_json_value_is_refused():
    with pytest.raises(TypeError, match="received set"):
        encode({"x": {1}})


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (0x0000000000000000, "0"),
        (0x0000000000000001, "5e-324"),
        (0x8000000000000001, "-5e-324"),
        (0x7FEFFFFFFFFFFFFF, "1.7976931348623157e+308"),
        (0x4340000000000000, "9007199254740992"),
        (0x4430000000000000, "295147905179352830000"),
        (0x44B52D02C7E14AF5, "9.999999999999997e+22"),
        (0x44B52D02C7E14AF6, "1e+23"),
        (0x444B1AE4D6E2EF4E, "999999999999999700000"),
        (0x444B1AE4D6E2EF50, "1e+21"),
        (0x3EB0C6F7A0B5ED8C, "9.999999999999997e-7"),
        (0x3EB0C6F7A0B5ED8D, "0.000001"),
        (0x41B3DE4355555553, "333333333.3333332"),
        (0xBECBF647612F3696, "-0.0000033333333333333333"),
        (0x43143FF3C1CB0959, "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_rfc_8785_appendix_b_says(pattern, written):
    assert dumps(struct.unpack("<d", struct.pack("<Q", pattern))[0]) == written.encode()


def test_keys_are_sorted_as_rfc_8785_section_3_2_3_says():
    keys = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    shuffled = dict.fromkeys(random.Random(1).sample(keys, len(keys)), 0)
    assert list(json.loads(dumps(shuffled))) == keys


def test_strings_are_written_as_rfc_8785_section_3_2_2_says():
    expected = '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'
    assert dumps("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f") == expected.encode()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e-7, 1e-6, 1e-4, 9.9e-5, 1e16, 1e21, 1e22, 5e-324, -1e-7, 1.0, -0.0])
    | st.text(st.characters(codec="utf-8"))
    | st.sampled_from(["\0", "\\u0000", "\ue000", "\U0001f600", "\x7f", "\u2028"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(JSON)
def test_every_value_is_written_as_a_library_that_knows_all_of_the_rfc_writes_it(value):
    assert dumps(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1e-7, "b": "\0"},
        {"\0": 1e-7},
        ["\\u0000", 1e300],
        {"\ue000": 1, "\U0001f600": 1e-7},
        [1e-7, {"b": 1e22, "a": 1e-9}, 5e-324],
        [0.0001, 0.00011, 9999999999999998.0, 1e16],
    ],
)
def test_no_text_is_taken_for_a_float_that_is_written_otherwise(value):
    assert dumps(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("key", [1, None, True, 0.5])
def test_a_key_that_is_no_text_has_no_canonical_form(key):
    with pytest.raises(ValueError, match="keys must be strings"):
        dumps({"a": [{key: 1}]})


def test_a_lone_surrogate_has_no_canonical_form():
    with pytest.raises(ValueError, match=r"surrogate|(?i:utf-8)"):
        dumps("\ud800")


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers(-9, 9)))
def test_a_digest_ignores_the_order_of_keys_and_nothing_else(value):
    assert digest_json(dict(reversed(value.items()))) == digest_json(value)
    assert digest_json({**value, "another": None}) != digest_json(value)


def test_a_file_has_the_digest_of_its_bytes(tmp_path):
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert digest_file(file).startswith("sha256:ba7816bf")
    file.write_bytes(b"abd")
    assert not digest_file(file).startswith("sha256:ba7816bf")


# Arrays


def test_an_array_has_the_digest_its_docstring_promises():
    np = pytest.importorskip("numpy")
    import hashlib

    content = b"float32 2,1\n" + struct.pack("<2f", 1.5, -0.0)
    expected = "sha256:" + hashlib.sha256(content).hexdigest()
    assert digest_array(np.array([[1.5], [-0.0]], np.float32)) == expected


def test_the_digest_of_an_array_ignores_memory_layout_and_byte_order():
    np = pytest.importorskip("numpy")
    array = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    wide = np.zeros((6, 4, 10), np.float32)
    wide[::2, :, ::2] = array
    read_only = array.copy()
    read_only.flags.writeable = False
    variants = {
        "Fortran order": np.asfortranarray(array),
        "transposed": np.ascontiguousarray(array.T).T,
        "strided": wide[::2, :, ::2],
        "negative strides": np.ascontiguousarray(array[::-1])[::-1],
        "big-endian": array.astype(">f4"),
        "read-only": read_only,
        "unaligned": np.frombuffer(b"x" + array.tobytes(), np.float32, 60, 1).reshape(3, 4, 5),
    }
    digests = {name: digest_array(variant) for name, variant in variants.items()}
    assert set(digests.values()) == {digest_array(array)}, digests


def test_the_digest_of_an_array_tells_dtype_shape_and_every_bit_apart():
    np = pytest.importorskip("numpy")
    array = np.array([0.0, 1.0, np.nan, 0.0], np.float32)
    payload = array.copy()
    payload.view(np.uint32)[2] += 1
    one_ulp = array.copy()
    one_ulp[1] = np.nextafter(one_ulp[1], 2, dtype=np.float32)
    negative_zero = array.copy()
    negative_zero[0] = -0.0
    variants = {
        "itself": array,
        "dtype": array.view(np.uint32),
        "signed": array.view(np.int32),
        "shape": array.reshape(2, 2),
        "rank": array.reshape(1, 4),
        "order": array[::-1],
        "one ULP": one_ulp,
        "-0.0": negative_zero,
        "NaN payload": payload,
        "empty": array[:0],
        "empty, other shape": array[:0].reshape(0, 3),
        "scalar": array[0],
    }
    digests = {name: digest_array(np.asarray(variant)) for name, variant in variants.items()}
    assert len(set(digests.values())) == len(variants), digests


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float64", "complex64"])
def test_an_array_of_any_numeric_dtype_has_a_digest_that_sees_one_element(dtype):
    np = pytest.importorskip("numpy")
    array = np.zeros((2, 3), dtype)
    other = array.copy()
    other[1, 2] = 1
    assert digest_array(array) == digest_array(array.copy()) != digest_array(other)


def test_bfloat16_has_a_digest_although_it_has_no_buffer_format():
    np = pytest.importorskip("numpy")
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.0, 2.0], ml_dtypes.bfloat16)
    assert digest_array(array) == digest_array(array.copy()) != digest_array(array[::-1])


def test_the_digest_of_strings_sees_where_one_ends():
    np = pytest.importorskip("numpy")
    objects = np.array(["ab", "c"], object)
    assert digest_array(objects) == digest_array(np.array(["ab", "c"]))
    assert digest_array(objects) != digest_array(np.array(["a", "bc"], object))
