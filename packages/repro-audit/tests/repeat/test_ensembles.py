"""Final metrics over several seeds."""

from __future__ import annotations

import math

import pytest
from manifests import changed, document, record

from repro_audit.manifest import final_metrics
from repro_audit.repeat.ensembles import _metric


def test_mean_deviation_and_range_are_those_of_a_sample():
    metric = _metric("loss", (1.0, 2.0, 6.0))
    assert (metric.mean, metric.least, metric.most) == (3.0, 1.0, 6.0)
    assert metric.deviation == pytest.approx(math.sqrt(7))


def test_one_seed_has_no_deviation():
    assert _metric("loss", (1.0,)).deviation is None


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_of_what_is_not_finite_there_is_no_mean(wrong):
    metric = _metric("loss", (1.0, wrong, 2.0))
    assert math.isnan(metric.mean)
    assert metric.deviation is None
    assert metric.values[0] == 1.0


def test_the_last_value_of_every_metric_counts():
    manifest = record(changed(document(), {"outcomes/fits/0/history/loss": [3.0, 1.5]}))
    found = final_metrics(manifest)
    assert found["loss"] == 1.5
    assert found["evaluation loss"] == manifest.outcomes.evaluations[0].results["loss"]


def test_fits_are_told_apart_where_there_are_several():
    fit = document()["outcomes"]["fits"][0]
    manifest = record(changed(document(), {"outcomes/fits": [fit, fit]}))
    assert {"fit 1 loss", "fit 2 loss"} <= final_metrics(manifest).keys()
    assert "loss" not in final_metrics(manifest)
