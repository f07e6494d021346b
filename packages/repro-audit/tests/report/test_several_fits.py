"""Where a run has several fits, whatever is said of an epoch or a step says of which."""

from __future__ import annotations

import re

import pytest
from manifests import changed, consistent, record, rerun, two_models
from pages import divergent

from repro_audit.audit import audit
from repro_audit.report.formats import RENDERERS, Style
from repro_audit.report.text import render_text

FORMATS = ("text", "markdown", "html")


def shown(form):
    """Return a report on two runs whose metrics and traces part in the second of two fits."""
    result, _ = divergent()
    trace = result.comparisons[0].trace
    assert trace is not None
    assert trace.step is not None
    second = trace._replace(
        step=trace.step._replace(fit=1),
        partings=tuple(item._replace(fit=1) for item in trace.partings),
        distances=tuple(item._replace(fit=1) for item in trace.distances),
    )
    values = two_models(seeded_again=True), rerun(two_models(seeded_again=True))
    runs = [
        record(values[0]),
        record(consistent(changed(values[1], {"outcomes/fits/1/history/loss/0": 2.5}))),
    ]
    audited = audit(*runs, names=["a.json", "b.json"])
    (comparison,) = audited.comparisons
    audited = audited._replace(comparisons=(comparison._replace(trace=second),))
    return RENDERERS[form](audited, runs, Style(100, color=False))


@pytest.mark.parametrize("form", FORMATS)
def test_the_line_of_a_metric_names_its_fit(form):
    """By the number that its curve has, too."""
    said = re.sub(r"</?\w+>|[`|]", " ", shown(form))
    assert re.search(r"fit 2 loss\s+0 of 1 epochs equal", said)
    assert "history: loss in epoch 1 of fit 2" in said


@pytest.mark.parametrize("form", FORMATS)
def test_steps_bars_and_distances_name_their_fit(form):
    said = " ".join(shown(form).split())
    assert "differ after step 1 of epoch 1 of fit 2" in said
    if form == "html":
        assert "step 1 of epoch 1 of fit 2" in said.partition("Step by step")[2]
    else:
        assert "fit 2 epoch 1 step 63 6.5e-08" in said


def test_of_a_run_of_one_fit_no_fit_is_named():
    result, manifests = divergent()
    assert " of fit" not in render_text(result, manifests)
    assert "fit 1 epoch" not in render_text(result, manifests)
