"""What a report shows is decided once, and every renderer shows it."""

from __future__ import annotations

import html
import re

import pytest
from manifests import changed, consistent, document, parted, record, rerun
from pages import PAGES, divergent, everything

from repro_audit.audit import audit
from repro_audit.report import html as html_
from repro_audit.report import markdown, text
from repro_audit.report.figure import Figure
from repro_audit.report.formats import RENDERERS, Style
from repro_audit.report.outline import (
    Code,
    Curve,
    Fact,
    Facts,
    Listing,
    Outline,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    flat,
    line,
    outline,
    sections,
)
from repro_audit.report.summary import Headline

EXTENTS = "short", "full", "page"
RENDER = {
    "text": text.render_outline,
    "markdown": markdown.render_outline,
    "html": html_.render_outline,
}
EVERY_NODE = (
    Paragraph(line("alpha ", Span("bravo", "strong"))),
    Listing((line("charlie"), line(Span("delta", "name")))),
    Facts((Fact(Span("echo"), line("foxtrot")), Fact(Span("golf", "name"), line()))),
    Table("a table", ("h", "i", "notes"), (Row((line("hotel"), line("india")), ("juliett",)),)),
    Code("kilo\nlima"),
    Curve("mike", (("november", "1.0", "oscar"),)),
    Figure("papa", "", "", ("quebec",), (("romeo",),)),
    Section(line(Span("sierra", "strong")), line("tango"), (Paragraph(line("uniform")),)),
    Section(line("victor"), (), (Paragraph(line("whiskey")),), folded=True),
    Section((), (), (Paragraph(line("xray")),)),
)
WORDS = (
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india",
    "juliett", "kilo", "lima", "mike", "november", "oscar", "papa", "romeo", "sierra",
    "tango", "uniform", "victor", "whiskey", "xray",
)  # fmt: skip


def tree(*children):
    """Return an outline of one section."""
    headline = Headline("identical", "identical", "nothing differs")
    parts = (Section(line("Yankee"), line(Span("zulu", "name")), children),)
    return Outline(headline, "trace", "Compared: all", (("set by repeat", "X=1"),), parts)


def titles(nodes):
    """Return the titles of sections, and of those within them."""
    for node in nodes:
        if isinstance(node, Section):
            if node.title:
                yield flat(node.title)
            yield from titles(node.children)


def texts(value):
    """Return every text in an outline."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts(item)


@pytest.mark.parametrize("form", RENDER)
def test_every_kind_of_node_is_shown_in_order(form):
    out = RENDER[form](tree(*EVERY_NODE))
    out = html.unescape(re.sub(r"<style>.*</style>", "", out, flags=re.DOTALL)).lower()
    places = [out.find(f"{word}") for word in ("yankee", "zulu", *WORDS)]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("form", RENDER)
def test_an_empty_table_and_an_empty_line_are_no_error(form):
    empty = Table("none", ("a",), ()), Facts(()), Paragraph(()), Listing(())
    assert "zulu" in RENDER[form](tree(*empty))


@pytest.mark.parametrize("form", RENDER)
def test_what_a_section_says_that_is_added_once_is_in_every_report(form, monkeypatch):
    added = Section(line("Aftermath"), line("nothing"), (Paragraph(line("All is well.")),))
    page = {
        "text": text.render_text,
        "markdown": markdown.render_markdown,
        "html": html_.render_html,
    }[form]
    assert "Aftermath" not in page(*PAGES["identical"]())
    monkeypatch.setattr(sections, "claims", lambda _: iter([added]))
    out = page(*PAGES["identical"]())
    assert "Aftermath: nothing" in out
    assert "All is well." in out


def test_sections_come_in_one_order():
    short = list(titles(outline(*everything("x"), "short").sections))
    assert short == [
        "Ladder",
        "Findings in single manifests (repro-audit FILE shows them):",
        "positive control",
        "recording changes the run",
        "not decided",
        "Resume",
        "Sensitivity",
        "Rounding",
        "Spread",
        "warning",
    ]
    page = list(titles(outline(*everything("x"), "page").sections))
    order = [
        page.index(title) for title in ("Ladder", "Findings", *short[2:], "Metrics", "Conditions")
    ]
    assert order == sorted(order)


def test_a_page_has_what_a_full_report_leaves_out_and_that_what_a_short_one_does():
    short, full, page = (
        {*titles(outline(*PAGES["divergent"](), extent).sections)} for extent in EXTENTS
    )
    assert {"Where", "Why, likely", "To confirm the first by experiment:"} <= short & full & page
    assert "RA205 warning" in full & page
    assert "RA205 warning" not in short
    assert {"Step by step", "Conditions", "Provenance and digests"} <= page - full


@pytest.mark.parametrize("extent", EXTENTS)
def test_what_one_run_did_not_record_is_listed_as_not_known_to_differ(extent):
    lacking = changed(parted(document(), "epoch 1"), {"conditions/initializers/restored": None})
    manifests = [record(document()), record(lacking)]
    result = audit(*manifests, names=["a", "b"])
    found = list(texts(outline(result, manifests, extent)))
    assert "Not known to differ:" in found
    assert "initializers.restored: not recorded in the actual run" in found
    assert "Not known to differ:" not in texts(outline(*PAGES["divergent"](), extent))


@pytest.mark.parametrize("extent", EXTENTS)
def test_text_stands_in_an_outline_as_it_is(extent):
    hostile = "\x1b[31m <script> `x` \\input{y}"
    found = [item for item in texts(outline(*everything(hostile), extent)) if hostile in item]
    assert len(found) > 5


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("name", PAGES)
def test_the_same_audit_has_the_same_outline(name, extent):
    assert outline(*PAGES[name](), extent) == outline(*PAGES[name](), extent)


# Identical and uncontrolled


ALTHOUGH = "although nothing forces it"
OFF = {"conditions/determinism/backend/op_determinism": "off"}


def alike(changes, **options):
    """Return a report's words on two equal runs, in every format for readers."""
    runs = [record(changed(value, changes)) for value in (document(), rerun())]
    result = audit(*runs, names=["a.json", "b.json"], **options)
    for form in ("text", "markdown", "html", "latex"):
        yield " ".join(RENDERERS[form](result, runs, Style(100, color=False)).split())


def test_identical_beside_uncontrolled_is_explained_once_in_every_format():
    for said in alike(OFF):
        assert said.count(f"These runs are identical {ALTHOUGH}") == 1


def test_what_is_no_contradiction_is_not_explained():
    """Controlled runs that are identical, uncontrolled ones that diverge, and one alone."""
    for said in alike({}):
        assert ALTHOUGH not in said
    runs = [record(changed(value, OFF)) for value in (document(), parted(document(), "epoch 1"))]
    for result, shown in ((audit(*runs), runs), (audit(runs[0]), runs[:1])):
        assert ALTHOUGH not in RENDERERS["text"](result, shown, Style(100, color=False))


# Distances


def test_a_large_distance_is_a_share_and_not_a_number_of_ulps():
    for change, said in (
        (2.5, "2.276"),
        (2.2764894962310791, "1 ULP of float32, 1e-07 relative"),
    ):
        runs = [
            record(document()),
            record(consistent(changed(rerun(), {"outcomes/fits/0/history/loss/0": change}))),
        ]
        text_ = " ".join(RENDERERS["text"](audit(*runs), runs, Style(100, color=False)).split())
        assert said in text_
        assert ("9.8 % apart" in text_) == (change == 2.5)
        assert ("ULP" in text_) == (change != 2.5)


def test_weights_that_are_far_apart_are_so_by_a_share_of_their_norm():
    result, runs = divergent()
    comparison = result.comparisons[0]
    trace = comparison.trace
    for changes, said in (
        ({}, "by 1 ULP in the median and 56 at most; 3.6e-09 of the weights' norm"),
        ({"largest_ulps": 9**9}, "by 1 ULP in the median and over 1,000 at most; 3.6e-09"),
        ({"median_ulps": 9**8, "largest_ulps": 9**9, "relative": 1.36}, "1; 136 % of the weights'"),
    ):
        distances = (trace.distances[0]._replace(**changes), *trace.distances[1:])
        other = comparison._replace(trace=trace._replace(distances=distances))
        shown = result._replace(comparisons=(other,))
        for form in ("text", "markdown", "html"):
            text_ = RENDERERS[form](shown, runs, Style(100, color=False))
            assert said in " ".join(html.unescape(text_).split())
            assert "387,420,489" not in text_
