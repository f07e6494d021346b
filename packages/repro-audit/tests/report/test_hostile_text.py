"""A stranger's text is itself in an audit and its JSON, and harmless in every other format."""

from __future__ import annotations

import json

import pytest
from manifests import changed, document, record, rerun
from pages import everything

from repro_audit.audit import audit
from repro_audit.report.formats import RENDERERS, Style

HOSTILE = "\x1b[31m\u202eend\nnext <script>x</script> ``` `a` | \\input{/etc/passwd} \\x1b"
RAW = {
    "text": ("\x1b", "\u202e", "\nnext"),
    "markdown": ("\x1b", "\u202e", "\nnext", " <script>x</script> \\`\\`\\`"),
    "html": ("\x1b", "\u202e", "\nnext", "<script>"),
    "latex": ("\x1b", "\u202e", "\nnext", "\\input{/etc"),
}
DATA = ("sarif", "plan")
"""Formats that are JSON, and that their readers print."""


def compared():
    """Return the audit of two runs whose names, metric, processor and variable are hostile."""
    ours = {
        ("conditions", "seeds", "hash_seed"): {
            "requested": HOSTILE,
            "randomized": True,
            "probe": None,
        },
        "conditions/environment/cpu/model": HOSTILE,
        ("outcomes", "evaluations", 0, "results", HOSTILE): 6.0,
    }
    theirs = {
        "conditions/environment/cpu/model": f"{HOSTILE}!",
        ("outcomes", "evaluations", 0, "results", HOSTILE): 7.0,
    }
    runs = [record(changed(document(), ours)), record(changed(rerun(), ours | theirs))]
    return audit(*runs, names=[HOSTILE, f"{HOSTILE}!"]), runs


def test_text_of_a_manifest_is_itself_in_the_json():
    result, runs = compared()
    told = json.loads(RENDERERS["json"](result, runs, Style()))
    assert [item["name"] for item in told["manifests"]] == [HOSTILE, f"{HOSTILE}!"]
    (comparison,) = told["comparisons"]
    assert [item["metric"] for item in comparison["metrics"]] == [HOSTILE]
    assert {item["path"]: item["expected"] for item in comparison["differences"]} == {
        "$.conditions.environment.cpu.model": HOSTILE
    }
    assert comparison["first_difference"]["text"] == f"evaluation: {HOSTILE}"
    titles = [cause["title"] for cause in comparison["causes"]]
    assert any(title.endswith(f"{HOSTILE} → {HOSTILE}!") for title in titles)
    (seen,) = (item["seen"] for item in told["manifests"][0]["findings"] if item["code"] == "RA105")
    assert seen == f"PYTHONHASHSEED is '{HOSTILE[:60]}…' ({len(HOSTILE)} characters)."


def test_the_json_of_a_repeat_has_its_text_as_it_is():
    result, runs = everything(HOSTILE)
    told = json.loads(RENDERERS["json"](result, runs, Style()))
    assert told["spread"]["metrics"][0]["name"] == HOSTILE
    assert told["shared_files"][0]["path"] == HOSTILE
    assert told["control"]["text"] == HOSTILE


@pytest.mark.parametrize("form", RAW)
@pytest.mark.parametrize("page", [compared, lambda: everything(HOSTILE)])
def test_no_other_format_has_it_raw(page, form):
    out = RENDERERS[form](*page(), Style(color=False))
    assert "etc/passwd" in out, "it was there"
    assert [part for part in RAW[form] if part in out] == []


def texts(value):
    """Yield every text in a JSON value, keys as well."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("form", DATA)
def test_text_that_a_reader_of_data_prints_is_printable(form):
    told = list(texts(json.loads(RENDERERS[form](*compared(), Style()))))
    assert any("etc/passwd" in text for text in told), "it was there"
    assert [text for text in told if not text.replace("\n", "").isprintable()] == []
    assert not any("\nnext" in text for text in told)


def test_a_text_that_is_not_printable_would_be_seen_in_data():
    result, runs = compared()
    told = list(texts(json.loads(RENDERERS["json"](result, runs, Style()))))
    assert any("\nnext" in text for text in told)
    assert any("\x1b" in text for text in told)


def test_a_badge_holds_words_of_ours_alone():
    assert RENDERERS["badge"](*everything(HOSTILE), Style()) == RENDERERS["badge"](
        *everything("other"), Style()
    )


def test_every_format_but_json_is_looked_at():
    assert set(RENDERERS) == {*RAW, *DATA, "json", "badge"}
    assert all(part in HOSTILE for part in RAW["html"])
