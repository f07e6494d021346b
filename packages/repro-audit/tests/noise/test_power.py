"""What is printed as the power is how often a difference is seen."""

from __future__ import annotations

import numpy as np
import pytest

from repro_audit.noise.power import POWER, detectable, power, runs_needed
from repro_audit.noise.scatter import LEVEL, interval

PAPERS = 20_000


def seen(shift: float, runs: int, level: float) -> float:
    """Return how many runs lie outside whose mean is another by some deviations."""
    generator = np.random.default_rng(812)
    known = generator.normal(0.96, 0.002, (PAPERS, runs))
    others = generator.normal(0.96 + 0.002 * shift, 0.002, PAPERS)
    reach = interval(0.0, 1.0, runs, level).high * known.std(axis=1, ddof=1)
    return float(np.mean(np.abs(others - known.mean(axis=1)) > reach))


@pytest.mark.parametrize("level", [LEVEL, LEVEL / 8])
@pytest.mark.parametrize("runs", [3, 5, 10])
@pytest.mark.parametrize("shift", [0.0, 2.0, 4.0, 8.0])
def test_the_power_is_the_share_of_other_runs_that_are_seen(shift, runs, level):
    assert power(shift, runs, level) == pytest.approx(seen(shift, runs, level), abs=0.01)


def test_a_power_that_forgot_the_scatter_of_the_mean_would_be_seen():
    """The negative: as if the ensemble's mean were known."""
    forgotten = power(4.0 * (1 + 1 / 3) ** 0.5, 3)
    assert abs(forgotten - seen(4.0, 3, LEVEL)) > 0.03


@pytest.mark.parametrize("runs", [3, 5, 10, 100])
def test_a_detectable_difference_is_seen_four_times_in_five(runs):
    assert power(detectable(1.0, runs), runs) == pytest.approx(POWER)
    assert detectable(0.002, runs) == pytest.approx(0.002 * detectable(1.0, runs))


def test_so_many_runs_are_needed_and_no_fewer():
    for shift in (3.0, 4.0, 8.0):
        runs = runs_needed(shift)
        assert power(shift, runs) >= POWER > power(shift, runs - 1)


def test_a_difference_below_the_scatter_is_not_seen_by_any_number_of_runs():
    assert runs_needed(0.1) == 1000


def test_power_grows_with_the_difference_to_one():
    grown = [power(shift, 3) for shift in (0, 1, 10, 100, 1e4, 1e9)]
    assert grown == sorted(grown)
    assert grown[0] == pytest.approx(LEVEL)
    assert grown[-1] == 1.0
