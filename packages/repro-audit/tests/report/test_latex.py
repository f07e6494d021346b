"""The statement in LaTeX, as text; `tests/report` compiles it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifests import changed, document, record
from pages import PAGES, everything

from repro_audit.audit import audit
from repro_audit.manifest import parse
from repro_audit.report.latex import escape, render_latex

COMMANDS = {
    "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar",
    "char34", "char96", "rightarrow", "pm", "times", "mu", "textendash", "dots",
    "ss", "o", "O", "ae", "AE", "l", "L", *"{}$&#%_", *"`'^~=u.\"rHvc",
}  # fmt: skip


def commands(text):
    """Return every command in a LaTeX text."""
    return set(re.findall(r"\\([a-zA-Z]+(?:34|96)?|.)", text))


@given(st.text())
def test_of_any_text_no_character_is_a_command(text):
    escaped = escape(text)
    assert escaped.isascii()
    assert commands(escaped) <= COMMANDS
    plain = re.sub(r"\\([a-zA-Z]+(34|96)?|.)", "", escaped)
    assert not set("#%&_^~\\") & set(plain)
    assert plain.count("{") == plain.count("}")
    assert not re.search("--|``|''|,,|[?!]`", plain)


def test_a_command_that_is_not_ours_is_seen():
    assert not commands(r"\input{x}") <= COMMANDS


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("--epochs 2", "-{}-epochs 2"),
        ("''x'' ,, ?` !`", "'{}'x'{}' ,{}, ?{\\char96} !{\\char96}"),
        ("a_b^c~d", r"a\_b\textasciicircum{}c\textasciitilde{}d"),
        ("1 → 2 ± 3", r"1 $\rightarrow$ 2 $\pm$ 3"),
        ("Zoë Łuczak", r"Zo\"{e} \L{}uczak"),
        ("漢\u202e\x1b", r"\textbackslash{}u6f22\textbackslash{}u202e\textbackslash{}x1b"),
    ],
)
def test_text_is_escaped_as_a_typesetter_would(text, escaped):
    assert escape(text) == escaped


@pytest.mark.parametrize("name", PAGES)
def test_the_same_audit_gives_the_same_statement(name):
    assert render_latex(*PAGES[name]()) == render_latex(*PAGES[name]())


def test_foreign_text_cannot_end_the_list_or_read_a_file():
    hostile = r"\end{description}\input{/etc/passwd} \write18{ls} % $ # &"
    lines = render_latex(*everything(hostile)).splitlines()
    assert sum(line.startswith(r"\end{description}") for line in lines) == 1
    assert all(r"\input{" not in line and r"\write" not in line for line in lines[1:])
    assert sum(r"\textbackslash{}input\{/etc/passwd\}" in line for line in lines) > 2


@pytest.mark.parametrize(
    ("part", "label"),
    [("data", "Data"), ("seeds", "Seeds"), ("environment", "Compute"), ("code", "Code")],
)
def test_what_was_not_recorded_is_not_stated(part, label):
    whole = render_latex(audit(record(document())), [record(document())])
    value = record(changed(document(), {f"conditions/{part}": None}))
    without = render_latex(audit(value), [value])
    assert rf"\item[{label}]" in whole
    assert rf"\item[{label}]" not in without
    begin = r"\item[Not recorded] "
    (lacking,) = (line for line in without.splitlines() if line.startswith(begin))
    known = next((line for line in whole.splitlines() if line.startswith(begin)), begin)
    parts = lacking.removeprefix(begin).removesuffix(".").split(", ")
    assert set(parts) - set(known.removeprefix(begin).removesuffix(".").split(", ")) == {part}


def test_a_verdict_is_stated_with_its_evidence_and_digests():
    result, manifests = PAGES["identical"]()
    text = render_latex(result, manifests)
    assert r"\textbf{identical}: every compared outcome has the same bits" in text
    assert "evidence: trace" in text
    digits = text.replace(r"\allowbreak{}", "")
    assert manifests[0].digest in digits
    assert "sha256:" + "0" * 64 not in digits


def test_the_rungs_are_stated_with_their_runs_intervals_and_power():
    text = render_latex(*PAGES["noise"]())
    (ladder,) = re.findall(r"\\item\[Ladder\] (.*)", text)
    assert re.search(r"bits broken .*rounding broken by 10 runs .*seeds holds by 10 runs", ladder)
    assert "one more run 0.105737 to 0.418661; rank 10 of 11" in ladder
    assert "0.2 would be seen" in ladder
    assert r"\item[Power] Each rung calls 5\% of honest runs others" in text
    assert r"\item[Ladder]" not in render_latex(*PAGES["divergent"]())


def test_steps_that_are_not_known_are_not_stated_as_none():
    history = parse(b'{"loss": [2.0, 1.0]}', "history.json")
    text = render_latex(audit(history), [history])
    assert "1 fit, 2 epochs." in text
    assert "step" not in text
    assert "63 steps" in render_latex(audit(record(document())), [record(document())])


def test_very_many_things_are_listed_as_far_as_a_reader_goes():
    data = document()["conditions"]["data"]["train"]
    value = record(
        changed(document(), {"conditions/data": {f"role {n}": data for n in range(900)}})
    )
    text = render_latex(audit(value), [value])
    assert "and 876 more" in text
    assert len(text) < 20_000
