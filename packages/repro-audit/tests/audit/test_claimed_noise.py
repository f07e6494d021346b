"""Published numbers beside an ensemble of the run: in the last digit, and within its noise."""

from __future__ import annotations

import pytest
from ensembles import drawn_ensemble
from manifests import document, sealed

from repro_audit.audit import audit, exit_code
from repro_audit.audit.claims import Claim, check_claims
from repro_audit.manifest import load, metric_series, parse

SCATTER = 0.01
CONTENT = sealed(document())
RUN = parse(CONTENT, "run")
LOSS = metric_series(RUN)["loss"][-1]
assert LOSS is not None


def claim(printed: str, runs: int = 9, seeds: float = SCATTER) -> Claim:
    """Return the claim of a loss, held against so many other seeds."""
    ensemble = drawn_ensemble(CONTENT, seeds=seeds, runs=runs)
    (checked,) = check_claims([RUN], {"loss": printed}, ensemble=ensemble)
    return checked


def test_a_number_may_differ_in_its_digits_and_be_within_the_scatter():
    found = claim(f"{LOSS + SCATTER:.4f}")
    assert (found.verdict, found.within) == ("differ", True)
    assert "; within the scatter of 10 seeds, " in found.text


def test_a_number_far_outside_is_no_noise():
    found = claim(f"{LOSS + 10 * SCATTER:.4f}")
    assert (found.verdict, found.within) == ("differ", False)
    assert "; outside the scatter of 10 seeds, " in found.text


def test_a_number_that_holds_is_held_against_the_noise_as_well():
    found = claim(f"{LOSS:.4f}")
    assert (found.verdict, found.within) == ("match", True)


@pytest.mark.parametrize(("away", "within"), [(0.5, True), (5, False)])
def test_a_mean_of_several_runs_is_held_against_the_mean(away, within):
    """By Welch's test: of means, less is far than of single runs."""
    found = claim(f"{LOSS + away * SCATTER:.4f} ± {SCATTER:.4f} (n=10)")
    assert found.within is within


@pytest.mark.parametrize("printed", ["2.15 ± 0.02", "2.1-2.2", "2.15 [2.14, 2.16]"])
def test_what_says_too_little_is_not_held_against_it(printed):
    assert claim(printed).within is None


def test_few_seeds_say_nothing():
    assert claim(f"{LOSS:.4f}", runs=3).within is None


def test_rounding_is_no_scatter_of_seeds():
    assert claim(f"{LOSS:.4f}", seeds=0.0).within is None


def test_a_value_for_each_epoch_is_not_held_against_it():
    ensemble = drawn_ensemble(CONTENT, seeds=SCATTER)
    (found,) = check_claims([RUN], {"loss": ("2.1510",)}, ensemble=ensemble)
    assert found.within is None


@pytest.mark.parametrize(
    ("away", "accept", "code"),
    [(1, "bits", 1), (1, "rounding", 1), (1, "seeds", 0), (10, "seeds", 1)],
)
def test_what_is_within_the_scatter_is_accepted_where_seeds_are(away, accept, code, tmp_path):
    path = tmp_path / "m.json"
    path.write_bytes(CONTENT)
    claims = {"loss": f"{LOSS + away * SCATTER:.4f}"}
    ensemble = drawn_ensemble(CONTENT, seeds=SCATTER)
    result = audit(load(path), claims=claims, ensemble=ensemble)
    assert exit_code(result, accept=accept) == code


@pytest.mark.parametrize("printed", ["1.5", "1e200 ± 1e200 (n=5)"])
def test_numbers_of_a_stranger_that_are_too_large_are_no_scatter(printed):
    ensemble = drawn_ensemble(CONTENT, seeds=SCATTER)
    huge = tuple(
        item._replace(series=dict.fromkeys(item.series, (1.7e308,)))
        for item in ensemble.members[1:]
    )
    strange = ensemble._replace(members=(ensemble.members[0], *huge))
    (found,) = check_claims([RUN], {"loss": printed}, ensemble=strange)
    assert found.within is None
