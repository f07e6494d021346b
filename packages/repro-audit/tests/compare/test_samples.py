"""Which samples of two runs differ, told by their digests in the manifests."""

import pytest
from manifests import changed, document, record, rerun

from repro_audit.compare.samples import SampleDifference, differing_samples

SAMPLES = "outcomes/fits/0/samples"


def fed(samples):
    """Return what a manifest holds of samples, each a letter of its input and a digit."""
    return {
        "inputs": "".join(f"{ord(sample[0]):08x}" for sample in samples),
        "whole": "".join(f"{ord(sample[0]) * 256 + int(sample[1]):08x}" for sample in samples),
    }


def found(mine, theirs):
    runs = [changed(document(), {SAMPLES: mine}), changed(rerun(), {SAMPLES: theirs})]
    return differing_samples(*map(record, runs), 0)


BASE = ["a1", "b1", "c2", "d2"]


@pytest.mark.parametrize(
    ("samples", "difference"),
    [
        (["a1", "b1", "c3", "d2"], SampleDifference(4, 4, 1, targets_only=True, moved=False)),
        (["a1", "b1", "e2", "d2"], SampleDifference(4, 4, 1, targets_only=False, moved=False)),
        (["b1", "a1", "c2", "d2"], SampleDifference(4, 4, 0, targets_only=False, moved=True)),
        (["d2", "a1", "b2", "c2"], SampleDifference(4, 4, 1, targets_only=True, moved=True)),
        (["a1", "b1", "c2"], SampleDifference(4, 3, 1, targets_only=False, moved=False)),
        ([*BASE, "e1", "e1"], SampleDifference(4, 6, 2, targets_only=False, moved=False)),
        (["x1", "y1", "z1", "w1"], SampleDifference(4, 4, 4, targets_only=False, moved=False)),
    ],
)
def test_it_is_told_how_many_samples_differ_in_what_and_whether_in_order(samples, difference):
    assert found(fed(BASE), fed(samples)) == difference


def test_equal_samples_do_not_differ():
    assert found(fed(BASE), fed(BASE)) is None


@pytest.mark.parametrize(
    "unknown",
    [
        None,
        {"inputs": "", "whole": ""},
        fed(BASE) | {"inputs": ""},
        fed(["a1"] * 1024),  # there may have been more
    ],
)
def test_of_samples_that_are_not_all_known_nothing_is_told(unknown):
    assert found(fed(BASE), unknown) is None
    assert found(unknown, fed(BASE)) is None
