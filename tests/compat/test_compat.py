"""Every state that the format has had is read, audited and compared.

A folder holds two runs that differ in their number of threads, as the release of that time wrote
them: ``VERSION/NUMBER-COMMIT``. None may be changed; a new state is a new folder.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from manifests import document, sealed

import repro_audit
from repro_audit.audit.rules import check
from repro_audit.canonical import digest_json
from repro_audit.errors import ManifestError
from repro_audit.manifest import parse, serialize
from repro_audit.trace import find_trace
from repro_audit.trace.summary import summarize_trace

HERE = Path(__file__).parent
STATES = sorted(path.parent for path in HERE.glob("*/*/threads-1.json"))
TRACED = [state for state in STATES if (state / "threads-1.trace").exists()]
ONE_MACHINE = [state for state in STATES if state.parent.name == "manifest-1"][:9]


def name_of(state):
    return f"{state.parent.name}/{state.name}"


def runs(state):
    return [state / f"threads-{count}.json" for count in (1, 2)]


def test_the_states_are_those_of_the_history():
    assert len(STATES) >= 11
    assert len(TRACED) >= 7


@pytest.mark.parametrize("state", STATES, ids=name_of)
def test_a_state_is_read_and_audited(state):
    for path in runs(state):
        manifest = repro_audit.load(path)
        assert (manifest.complete, manifest.steps, manifest.seed) == (True, 63, 812)
        assert manifest.conditions.tensorflow is not None
        assert manifest.conditions.tensorflow.op_determinism == "before_first_op"
        assert manifest.evidence == ("trace" if state in TRACED else "weights")
        assert repro_audit.audit(manifest).verdict == "controlled"


@pytest.mark.parametrize("state", STATES, ids=name_of)
def test_two_runs_of_a_state_diverge_by_their_threads(state):
    one, two = map(repro_audit.load, runs(state))
    comparison = repro_audit.compare(one, two)
    assert comparison.verdict == "divergent"
    assert comparison.causes[0].kind == "threads"
    assert comparison.first_difference is not None
    assert comparison.first_difference.epoch == 1


@pytest.mark.parametrize("state", TRACED, ids=name_of)
def test_a_trace_of_a_state_is_read_and_contradicts_nothing(state):
    for path in runs(state):
        manifest = repro_audit.load(path)
        trace = find_trace(path, manifest)
        assert trace is not None
        codes = {item.code for item in check(manifest, summarize_trace(trace, manifest))}
        assert not {code for code in codes if code.startswith("RA6")}


@pytest.mark.parametrize("state", ONE_MACHINE[1:], ids=name_of)
def test_a_run_of_one_state_repeats_in_every_other(state):
    """The same script and machine: what the format says of it has changed, the bits have not."""
    for path in runs(state):
        first, later = repro_audit.load(ONE_MACHINE[0] / path.name), repro_audit.load(path)
        assert repro_audit.compare(first, later).verdict == "identical"


def test_what_the_first_state_did_not_record_is_named():
    findings = check(repro_audit.load(runs(STATES[0])[0]))
    (seen,) = [item.seen for item in findings if item.code == "RA506"]
    assert "did not record 30 fields" in seen
    present = check(parse(sealed(document()), "present"))
    assert "RA506" not in {item.code for item in present}


@pytest.mark.parametrize("state", STATES, ids=name_of)
def test_what_was_read_can_be_written_in_the_current_version(state):
    for path in runs(state):
        manifest = repro_audit.load(path)
        again = parse(serialize(manifest), "again")
        assert again._replace(digest="") == manifest._replace(
            digest="", schema="repro-audit/manifest-2"
        )


@pytest.mark.parametrize("state", STATES, ids=name_of)
def test_a_change_of_any_state_is_seen(state):
    value = json.loads(runs(state)[0].read_text(encoding="utf-8"))
    value["outcomes"]["fits"][0]["steps"] = 64
    with pytest.raises(ManifestError, match=r"\$\.digest"):
        parse(json.dumps(value).encode(), "m")


@pytest.mark.parametrize("state", STATES, ids=name_of)
def test_an_unknown_version_of_any_state_is_refused(state):
    value = json.loads(runs(state)[0].read_text(encoding="utf-8"))
    del value["digest"]
    value["schema"] = "repro-audit/manifest-3"
    value["digest"] = digest_json(value)
    with pytest.raises(ManifestError, match=r"\$\.schema: expected .*'repro-audit 0\.1\.0'"):
        parse(json.dumps(value).encode(), "m")
