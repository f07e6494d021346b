"""What a page says of how two runs part."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from pages import divergent

from repro_audit.report.charts import Span, span_chart
from repro_audit.report.divergence import distances, tensor_map
from repro_audit.report.html import render_html

RESULT, MANIFESTS = divergent()
NAMES = ["a", "b"]


def changed(**changes):
    """Return the comparison of the examples with another trace."""
    comparison = RESULT.comparisons[0]
    return comparison._replace(trace=comparison.trace._replace(**changes))


def stepped(stride):
    return changed(step=RESULT.comparisons[0].trace.step._replace(stride=stride))


@pytest.mark.parametrize(
    ("stride", "said"),
    [(1, None), (16, "Every 16th step was traced"), (0, "Only the ends of epochs were traced")],
)
def test_a_step_that_may_not_be_the_first_is_said_to_be_so(stride, said):
    caption = tensor_map(stepped(stride), MANIFESTS, NAMES).caption
    assert ("may differ earlier" in caption) == (said is not None)
    assert said is None or said in caption


def test_a_step_whose_place_is_not_known_is_listed_and_not_drawn():
    lost = tuple(item._replace(position=None) for item in RESULT.comparisons[0].trace.partings)
    figure = tensor_map(changed(partings=lost), MANIFESTS, NAMES)
    assert (figure.svg, len(figure.rows)) == ("", len(lost))
    assert "bar" not in figure.caption


def test_the_map_is_there_where_no_distance_is():
    result = RESULT._replace(comparisons=(changed(distances=()),))
    assert distances(result, MANIFESTS) is None
    page = render_html(result, MANIFESTS)
    assert "What differs in run-2, and since which step" in page
    assert "How far apart the weights are" not in page


def test_a_distance_that_is_not_known_is_not_called_nothing():
    first, *rest = RESULT.comparisons[0].trace.distances
    result = RESULT._replace(
        comparisons=(changed(distances=(first._replace(relative=None), *rest)),)
    )
    assert distances(result, MANIFESTS).rows[0][3] == "not known"


@pytest.mark.parametrize(
    "name", ["font-family: Arial;", "#000001", "url(#x", '"/><script>', "a_b$c$", "#map-1-x"]
)
def test_a_name_that_reads_like_a_style_stays_a_name(name):
    text = span_chart("map", name, [Span(name, 0.5, 9.5, "weight", name)], across="step")
    root = ET.fromstring(text)  # noqa: S314 - our own
    labels = [item.text for item in root.iter() if item.text and name in item.text]
    assert len(labels) == 2, "a tick and what is shown on hover"


def test_the_colours_and_the_font_are_the_pages():
    text = span_chart("map", "x", [Span("x", 0.5, 9.5, "weight", "x")], across="step")
    assert not re.search(r"#0000\w\w", text)
    assert {"var(--ink)", "var(--rule)", "var(--series-0)"} <= set(
        re.findall(r"var\([^)]*\)", text)
    )
    assert set(re.findall(r"font-family: ([^;\"]*)", text)) == {"inherit"}
