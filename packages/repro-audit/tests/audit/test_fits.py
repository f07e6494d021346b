"""Two fits of one run are compared as two runs are: why do two models of one script differ?"""

import pytest
from manifests import OTHER_DIGEST, changed, consistent, document, record, two_models

import repro_audit
from repro_audit.audit import fits_alone
from repro_audit.errors import ManifestError

DRAWS_ON = record(two_models(seeded_again=False))
SEEDED_AGAIN = record(two_models(seeded_again=True))


def audited(value, *fits):
    """Return the audit of fits of a run."""
    return repro_audit.audit(record(value), names=["run.json"], fits=fits)


# What is found


def test_a_second_model_that_draws_on_has_other_seeds_and_the_remedy_seeds_before_each():
    result = repro_audit.audit(DRAWS_ON, names=["run.json"], fits=(1, 2))
    assert [item.name for item in result.manifests] == ["run.json: fit 1", "run.json: fit 2"]
    (comparison,) = result.comparisons
    assert (result.verdict, comparison.first_difference.kind) == ("divergent", "initial weights")
    first = comparison.causes[0]
    assert (first.kind, first.certainty) == ("drawn_seeds", "certain")
    assert "Python's random" in first.title
    assert first.remedy.startswith("keras.utils.set_random_seed(812)")
    assert "right before the model is built" in first.remedy


def test_models_that_are_seeded_before_each_are_identical():
    result = repro_audit.audit(SEEDED_AGAIN, fits=(1, 2))
    assert (result.verdict, result.comparisons[0].causes) == ("identical", ())


def test_what_a_model_is_trained_with_is_a_cause_as_between_runs():
    path = "conditions/training/models/1/optimizer/config/learning_rate"
    run = changed(
        two_models(seeded_again=True),
        {
            path: 0.5,
            "outcomes/fits/1/epochs/0": OTHER_DIGEST,
            "outcomes/final_state/1/0/digest": OTHER_DIGEST,
        },
    )
    (comparison,) = audited(consistent(run), 1, 2).comparisons
    assert [cause.kind for cause in comparison.causes] == ["optimizer"]
    assert [item.path for item in comparison.differences] == [
        "$.conditions.training.models[0].optimizer.config.learning_rate"
    ]


def test_the_fit_that_is_named_first_is_expected():
    forward, back = (repro_audit.audit(DRAWS_ON, fits=fits) for fits in ((1, 2), (2, 1)))
    texts = [item.comparisons[0].causes[0].reason for item in (forward, back)]
    assert texts[0].startswith("the actual run took")
    assert texts[1].startswith("the expected run took")


def test_of_several_fits_each_is_compared_with_the_first():
    value = two_models(seeded_again=True)
    value["outcomes"]["fits"].append({**value["outcomes"]["fits"][0], "model": 2})
    result = audited(consistent(changed(value, {"conditions/training": None})), 1, 2, 3)
    assert [(item.expected, item.actual) for item in result.comparisons] == [(0, 1), (0, 2)]


def test_without_the_trace_beside_it_a_fit_is_evidence_of_weights():
    """A digest of the whole trace says nothing of a part of it, and that is said."""
    result = repro_audit.audit(SEEDED_AGAIN, fits=(1, 2))
    assert result.evidence == "weights"
    trace = next(item for item in result.comparisons[0].fields if item.field == "trace")
    assert (trace.verdict, trace.detail) == ("missing", "in both runs")
    fit, _ = fits_alone(SEEDED_AGAIN, None, (1, 2), "run.json")
    assert "does not lie beside" in dict(fit.manifest.missing)["$.outcomes.digests.trace"]


def test_a_part_of_a_run_that_ended_early_is_no_better_than_the_run():
    run = {**two_models(seeded_again=True), "status": "failed"}
    assert audited(run, 1, 2).verdict == "inconclusive"
    missing = [{"path": "$.outcomes.fits", "reason": "not followed: 1 fit in another thread"}]
    run = {**two_models(seeded_again=True), "missing": missing}
    assert audited(run, 1, 2).verdict == "inconclusive"


# What is refused


@pytest.mark.parametrize(
    ("fits", "said"),
    [
        ((1,), "two fits or more, received 1 fit"),
        ((1, 3), "run.json has 2 fits, counted from 1: fit 3 is none of them"),
        ((0, 1), "fit 0 is none of them"),
        ((-1, 1), "fit -1 is none of them"),
        ((2, 2), "Fit 2 is given twice"),
    ],
)
def test_numbers_that_are_no_two_fits_are_refused(fits, said):
    with pytest.raises(ManifestError, match=said):
        audited(two_models(seeded_again=True), *fits)


def test_two_fits_of_one_model_are_a_continued_training_and_not_two():
    run = changed(two_models(seeded_again=True), {"outcomes/fits/1/model": 0})
    with pytest.raises(ManifestError, match="train one model: fit 2 goes on with the weights"):
        audited(run, 2, 1)


def test_a_run_without_a_fit_has_none_to_compare():
    run = changed(document(), {"outcomes/fits": []})
    with pytest.raises(ManifestError, match="has no fit"):
        audited(run, 1, 2)


def test_a_manifest_that_contradicts_itself_has_no_parts():
    """Digests of a part are made anew: what was edited would no longer show."""
    run = changed(two_models(seeded_again=True), {"outcomes/fits/1/history/loss/0": 0.5})
    with pytest.raises(ManifestError, match="contradicts itself: The digest of the history"):
        audited(run, 1, 2)


def test_fits_of_several_manifests_are_refused():
    with pytest.raises(ValueError, match="one manifest, received 2"):
        repro_audit.audit(DRAWS_ON, SEEDED_AGAIN, fits=(1, 2))
