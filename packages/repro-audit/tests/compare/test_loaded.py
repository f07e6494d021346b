"""Weights that were loaded owe nothing to the seeds that layers had drawn before."""

from __future__ import annotations

import pytest
from manifests import OTHER_DIGEST, changed, document, record, rerun, value_at

from repro_audit.compare import compare
from repro_audit.compare.loaded import were_loaded

RESTORED = "conditions/initializers/restored"
TENSORS = "outcomes/initial_weights/0"
(KERNEL, *_), (BIAS, *_) = (
    [at for at, item in enumerate(value_at(document(), TENSORS)) if item["role"] == role]
    for role in ("kernel", "bias")
)
SEED = next(
    at
    for at, item in enumerate(value_at(document(), "conditions/initializers/layers"))
    if item["seed"] is not None
)
OTHER_SEED = {f"conditions/initializers/layers/{SEED}/seed": 5}


def pair(tensors, restored=(True, True), changes=None):
    """Return two runs of which some initial weights differ."""
    values = (
        document(),
        changed(rerun(), {f"{TENSORS}/{at}/digest": OTHER_DIGEST for at in tensors}),
    )
    return [
        record(changed(value, {RESTORED: loaded} | own))
        for value, loaded, own in zip(values, restored, ({}, changes or {}), strict=True)
    ]


def test_a_bias_that_differs_was_loaded_where_weights_were():
    """It begins as zeros, whatever the seeds are."""
    assert were_loaded(*pair([KERNEL, BIAS]))
    assert were_loaded(*pair([BIAS]))


def test_a_kernel_alone_may_have_been_drawn():
    """As that of a new head on layers that were loaded."""
    assert not were_loaded(*pair([KERNEL]))
    assert not were_loaded(*pair([]))


@pytest.mark.parametrize("restored", [(False, True), (True, None), (None, None), (False, False)])
def test_where_it_is_not_known_of_both_nothing_was_loaded(restored):
    assert not were_loaded(*pair([KERNEL, BIAS], restored))


def test_a_seed_is_no_certain_cause_of_weights_that_were_loaded():
    """They come first, and what was drawn before is only possible."""
    first, *others = compare(*pair([KERNEL, BIAS], changes=OTHER_SEED)).causes
    assert first.paths == ("$.outcomes.initial_weights",)
    assert "loaded" in first.reason
    seeds = [cause for cause in others if cause.group == "seeds"]
    assert [cause.certainty for cause in seeds] == ["possible"]
    assert "no seed decides" in seeds[0].reason


def test_a_seed_is_the_certain_cause_of_weights_that_were_drawn():
    for runs in (
        pair([KERNEL, BIAS], (False, False), OTHER_SEED),
        pair([KERNEL], (True, True), OTHER_SEED),
    ):
        first, *_ = compare(*runs).causes
        assert (first.group, first.certainty) == ("seeds", "certain")
