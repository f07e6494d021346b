"""Where a step stands in the whole of a run."""

from __future__ import annotations

import pytest

from repro_audit.compare.position import Position


def after(*places):
    """Return a position that some places have passed."""
    position = Position()
    for place in places:
        position.pass_to(*place)
    return position


def test_steps_of_epochs_and_fits_add_up():
    position = after((0, 1, 1), (0, 1, 100), (0, 2, 10), (1, 1, 7))
    assert position.of(1, 1, 8) == 118
    assert position.of(1, 2, 3) == 120


def test_epochs_need_not_be_of_one_length():
    assert after((0, 1, 100)).of(0, 2, 1) == 101
    assert after((0, 1, 100), (0, 2, 10)).of(0, 3, 1) == 111


def test_a_run_that_was_resumed_counts_from_where_it_began():
    assert Position().of(0, 6, 3) == 3
    assert after((0, 6, 20)).of(0, 7, 1) == 21


@pytest.mark.parametrize("place", [(0, 3, 1), (2, 1, 1), (0, 0, 1)])
def test_behind_a_gap_nothing_is_known(place):
    assert after((0, 1, 100)).of(*place) is None
    assert after((0, 1, 100), place).of(*place) is None


def test_what_was_lost_stays_lost():
    position = after((0, 1, 100))
    position.lose()
    assert position.of(0, 1, 100) is None
    position.pass_to(0, 2, 1)
    assert position.of(0, 2, 1) is None
