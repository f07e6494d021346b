"""The part of a trace that one fit has written is the trace that this fit alone would leave."""

import pytest
from manifests import EXAMPLES, document, record
from traces import (
    BATCH,
    KERNEL,
    LOSS,
    SLOT,
    block,
    flat,
    line,
    probe,
    row,
    sha256,
    small,
    start,
    trace,
)

from repro_audit.errors import TraceError
from repro_audit.manifest import of_fit
from repro_audit.trace import find_trace
from repro_audit.trace.one_fit import with_outcome


def alone(*records):
    """Return a trace of one fit, as bytes."""
    return b"".join([line(start()), *records])


SMALL_1 = alone(
    line(block(0, [KERNEL._replace(dtype="float64"), SLOT], stride=4)), row(0, (0, 1, 1), [10, 11])
)
SMALL_2 = alone(line(block(0, [BATCH, LOSS, KERNEL])), row(0, (0, 1, 1), [12, 13, 14]))
SMALL_3 = alone(
    line(block(0, [KERNEL._replace(dtype="float64"), SLOT], stride=4)),
    row(0, (0, 1, 1), [15, 16]),
    probe(0, (0, 2, 1), bytes(range(24))),
)


@pytest.mark.parametrize(("fit", "expected"), [(1, SMALL_1), (2, SMALL_2), (3, SMALL_3)])
def test_a_fit_has_the_records_it_would_have_by_itself(tmp_path, fit, expected):
    """Its model and block are then the first, whatever stood before them."""
    whole = trace(tmp_path / "whole.trace", b"".join(small()))
    only = trace(tmp_path / "only.trace", expected)
    assert flat(whole.of_fit(fit).parts()) == flat(only.parts())
    assert flat(whole.parts()) != flat(only.parts())


def test_a_fit_that_was_not_traced_has_no_record(tmp_path):
    whole = trace(tmp_path / "whole.trace", b"".join(small()))
    assert flat(whole.of_fit(9).parts()) == []


def test_fits_that_alternate_are_told_apart(tmp_path):
    """As a loop writes them that trains two models in turn."""
    lines = [line(block(0, [KERNEL])), line(block(1, [SLOT], model=1))]
    rows = [row(fit, (fit, 1, step), [10 * fit + step]) for step in (1, 2, 3) for fit in (0, 1)]
    whole = trace(tmp_path / "whole.trace", alone(*lines, *rows))
    for fit in (0, 1):
        records = flat(whole.of_fit(fit).parts())[1:]
        assert [item[-1] for item in records] == [[10 * fit + step] for step in (1, 2, 3)]
        assert {item[1:4] for item in records} == {(0, 0, 1)}


def test_rows_are_copied_before_they_are_renumbered(tmp_path):
    """What else reads the file sees it as it is."""
    whole = trace(tmp_path / "whole.trace", b"".join(small()))
    before = flat(whole.parts())
    flat(whole.of_fit(2).parts())
    assert flat(whole.parts()) == before


def test_damage_behind_a_fit_is_seen_all_the_same(tmp_path):
    """The digest is of the whole file, which is read to its end."""
    content = bytearray(b"".join(small()))
    whole = trace(tmp_path / "whole.trace", bytes(content))
    content[-1] ^= 1
    (tmp_path / "whole.trace").write_bytes(content)
    with pytest.raises(TraceError, match="damaged"):
        flat(whole.of_fit(0).parts())


# What a manifest says of it


def test_the_only_fit_of_a_real_run_has_every_digest_that_the_run_has():
    """So its bytes are those that the recorder wrote."""
    path = EXAMPLES / "threads-2.json"
    run = record(document())
    fit = with_outcome(of_fit(run, 0), find_trace(path, run).of_fit(0).parts())
    assert fit.outcomes == run.outcomes
    assert fit.evidence == "trace"


def test_the_digests_of_a_fit_are_those_of_the_trace_it_would_leave(tmp_path):
    """A fit that was not the first has them, too: the whole, and up to the end of each epoch."""
    value = document()
    value["outcomes"]["fits"][0]["epochs"] *= 2
    value["outcomes"]["fits"][0]["trace"] *= 2
    whole = trace(tmp_path / "whole.trace", b"".join(small()))
    outcomes = with_outcome(of_fit(record(value), 0), whole.of_fit(3).parts()).outcomes
    end_of_first = len(SMALL_3) - len(probe(0, (0, 2, 1), bytes(24)))
    assert outcomes.fits[0].trace == (sha256(SMALL_3[:end_of_first]), sha256(SMALL_3))
    assert outcomes.digests.trace == sha256(SMALL_3)
    assert tuple(outcomes.trace) == (1, len(SMALL_3))


def test_an_epoch_of_which_nothing_was_traced_has_no_digest(tmp_path):
    whole = trace(tmp_path / "whole.trace", b"".join(small()))
    fit = with_outcome(of_fit(record(document()), 0), whole.of_fit(9).parts())
    assert fit.outcomes.fits[0].trace == (None,)
    assert fit.evidence == "weights"
