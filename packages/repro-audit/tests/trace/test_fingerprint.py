import json
import math
import struct
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from repro_audit.trace import fingerprint
from repro_audit.trace.fingerprint import DTYPES, dtype_name, fingerprinter

np = pytest.importorskip("numpy")
ml_dtypes = pytest.importorskip("ml_dtypes")
xxhash = pytest.importorskip("xxhash")

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
CODES = {
    "bool": 0,
    "int8": 1,
    "uint8": 2,
    "int16": 3,
    "uint16": 4,
    "int32": 5,
    "uint32": 6,
    "int64": 7,
    "uint64": 8,
    "float16": 9,
    "bfloat16": 10,
    "float32": 11,
    "float64": 12,
    "complex64": 13,
    "complex128": 14,
    "string": 15,
    "float8_e4m3fn": 16,
    "float8_e5m2": 17,
}
# No deadline: a machine that is busy with something else is no failure.
DRAWN = settings(deadline=None, max_examples=60)
NUMBERS = [name for name in CODES if name != "string"]
REALS = [name for name in CODES if "float" in name]


def specified(dtype, shape, content):
    """Compute a fingerprint as the specification says, without NumPy."""
    sizes = b"".join(struct.pack("<Q", size) for size in shape)
    return xxhash.xxh3_64_intdigest(bytes([CODES[dtype], len(shape)]) + sizes + content, seed=0)


def numpy_dtype(name):
    return np.dtype(getattr(ml_dtypes, name, name))


def array_of(dtype, shape, content):
    """Return the array of a dtype, a shape and the content that the specification describes."""
    if dtype != "string":
        return np.frombuffer(content, numpy_dtype(dtype)).reshape(shape)
    elements = []
    while content:
        (length,) = struct.unpack_from("<Q", content)
        elements.append(content[8 : 8 + length])
        content = content[8 + length :]
    array = np.empty(len(elements), object)
    array[:] = elements
    return array.reshape(shape)


shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@st.composite
def arrays(draw, dtypes=NUMBERS, shapes=shapes):
    """Draw arrays of any bits."""
    dtype, shape = draw(st.sampled_from(dtypes)), draw(shapes)
    size = math.prod(shape) * numpy_dtype(dtype).itemsize
    content = draw(st.binary(min_size=size, max_size=size))
    if dtype == "bool":
        content = bytes(byte % 2 for byte in content)
    return array_of(dtype, shape, content)


def bits(array):
    """Return the same memory as unsigned integers."""
    return array.view(f"u{array.itemsize}")


# The numbers


def test_every_dtype_has_the_code_of_the_specification():
    assert list(DTYPES) == sorted(CODES, key=CODES.__getitem__)
    assert list(CODES.values()) == list(range(len(CODES)))


def test_the_vectors_hold_every_dtype_every_rank_to_5_and_empty_tensors():
    assert {vector["dtype"] for vector in VECTORS} == set(CODES)
    assert {len(vector["shape"]) for vector in VECTORS} == set(range(6))
    assert {len(v["shape"]) for v in VECTORS if 0 in v["shape"]} >= {1, 2, 3, 5}
    assert len({vector["fingerprint"] for vector in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['dtype']}-{v['what']}")
def test_a_tensor_has_the_number_that_was_written_down(vector):
    content, expected = bytes.fromhex(vector["content"]), int(vector["fingerprint"], 16)
    assert fingerprint(array_of(vector["dtype"], vector["shape"], content)) == expected
    assert specified(vector["dtype"], vector["shape"], content) == expected


def test_a_tensor_of_a_megabyte_has_the_number_that_was_written_down():
    array = np.arange(250_000, dtype="<i4").reshape(500, 500)
    expected = 0x660E63BBA781BB28
    assert specified("int32", (500, 500), struct.pack("<250000i", *range(250_000))) == expected
    assert fingerprint(array) == expected


@DRAWN
@given(arrays())
def test_a_fingerprint_is_what_the_specification_computes(array):
    expected = specified(dtype_name(array.dtype), array.shape, array.tobytes())
    assert fingerprint(array) == expected
    assert 0 <= expected < 2**64


@DRAWN
@given(st.lists(st.binary(max_size=20) | st.text(max_size=9).map(str.encode), max_size=9))
def test_strings_are_their_lengths_and_their_bytes(items):
    array = np.empty(len(items), object)
    array[:] = items
    content = b"".join(struct.pack("<Q", len(item)) + item for item in items)
    assert fingerprint(array) == specified("string", (len(items),), content)


# What it sees


def swap(array, first, second):
    """Return a copy with two elements, or rows, in each other's place."""
    other = array.copy()
    other[[first, second]] = array[[second, first]]
    return other


@st.composite
def swaps(draw):
    """Draw an array of elements or rows and one in which two unequal ones are swapped."""
    tails = st.lists(st.integers(1, 3), max_size=2)
    shape = st.tuples(st.integers(2, 6), tails).map(lambda drawn: (drawn[0], *drawn[1]))
    array = draw(arrays(shapes=shape))
    first, second = draw(st.permutations(range(len(array))))[:2]
    assume(array[first].tobytes() != array[second].tobytes())
    return array, swap(array, first, second)


@st.composite
def sign_flips(draw):
    """Draw an array and one in which two elements have the other sign."""
    shape = st.integers(2, 40).map(lambda size: (size,))
    array = draw(arrays(dtypes=REALS, shapes=shape))
    flipped = array.copy()
    places = draw(st.permutations(range(len(array))))[:2]
    bits(flipped)[places] ^= bits(np.array(-0.0, array.dtype))
    return array, flipped


@st.composite
def ulp_changes(draw):
    """Draw an array and one in which the last bit of one element is another."""
    array = draw(arrays(dtypes=REALS, shapes=st.integers(1, 300).map(lambda size: (size,))))
    changed = array.copy()
    place = draw(st.integers(0, len(array) - 1))
    bits(changed)[place] ^= np.array(1, f"u{array.itemsize}")
    return array, changed


@DRAWN
@given(swaps())
def test_two_swapped_elements_or_rows_change_it(pair):
    assert fingerprint(pair[0]) != fingerprint(pair[1])


@DRAWN
@given(sign_flips())
def test_two_flips_of_a_sign_change_it(pair):
    assert fingerprint(pair[0]) != fingerprint(pair[1])


@DRAWN
@given(ulp_changes())
def test_one_ulp_of_one_element_changes_it(pair):
    assert fingerprint(pair[0]) != fingerprint(pair[1])


@pytest.mark.parametrize("index", [0, 1, 499_999, 999_999])
def test_one_ulp_of_one_element_in_a_million_changes_it(index):
    array = np.linspace(-1, 1, 1_000_000, dtype="float32")
    changed = array.copy()
    changed[index] = np.nextafter(array[index], np.float32(2))
    assert fingerprint(array) != fingerprint(changed)


@settings(deadline=None, max_examples=20)
@given(swaps(), sign_flips(), ulp_changes())
def test_weaker_sums_would_be_caught_by_the_tests_above(swapped, flipped, changed):
    def added(array):
        return sum(array.reshape(-1).view("u1").tolist())

    def mixed(array):
        return np.bitwise_xor.reduce(bits(array))

    def rounded(array):
        return (bits(array) >> np.array(1, f"u{array.itemsize}")).tobytes()

    assert added(swapped[0]) == added(swapped[1])
    assert mixed(flipped[0]) == mixed(flipped[1])
    assert rounded(changed[0]) == rounded(changed[1])


def test_zeros_of_two_signs_and_nans_of_two_payloads_differ():
    words = np.array([0, 1 << 31, 0x7FC00000, 0x7FC00001, 0xFFC00000, 0x7FA00000], "u4")
    assert len({fingerprint(word) for word in words.view("f4")}) == len(words)


@DRAWN
@given(arrays())
def test_the_same_bytes_in_another_shape_differ(array):
    shape = array.shape
    others = {(1, *shape), (*shape, 1), shape[::-1], (array.size,), (1, 1, array.size)}
    numbers = {fingerprint(array.reshape(other)) for other in others | {shape}}
    assert len(numbers) == len(others | {shape})


def test_every_shape_of_24_elements_and_of_none_has_its_own_number():
    shapes = [(24,), (1, 24), (24, 1), (4, 6), (6, 4), (2, 3, 4), (4, 3, 2), (2, 3, 2, 2)]
    empty = [(0,), (0, 0), (0, 1), (1, 0), (2, 0), (0, 0, 0)]
    array = np.zeros(24, "float32")
    numbers = {fingerprint(array.reshape(shape)) for shape in shapes}
    numbers |= {fingerprint(array[:0].reshape(shape)) for shape in empty}
    assert len(numbers) == len(shapes) + len(empty)


def test_the_same_bytes_of_another_dtype_differ():
    numbers = {fingerprint(np.zeros(16, "u1").view(numpy_dtype(name))[:1]) for name in NUMBERS}
    assert len(numbers) == len(NUMBERS)


def test_strings_cut_at_other_places_differ():
    cuts = [["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"]]
    assert len({fingerprint(np.array(cut, object)) for cut in cuts}) == len(cuts)


# What it does not see


@DRAWN
@given(arrays(shapes=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)), st.data())
def test_the_layout_in_memory_changes_nothing(array, data):
    expected = fingerprint(array)
    assert fingerprint(np.asfortranarray(array)) == expected
    axes = data.draw(st.permutations(range(array.ndim)))
    moved = np.ascontiguousarray(array.transpose(axes)).transpose(np.argsort(axes))
    assert fingerprint(moved) == expected
    # Every so many elements along each axis, forwards or backwards.
    steps = [data.draw(st.sampled_from([-3, -2, -1, 1, 2])) for _ in array.shape]
    larger = [size * abs(step) for size, step in zip(array.shape, steps, strict=True)]
    view = np.zeros(larger, array.dtype)[tuple(slice(None, None, step) for step in steps)]
    view[...] = array
    assert view.shape == array.shape
    assert fingerprint(view) == expected


@DRAWN
@given(arrays())
def test_an_array_out_of_alignment_gives_the_same_number(array):
    memory = np.zeros(array.nbytes + 1, "u1")
    memory[1:] = array.reshape(-1).view("u1")
    shifted = memory[1:].view(array.dtype).reshape(array.shape)
    assert fingerprint(shifted) == fingerprint(array)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_a_value_repeated_without_memory_is_the_array_of_it(dtype):
    size = 3 * numpy_dtype(dtype).itemsize
    one = array_of(dtype, (3,), bytes(index % 2 for index in range(size)))
    repeated = np.broadcast_to(one, (2, 3))
    assert repeated.strides[0] == 0
    assert fingerprint(repeated) == fingerprint(np.stack([one, one]))


@DRAWN
@given(arrays())
def test_byte_order_changes_nothing(array):
    unit = array.itemsize // (2 if array.dtype.kind == "c" else 1)
    units = np.frombuffer(array.tobytes(), f"<u{unit}")
    for order in "<>":
        content = units.astype(f"{order}u{unit}").tobytes()
        ordered = np.frombuffer(content, array.dtype.newbyteorder(order)).reshape(array.shape)
        assert fingerprint(ordered) == fingerprint(array)


def test_a_read_only_array_and_a_subclass_give_the_same_number():
    array = np.arange(6, dtype="float32").reshape(2, 3)
    expected = fingerprint(array)
    assert fingerprint(array.view(np.ma.MaskedArray)) == expected
    array.flags.writeable = False
    assert fingerprint(array) == expected


def test_a_fingerprint_leaves_its_array_as_it_is():
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    before = array.dtype, array.strides, array.tobytes()
    fingerprint(array)
    assert (array.dtype, array.strides, array.tobytes()) == before


@DRAWN
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=6))
def test_str_and_bytes_of_the_same_utf_8_agree(items):
    shape = (len(items),)
    encoded = np.empty(shape, object)
    encoded[:] = [item.encode() for item in items]
    text = np.empty(shape, object)
    text[:] = items
    expected = fingerprint(encoded)
    assert fingerprint(text) == expected
    if hasattr(np.dtypes, "StringDType"):
        assert fingerprint(np.array(items, np.dtypes.StringDType())) == expected
    # Of fixed width: NumPy cannot hold a zero at the end.
    assume(not any(item.endswith("\0") for item in items))
    assert fingerprint(np.array(items, "U9")) == expected
    assert fingerprint(np.array(items, ">U9")) == expected
    assert fingerprint(np.array(encoded, "S36")) == expected


# The same, made ready for arrays of one dtype and shape


@DRAWN
@given(arrays())
def test_a_fingerprinter_gives_what_the_specification_computes(array):
    ready = fingerprinter(array.dtype, array.shape)
    expected = specified(dtype_name(array.dtype), array.shape, array.tobytes())
    assert ready(array) == expected
    other = array.copy()
    if array.size:
        other.reshape(-1).view("u1")[-1] ^= 1
        assert ready(other) != expected
    assert ready(array) == expected


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['dtype']}-{v['what']}")
def test_a_fingerprinter_gives_the_number_that_was_written_down(vector):
    array = array_of(vector["dtype"], vector["shape"], bytes.fromhex(vector["content"]))
    assert f"{fingerprinter(array.dtype, array.shape)(array):016x}" == vector["fingerprint"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "complex64", "bool", "bfloat16"])
def test_a_fingerprinter_sees_through_any_layout_and_byte_order(dtype):
    array = array_of(dtype, (4, 3), bytes(n % 2 for n in range(12 * numpy_dtype(dtype).itemsize)))
    for other in (
        np.asfortranarray(array),
        np.broadcast_to(array[:1], (4, 3)),
        array[::-1],
        np.repeat(array, 2, axis=1)[:, ::2],
        array.astype(array.dtype.newbyteorder(">")),
    ):
        assert fingerprinter(other.dtype, other.shape)(other) == fingerprint(other)
        assert fingerprint(other) == fingerprint(np.ascontiguousarray(other))


@pytest.mark.parametrize("dtype", ["M8[s]", "V3", "i4,f4"])
def test_there_is_no_fingerprinter_of_an_unknown_dtype(dtype):
    with pytest.raises(TypeError, match="Expected a dtype that a trace can hold"):
        fingerprinter(np.dtype(dtype), (2,))


# What it refuses


@pytest.mark.parametrize(
    "dtype", ["M8[s]", "m8[ns]", "V3", "i4,f4", "longdouble", "clongdouble", "int4", "float8_e3m4"]
)
def test_an_unknown_dtype_is_refused_by_its_name(dtype):
    unknown = np.dtype(getattr(ml_dtypes, dtype, dtype))
    if unknown in {np.dtype("float64"), np.dtype("complex128")}:
        pytest.skip("this machine has no wider floats")
    with pytest.raises(TypeError, match="Expected a dtype that a trace can hold, received ") as no:
        fingerprint(np.zeros(2, unknown))
    assert str(unknown) in str(no.value)


@pytest.mark.parametrize("element", [None, 1, 1.5, ["a"], bytearray(b"a")])
def test_an_object_that_is_no_string_is_refused(element):
    array = np.empty(2, object)
    array[:] = ["a", element]
    with pytest.raises(TypeError, match=f"bytes or str, received {type(element).__name__}"):
        fingerprint(array)
