"""The check of every diagnosis that a test makes finds what cannot be right."""

import pytest
from consistent import checking, faults_of
from first_differences import column, traced
from manifests import OTHER_DIGEST, changed, document, parted, record, rerun

from repro_audit.audit import audit, judging
from repro_audit.compare import Cause, Excluded, compare

THREADS = {"conditions/determinism/backend/threads/intra_op/in_force": 7}
RUNS = record(document()), record(changed(parted(document(), "epoch 1"), THREADS))


def cause(kind, certainty="likely", paths=()):
    return Cause(kind, "seeds", kind, certainty, "", "", paths)


def test_a_diagnosis_as_it_is_has_no_fault():
    assert faults_of(compare(*RUNS), *RUNS) == []
    assert faults_of(compare(RUNS[0], record(rerun())), *RUNS) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"causes": (cause("seed", "certain", ("$.conditions.seeds.declared",)),)}, "is certain"),
        ({"causes": (), "excluded": ()}, "is neither a cause nor set aside"),
        ({"excluded": (Excluded("threads", "threads", ""),)}, "ruled out as well"),
        ({"first_difference": None}, "where nothing differs"),
        (
            {
                "excluded": (Excluded("data", "data", "the batches are equal in every step"),),
                "trace": traced(column("batch")),
            },
            "by batches that differ",
        ),
        (
            {
                "excluded": (Excluded("loss", "loss", "every step that both runs have is equal"),),
                "trace": traced(column("weight")),
            },
            "by steps that differ",
        ),
    ],
)
def test_what_cannot_be_right_is_found(change, fault):
    found = compare(*RUNS)._replace(**change)
    assert any(fault in item for item in faults_of(found, *RUNS))


def test_what_is_ruled_out_by_weights_that_differ_is_found():
    other = record(
        changed(rerun(), {("outcomes", "initial_weights", 0, 0, "digest"): OTHER_DIGEST})
    )
    found = compare(*RUNS)._replace(
        excluded=(Excluded("initializers", "x", "the initial weights are equal"),)
    )
    assert faults_of(found, RUNS[0], other)
    assert not faults_of(found, *RUNS)


def test_every_audit_of_a_test_is_checked():
    """As this one is: what compares in an audit is what checks."""
    assert judging.compare.__module__ == checking.__module__
    assert audit(*RUNS).comparisons[0].causes
