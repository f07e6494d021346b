"""A trace beside a manifest: damaged, of another run, hostile, or of a run that was killed."""

from __future__ import annotations

import hashlib
import os
import shutil

import pytest
from manifests import EXAMPLES, NAMES, changed, document, rerun, sealed
from traces import line

FIRST, SECOND = NAMES
CONTENT = (EXAMPLES / f"{FIRST}.trace").read_bytes()


@pytest.fixture
def pair(tmp_path):
    """Return copies of the examples' manifests, their traces beside them."""
    for name in NAMES:
        for suffix in ("json", "trace"):
            shutil.copy(EXAMPLES / f"{name}.{suffix}", tmp_path)
    return tmp_path / f"{FIRST}.json", tmp_path / f"{SECOND}.json"


def claimed(content, **changes):
    """Return the manifest of a run that says it left this trace."""
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    outcomes = {"outcomes/digests/trace": digest, "outcomes/trace/bytes": len(content)}
    return sealed({**changed(document(FIRST), outcomes), **changes})


def test_the_audit_of_two_runs_names_the_step_and_the_tensor(pair, run):
    done = run(*pair)
    assert done.code == 1
    assert "Where: step 1 of epoch 1: weight sequential/conv2d/kernel" in done.out


@pytest.mark.parametrize("keep", [FIRST, SECOND])
def test_without_one_of_the_traces_the_epoch_is_named(pair, run, keep):
    for path in pair:
        if path.stem != keep:
            path.with_suffix(".trace").unlink()
    done = run(*pair)
    assert done.code == 1
    assert "Where: the steps of epoch 1" in done.out


DAMAGED = {
    "cut off within a row": (CONTENT[:-5], "expected 66,552 bytes"),
    "cut off between rows": (CONTENT[:-360], "cut off"),
    "one byte longer": (CONTENT + b"\0", "expected 66,552 bytes"),
    "one bit flipped": (CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]), "was damaged"),
    "empty": (b"", "received 0"),
    "of another run": ((EXAMPLES / f"{SECOND}.trace").read_bytes(), "belongs to another run"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_trace_that_is_not_the_manifests_is_refused(pair, refused, name):
    content, expected = DAMAGED[name]
    pair[0].with_suffix(".trace").write_bytes(content)
    for words in ([pair[0]], pair, pair[::-1]):
        message = refused(*words)
        assert expected in message
        assert f"{FIRST}.trace" in message


def test_a_damaged_trace_is_refused_though_the_manifests_are_equal(pair, refused, run, tmp_path):
    again = tmp_path / "again.json"
    again.write_bytes(sealed(rerun(document(FIRST))))
    assert run(pair[0], again).code == 0
    again.with_suffix(".trace").write_bytes(CONTENT[:-8])
    assert "again.trace" in refused(pair[0], again)


BLOCK = b'{"block":0,"model":0,"stride":1,"columns":['
COLUMN = (
    b'{"kind":"weight","role":"kernel","layer":"Dense","position":%d,'
    b'"dtype":"float64","shape":[%d],"bits":false}'
)
START = line({"schema": "repro-audit/trace-1", "fingerprint": "XXH3-64", "setting": "step"})
HOSTILE = {
    "of an unknown version": (START.replace(b"trace-1", b"trace-9"), "trace-1"),
    "of an unknown fingerprint": (START.replace(b"XXH3", b"XXH9"), "XXH3-64"),
    "with a column given twice": (
        START + BLOCK + COLUMN % (0, 3) + b"," + COLUMN % (0, 3) + b"]}\n",
        "$.columns[1]",
    ),
    "that promises 256 TiB": (
        START + BLOCK + COLUMN % (0, 2**45) + b"]}\n" + b"P" + bytes(23),
        "cut off",
    ),
    "with a line that never ends": (START + b"{" + b" " * 5_000_000, "line"),
    "that is no trace": (b"\x00" * 800, "first line"),
    "that is a manifest": (sealed(document()), ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_trace_that_a_stranger_made_up_is_refused(pair, refused, little_memory, name):
    """Its own manifest vouches for every byte of it; what it says is wrong all the same."""
    content, expected = HOSTILE[name]
    pair[0].write_bytes(claimed(content))
    pair[0].with_suffix(".trace").write_bytes(content)
    assert expected in refused(*pair, preexec_fn=little_memory)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_something_else_in_its_place_is_refused(pair, refused, make):
    place = pair[0].with_suffix(".trace")
    place.unlink()
    make(place)
    assert "no regular file" in refused(*pair)


# A killed run.


def test_the_whole_rows_of_a_killed_run_are_compared(pair, run):
    """Its manifest covers what was written by then; the rows behind it count, a torn one not."""
    content = CONTENT[:-7]
    pair[0].write_bytes(claimed(CONTENT[:40_000], status="running"))
    pair[0].with_suffix(".trace").write_bytes(content)
    done = run(*pair)
    assert done.code == 2
    assert "the expected run is not complete" in done.out
    assert "Where: step 1 of epoch 1" in done.out


def test_a_killed_run_with_another_beginning_is_refused(pair, refused):
    pair[0].write_bytes(claimed(CONTENT[:40_000], status="running"))
    pair[0].with_suffix(".trace").write_bytes(CONTENT[:30_000] + b"\1" + CONTENT[30_001:])
    assert "was damaged" in refused(*pair)


def test_nothing_in_a_trace_reaches_the_terminal_as_it_is(pair, run):
    content = CONTENT.replace(
        b'"role":"kernel","layer":"Conv2D","position":0',
        b'"role":"\\u001b[31m","layer":"Con","position":0 ',
    )
    manifest = changed(document(FIRST), {"information/labels": []})
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    outcomes = {"outcomes/digests/trace": digest, "outcomes/trace/bytes": len(content)}
    pair[0].write_bytes(sealed(changed(manifest, outcomes)))
    pair[0].with_suffix(".trace").write_bytes(content)
    for form in ("text", "markdown", "json"):
        done = run(*pair, "--format", form)
        assert done.code == 1, done
        assert "\x1b" not in done.out
        assert "[31m" in done.out
