"""One digest for the same samples in any order, and another for any other samples."""

from __future__ import annotations

import numpy as np
import pytest

from repro_audit.capture import unordered
from repro_audit.capture.unordered import digest_unordered

RNG = np.random.default_rng(7)
X = RNG.normal(size=(300, 5)).astype("float32")
Y = RNG.integers(3, size=300)
KINDS = {
    "float32": X,
    "one number": Y,
    "three bytes": RNG.integers(256, size=(300, 3), dtype=np.uint8),
    "bool": RNG.random((300, 9)) > 0.5,
    "complex": X.astype("complex64"),
    "images": RNG.integers(256, size=(300, 8, 8, 3), dtype=np.uint8),
    "long": RNG.normal(size=(300, 700)),
    "text": np.array([f"sample {number}" for number in range(300)]),
    "objects": np.array([f"sample {number}" for number in range(300)], object),
}


@pytest.mark.parametrize("kind", KINDS)
def test_order_counts_for_nothing_and_every_other_change_counts(kind):
    samples = KINDS[kind]
    digest = digest_unordered([samples])
    order = RNG.permutation(len(samples))
    assert digest_unordered([samples[order]]) == digest
    assert digest_unordered([samples[:-1]]) != digest
    twice = samples.copy()
    twice[0] = samples[1]
    assert digest_unordered([twice]) != digest
    if samples.dtype.kind not in "OSU":
        flipped = samples.copy()
        flipped.reshape(-1).view(np.uint8)[4] ^= 1
        assert digest_unordered([flipped]) != digest


def test_samples_of_several_arrays_belong_together():
    digest = digest_unordered([X, Y])
    order = RNG.permutation(len(X))
    assert digest_unordered([X[order], Y[order]]) == digest
    assert digest_unordered([X[order], Y]) != digest
    assert digest_unordered([Y, X]) != digest


def test_type_shape_and_number_of_samples_count():
    zeros = np.zeros((8, 4), "float32")
    others = [
        zeros.astype("int32"), zeros.reshape(8, 2, 2), zeros.reshape(4, 8), zeros[:7],
        zeros.astype("float64"),
    ]  # fmt: skip
    digests = {digest_unordered([value]) for value in [zeros, *others]}
    assert len(digests) == len(others) + 1


def test_memory_layout_and_byte_order_count_for_nothing():
    digest = digest_unordered([X])
    for same in (np.asfortranarray(X), X.astype(">f4"), np.repeat(X, 2, axis=0)[::2]):
        assert digest_unordered([same]) == digest


@pytest.mark.parametrize("size", [64, 640, 10**9])
def test_how_many_are_read_at_a_time_counts_for_nothing(size, monkeypatch):
    digest = digest_unordered([X, Y, KINDS["long"]])
    monkeypatch.setattr(unordered, "_CHUNK_BYTES", size)
    assert digest_unordered([X, Y, KINDS["long"]]) == digest


def test_what_has_no_code_is_refused():
    with pytest.raises(TypeError):
        digest_unordered([np.array([object(), object()])])
    with pytest.raises(TypeError):
        digest_unordered([np.array(["2020-01-01"], "datetime64[D]")])


def test_samples_of_bfloat16_are_told_apart_although_it_has_no_buffer_format():
    samples = X.astype(pytest.importorskip("ml_dtypes").bfloat16)
    assert digest_unordered([samples]) == digest_unordered([samples[::-1]])
    assert digest_unordered([samples]) != digest_unordered([samples[1:]])


def test_each_bit_of_a_set_is_seen_and_no_two_changes_are_alike():
    base = np.arange(64, dtype=np.uint64).reshape(32, 2)
    found = set()
    for place in range(base.nbytes * 8):
        value = base.copy()
        value.reshape(-1).view(np.uint8)[place // 8] ^= 1 << (place % 8)
        found.add(digest_unordered([value]))
    assert len(found) == base.nbytes * 8
