"""A state is digested tensor by tensor, and each of them anew where it has changed."""

import numpy as np
import pytest

from repro_audit.canonical import digest_array
from repro_audit.capture import state
from repro_audit.capture.backend import StateTensor

pytest.importorskip("xxhash", reason="recording is an extra")

ARRAYS = {
    "floats": np.arange(6, dtype="float32").reshape(2, 3),
    "a number": np.float64(0.5),
    "nothing": np.zeros((0, 3), "int32"),
    "transposed": np.arange(6, dtype="int16").reshape(2, 3).T,
    "big-endian": np.arange(3, dtype=">u4"),
    "texts": np.array(["a", "bc"]),
    "objects": np.array([b"a", "bc"], dtype=object),
}


def tensors(*arrays):
    named = {"label": "dense/kernel", "layer": "Dense", "role": "kernel", "kind": "weight"}
    return [StateTensor(**named, array=item) for item in arrays]


@pytest.fixture
def digested(monkeypatch):
    """Return the arrays that were digested."""
    found = []

    def digest(array):
        found.append(array.copy())
        return digest_array(array)

    monkeypatch.setattr(state, "digest_array", digest)
    return found


@pytest.mark.parametrize("name", ARRAYS)
def test_a_digest_is_that_of_the_array_however_often_it_is_asked_for(name):
    array = np.asarray(ARRAYS[name])
    digests = state.StateDigests()
    for _ in range(2):
        (tensor,) = digests.capture(tensors(array))
        assert tensor.digest == digest_array(array)


def test_what_has_not_changed_is_not_digested_again(digested):
    digests = state.StateDigests()
    frozen, trained = np.zeros(4, "float32"), np.zeros(4, "float32")
    first = digests.capture(tensors(frozen, trained))
    assert len(digested) == 2
    trained[3] = -0.0  # equal, and other bits
    second = digests.capture(tensors(frozen, trained))
    assert len(digested) == 3
    assert (first[0], first[1] == second[1]) == (second[0], False)
    assert digests.capture(tensors(frozen.copy(), trained.copy())) == second
    assert len(digested) == 3


@pytest.mark.parametrize(
    "other", [np.zeros((2, 2), "float32"), np.zeros(4, "int32"), np.zeros(2, "float64")], ids=str
)
def test_equal_bytes_of_another_shape_or_dtype_are_another_tensor(other, digested):
    digests = state.StateDigests()
    (first,) = digests.capture(tensors(np.zeros(4, "float32")))
    (second,) = digests.capture(tensors(other))
    assert first.digest != second.digest == digest_array(other)
