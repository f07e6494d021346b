"""The page of an audit, as text; `tests/report` looks at it in a browser."""

from __future__ import annotations

import functools
import html.parser
import re

import pytest
from manifests import changed, document, record, run_id
from pages import PAGES, everything

from repro_audit.audit import audit
from repro_audit.report.html import render_html

HOSTILE = (
    "<script>alert(1)</script> \" onload=x ' {{ 7*7 }} {% raw %} &amp; \x1b[31m\u202e javascript:x"
)
LIMIT_BYTES = 1_000_000


class Reader(html.parser.HTMLParser):
    """Notes what could act or load, and what is open."""

    def __init__(self):
        super().__init__()
        self.tags, self.links, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href", "action", "srcset", "data"}:
                self.links.append(value)

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


@functools.cache
def rendered(name):
    return render_html(*PAGES[name]())


@pytest.fixture(params=PAGES)
def page(request):
    return rendered(request.param)


def test_a_page_is_small_and_loads_nothing_but_itself(page):
    assert len(page.encode()) < LIMIT_BYTES
    reader = read(page)
    assert not {"script", "iframe", "object", "embed", "img", "form", "base"} & set(reader.tags)
    assert all(link == "data:," or link.startswith("#") for link in reader.links)
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\((?!#)", page)


def test_a_reader_of_links_sees_one():
    assert read('<a href="http://x">y</a>').links == ["http://x"]
    with pytest.raises(AssertionError):
        read("<p onclick=x>")


@pytest.mark.parametrize("name", PAGES)
def test_the_same_audit_gives_the_same_bytes(name):
    assert render_html(*PAGES[name]()) == rendered(name)


def test_every_identifier_is_there_once_and_every_reference_has_one(page):
    names = re.findall(r'\sid="([^"]+)"', page)
    assert len(names) == len(set(names))
    wanted = set(re.findall(r'(?:url\(#|href="#)([\w.-]+)', page))
    assert wanted <= set(names)
    assert wanted or "<svg" not in page


def test_foreign_text_is_shown_and_is_no_markup():
    result, manifests = everything(HOSTILE)
    reader = read(render_html(result, manifests))
    assert "script" not in reader.tags
    text = "".join(reader.text)
    assert text.count("<script>alert(1)</script>") > 10, "it was there"
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_foreign_text_in_a_chart_is_no_markup():
    loss = [2.0, 1.0]
    value = changed(document(), {("outcomes", "fits", 0, "history", HOSTILE + "loss"): loss})
    page = render_html(audit(record(value), names=[HOSTILE]), [record(value)])
    (label,) = re.findall(r'<svg [^>]*aria-label="([^"]*)"', page)
    assert label.startswith("&lt;script&gt;alert(1)")
    assert "script" not in read(page).tags


def test_what_is_very_long_is_cut_and_said_to_be():
    value = changed(document(), {"conditions/environment/cpu/model": "x" * 100_000})
    page = render_html(audit(record(value)), [record(value)])
    assert "x" * 100 in page
    assert "x" * 2000 not in page
    assert "…" in page


def test_a_thousand_epochs_and_ten_runs_stay_small():
    loss = [1.0 / epoch for epoch in range(1, 1001)]
    values = [
        changed(document(), {"outcomes/fits/0/history": {f"{n}loss": loss for n in range(9)}})
        for _ in range(10)
    ]
    runs = [record({**value, "run_id": run_id(at)}) for at, value in enumerate(values)]
    page = render_html(audit(*runs), runs)
    assert len(page.encode()) < LIMIT_BYTES
    assert "60 of 1,000 epochs are listed" in page


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("single", ["controlled", "no finding of severity error", "Findings", "Provenance"]),
        ("divergent", ["thread count: 2 → 1", "repro_audit.control(seed=812, threads=2)"]),
        (
            "divergent",
            ["How far apart the weights are", "What differs in run-2, and since which step"],
        ),
        (
            "divergent",
            ["determinism.backend.threads.intra_op.in_force", "13 tensors"],
        ),
        ("identical", ["every compared outcome", "No recorded condition differs"]),
        ("inconclusive", ["inconclusive", "failed"]),
        ("ten", ["3 groups of identical outcomes", "Each run against"]),
        (
            "everything",
            ["Sensitivity", "Spread", "files shared between runs", "caught", "not decided"],
        ),
    ],
)
def test_a_page_says_what_its_audit_says(name, said):
    text = "".join(read(rendered(name)).text)
    assert [word for word in said if word not in text] == []


def test_every_point_of_a_chart_says_its_value_on_hover():
    page = rendered("ten")
    titles = re.findall(r"<title>([^<]+)</title></use>", page)
    assert len(titles) == 39 * 10
    assert "run-1, epoch 39: 0.05128205128205128" in titles


def test_every_colour_that_the_page_uses_is_one_that_it_has():
    """Else a word has the colour of all others, and nobody sees why."""
    page = render_html(*PAGES["noise"]())
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", page))
    assert used
    assert used <= set(re.findall(r"(--[a-z0-9-]+):", page))
