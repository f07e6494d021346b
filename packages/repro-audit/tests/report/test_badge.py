"""A badge stands for an audit only where the audit bears it out."""

from __future__ import annotations

import json

import pytest
from pages import divergent, everything, identical

from repro_audit.errors import EvidenceError
from repro_audit.manifest.records import UNFOLLOWED, Missing
from repro_audit.report.badge import render_badge


def repeated(**changes):
    """Return the audit of a repeat whose runs are the same and whose control was caught."""
    result, manifests = everything("words")
    return result._replace(**changes), manifests


@pytest.mark.parametrize(
    ("verdict", "color"),
    [
        ("identical", "brightgreen"),
        ("close", "green"),
        ("divergent", "red"),
        ("inconclusive", "lightgrey"),
    ],
)
def test_a_badge_says_the_verdict_and_what_it_rests_on(verdict, color):
    assert json.loads(render_badge(*repeated(verdict=verdict, evidence="weights"))) == {
        "schemaVersion": 1,
        "label": "training runs",
        "message": f"{verdict} (weights)",
        "color": color,
    }


def refusal(result, manifests):
    with pytest.raises(EvidenceError) as refused:
        render_badge(result, manifests)
    return str(refused.value)


@pytest.mark.parametrize("page", [identical, divergent])
def test_two_files_get_no_badge_as_nothing_shows_that_their_audit_can_fail(page):
    assert "without a positive control" in refusal(*page())


def test_a_control_that_was_not_caught_gets_no_badge():
    result, manifests = repeated()
    control = result.control._replace(caught=False, text="one flipped bit did not change it")
    assert "one flipped bit did not change it" in refusal(
        result._replace(control=control), manifests
    )


@pytest.mark.parametrize("evidence", ["none", "history"])
def test_evidence_below_weights_gets_no_badge(evidence):
    assert f"the evidence is {evidence}" in refusal(*repeated(evidence=evidence))
    assert render_badge(*repeated(evidence="weights"))
    assert render_badge(*repeated(evidence="trace"))


def test_agreement_in_a_part_of_the_training_gets_no_badge_and_a_difference_in_it_does():
    result, manifests = repeated()
    lacks = Missing(UNFOLLOWED, "3 updates of variables that no model owns")
    runs = [manifests[0], manifests[1]._replace(missing=(lacks,))]
    assert "not all training was recorded" in refusal(result, runs)
    assert "divergent" in render_badge(result._replace(verdict="divergent"), runs)
