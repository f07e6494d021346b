"""An answered checklist as text, Markdown and JSON."""

from __future__ import annotations

import json

import jsonschema
import pytest
from manifests import changed, document, record

from repro_audit.audit.checklist import FORMS, STATUSES, answer, tally
from repro_audit.manifest import parse, unstructure
from repro_audit.report.checklist import render_json, render_markdown, render_text
from repro_audit_schemas import REGISTRY, schema

CHECKLISTS = tuple(FORMS)
FAILED = changed(document(), {"status": "failed", "conditions/seeds": None})


@pytest.mark.parametrize("name", CHECKLISTS)
def test_json_is_valid_by_its_schema_and_holds_what_was_answered(name):
    validator = jsonschema.Draft202012Validator(schema("checklist-1"), registry=REGISTRY)
    for manifest in (record(document()), parse(b'{"loss": [1.5]}', "h.json"), record(FAILED)):
        checklist = answer(manifest, name)
        text = render_json(checklist)
        result = json.loads(text)
        validator.validate(result)
        assert result == unstructure(checklist)
        assert next(iter(result)) == "schema"
        assert text.isascii()
        for key in result:
            assert not validator.is_valid({**result, key: {"x": 1}})
            assert not validator.is_valid(
                {other: result[other] for other in result if other != key}
            )


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("name", CHECKLISTS)
def test_text_fits_the_width_and_loses_no_word(name, width):
    checklist = answer(record(document()), name)
    text = render_text(checklist, width=width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for item in checklist.items:
        for part in (item.number, item.title, item.status, item.text, item.left):
            assert not [word for word in part.split() if word not in words]
        assert all(path in text for path in item.paths)


def test_a_path_is_never_broken_however_narrow_the_window():
    checklist = answer(record(document()), "icml")
    words = {word.rstrip(",") for word in render_text(checklist, width=20).split()}
    assert {path for item in checklist.items for path in item.paths} <= words


@pytest.mark.parametrize("name", CHECKLISTS)
def test_the_last_line_counts_the_items_by_status(name):
    checklist = answer(record(document()), name)
    counts = [sum(item.status == status for item in checklist.items) for status in STATUSES]
    line = "{} items: {} answered, {} in part, {} not recorded.".format(sum(counts), *counts)
    assert tally(checklist) == line
    for render in (render_text, render_markdown):
        assert render(checklist).splitlines()[-1] == line


def test_equal_manifests_give_equal_bytes():
    for name in CHECKLISTS:
        for render in (render_text, render_markdown, render_json):
            one, two = (render(answer(record(document()), name)) for _ in range(2))
            assert one == two
            other = answer(record(document("threads-1")), name)
            assert render(other) != one
