from manifests import OTHER_DIGEST, changed, document, record, rerun

from repro_audit.compare.control import judge_control

FLIP = {"step": 1, "model": 0, "position": 0, "element": 5, "bit": 12}
RUN = record(document())


def control(changes):
    return record(changed(rerun(positive_control=FLIP), changes))


AFTER = {"outcomes/fits/0/epochs/0": OTHER_DIGEST}
BEFORE = {"outcomes/digests/initial_weights": OTHER_DIGEST}


def test_evidence_that_matches_before_the_flip_and_differs_after_it_is_caught():
    verdict = judge_control(RUN, control(AFTER))
    assert (verdict.caught, verdict.before, verdict.after) == (True, "match", "differ")
    assert "bit 12" in verdict.text


def test_a_flip_that_changes_nothing_is_not_caught():
    assert not judge_control(RUN, control({})).caught


def test_a_run_that_differs_before_the_flip_is_not_caught():
    assert not judge_control(RUN, control(AFTER | BEFORE)).caught


def test_a_run_without_a_flip_is_not_caught():
    assert not judge_control(RUN, record(changed(rerun(), AFTER))).caught


def with_models(run, count, initial=None):
    """Return a run that has trained so many models, each from the same weights or others."""
    outcomes = run.outcomes
    models = (outcomes.initial_weights[0] if initial is None else initial,)
    digests = outcomes.digests
    if count > 1:
        digests = digests._replace(initial_weights=OTHER_DIGEST)
    return run._replace(outcomes=outcomes._replace(initial_weights=models * count, digests=digests))


def test_models_that_are_made_after_the_control_run_has_ended_count_for_nothing():
    for count in (1, 3):
        verdict = judge_control(with_models(RUN, count), control(AFTER))
        assert (verdict.caught, verdict.before) == (True, "match")


def test_the_models_that_a_control_run_has_made_count():
    other = (RUN.outcomes.initial_weights[0][0]._replace(digest=OTHER_DIGEST),)
    assert judge_control(with_models(RUN, 3, other), control(AFTER)).before == "differ"
    unbuilt = control(AFTER)
    unbuilt = unbuilt._replace(outcomes=unbuilt.outcomes._replace(initial_weights=(None,)))
    assert judge_control(with_models(RUN, 3), unbuilt).before == "missing"
    assert judge_control(RUN, with_models(control(AFTER), 3)).before == "differ"


def test_missing_evidence_is_not_caught():
    assert not judge_control(RUN, control({"outcomes/fits/0/epochs/0": None})).caught
    assert not judge_control(
        RUN, control(AFTER | {"outcomes/digests/initial_weights": None})
    ).caught
    assert not judge_control(RUN, None).caught
    assert not judge_control(None, control(AFTER)).caught
