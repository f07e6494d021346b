"""Metrics by epoch: each value at its epoch, and nothing said that is not so."""

from __future__ import annotations

import math
import re

import pytest
from manifests import changed, document, record, rerun, run_id

from repro_audit.audit import audit
from repro_audit.report.curves import curves

FIT = ("outcomes", "fits", 0)


def figures(*values):
    """Return the figures of some runs by their titles."""
    runs = [record({**value, "run_id": run_id(at)}) for at, value in enumerate(values)]
    names = [f"run-{number}" for number, _ in enumerate(runs, start=1)]
    return {figure.title: figure for figure in curves(audit(*runs, names=names), runs)}


def run(loss, **changes):
    """Return a run with a loss, and other fields of its only fit."""
    fields = {(*FIT, "history"): {"loss": loss}, (*FIT, "dtypes"): {"loss": None}}
    fields |= {(*FIT, name): value for name, value in changes.items()}
    return changed(document(), fields)


def test_a_resumed_run_stands_at_its_own_epochs():
    whole, resumed = run([5.0, 4.0, 3.0, 2.0]), run([3.0, 2.0], first_epoch=3)
    figure = figures(whole, resumed)["loss"]
    assert figure.rows[0] == ("1", "5.0", "nothing")
    assert figure.rows[2] == ("3", "3.0", "3.0")
    assert (
        figure.caption == "The runs have other epochs; what both have is the same to the last bit."
    )
    assert "run-2, epoch 3: 3.0" in figure.svg


def test_a_metric_of_every_second_epoch_stands_at_those():
    value = changed(
        document(),
        {
            (*FIT, "history"): {"loss": [5.0, 4.0, 3.0, 2.0], "val_loss": [9.0, 8.0]},
            ("conditions", "training", "fits", 0, "arguments", "validation_freq"): 2,
        },
    )
    assert [row[0] for row in figures(value)["val_loss"].rows] == ["2", "4"]
    value["conditions"]["training"]["fits"][0]["arguments"]["validation_freq"] = 1
    assert "val_loss" not in figures(value), "its epochs are not known"
    assert ("val_loss", "8.0") in figures(value)["Last values of other metrics"].rows


def test_the_epoch_that_differs_is_listed_and_named():
    loss = [1.0 / epoch for epoch in range(1, 1001)]
    other = [*loss[:500], 7.0, *loss[501:]]
    figure = figures(run(loss), run(other))["loss"]
    assert ("501", repr(loss[500]), "7.0") in figure.rows
    assert figure.caption.startswith("The runs differ in 1 epoch, first in epoch 501;")
    assert f"{len(figure.rows)} of 1,000 epochs are listed." == figure.left
    assert re.search(r"\d+ of 1,000 epochs are drawn", figure.caption)


def test_runs_that_agree_are_said_to_only_where_they_do():
    same = "Every value is the same in all runs that have it"
    assert same in figures(run([2.0, 1.0]), run([2.0, 1.0]))["loss"].caption
    assert same not in figures(run([2.0, 1.0]), run([2.0, 1.5]))["loss"].caption
    assert figures(run([2.0, 1.0]))["loss"].caption == ""


def test_a_run_without_the_metric_is_named():
    other = changed(document(), {(*FIT, "history"): {"accuracy": [1.0, 1.0]}})
    assert figures(run([2.0, 1.0]), other)["loss"].caption == "run-2 has none."


@pytest.mark.parametrize("value", ["NaN", "Infinity", 1e308])
def test_what_cannot_be_drawn_is_a_gap_and_in_the_table(value):
    figure = figures(run([5.0, 4.0, value, 3.0, 2.0]))["loss"]
    assert "A gap is a value that is not finite" in figure.caption
    assert figure.rows[2][1] == repr(float(str(value)))
    assert "epoch 3" not in figure.svg
    assert "epoch 4" in figure.svg
    lines = re.findall(r'<path d="(M [^"]*)" clip-path', figure.svg)
    assert any(line.count("M ") == 2 for line in lines), "the line is broken"


@pytest.mark.parametrize("loss", [[1e308, 1e308], [1.7e308, 0.0], [math.inf, -math.inf]])
def test_values_at_the_edge_of_float64_draw_nothing(loss):
    encoded = ["Infinity" if item > 1e308 * 1.79 else item for item in loss]
    encoded = ["-Infinity" if item == -math.inf else item for item in encoded]
    assert figures(run(encoded))["loss"].svg == ""


def test_folds_of_one_metric_share_a_chart():
    value = run([2.0, 1.0])
    outcomes = value["outcomes"]
    outcomes["fits"] = [outcomes["fits"][0]] * 10
    figure = figures(value, rerun(value))["loss"]
    assert len(figure.head) == 21
    assert "run-2 fit 10, epoch 2: 1.0" in figure.svg
    assert "fit 10 loss" not in str(figures(value).get("Last values of other metrics"))


def test_what_is_not_drawn_stands_in_a_table():
    rows = dict(figures(document())["Last values"].rows)
    assert rows["evaluation loss"] == "2.1510379314422607"
    assert rows["loss"] == "2.2764892578125"
