import json
import re

import jsonschema
import pytest
from manifests import changed, document, record

from repro_audit.report.texts import GROUPS, group_texts, render_texts_json, render_texts_text
from repro_audit_schemas import schema

MANIFEST = record(document())


def strings(value):
    """Yield every text of a JSON value but the keys that a schema names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def place(text, manifest):
    """Return in which group a text stands, and where."""
    return [
        (group, path)
        for group, places in group_texts(manifest).items()
        for item in places
        if item.text == text
        for path in item.paths
    ]


def test_every_text_of_the_file_is_shown():
    shown = {item.text for places in group_texts(MANIFEST).values() for item in places}
    in_the_file = set(strings(document("threads-2")))
    assert in_the_file - shown == set()
    assert len(in_the_file) > 300


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("conditions/environment/cpu/model", "people and machines"),
        ("conditions/environment/timezone", "place and time"),
        ("conditions/environment/variables/LANG", "place and time"),
        ("conditions/environment/variables/OMP_NUM_THREADS", "settings of the environment"),
        ("information/started", "place and time"),
        ("conditions/code/argv/1", "project and code"),
        ("conditions/code/git/commit", "project and code"),
        ("missing/0/reason", "failures and what is missing"),
        ("conditions/data/train/digest", "data"),
        ("conditions/training/models/0/class_name", "models and layers"),
        ("information/labels/0/0", "models and layers"),
        ("conditions/packages/distributions/keras/version", "packages"),
        ("outcomes/digests/final_state", "results"),
        ("recorder", "the file itself"),
    ],
)
def test_a_text_stands_in_the_group_that_its_field_belongs_to(path, group):
    manifest = record(changed(document(), {path: "tell-tale"}))
    assert [found for found, _ in place("tell-tale", manifest)] == [group]
    assert place("tell-tale", MANIFEST) == []


def test_names_that_no_schema_knows_are_texts_too():
    value = document()
    value["conditions"]["data"]["our secret corpus"] = value["conditions"]["data"]["train"]
    assert place("our secret corpus", record(value)) == [
        ("data", "$.conditions.data['our secret corpus']~")
    ]


def test_a_text_is_shown_once_with_all_its_places():
    found = place("float32", MANIFEST)
    assert len(found) > 3
    assert (
        render_texts_text([("m", MANIFEST)], width=100).count(" other places\n        float32") <= 4
    )


def test_a_field_of_which_no_group_knows_is_shown_all_the_same():
    assert re.match(GROUPS[-1].paths, "$.something_new")


def test_the_page_says_how_many_texts_are_masked():
    page = render_texts_text([("m", MANIFEST)], width=100)
    assert re.match(r"m: \d+ texts, 0 with something masked\n", page)
    masked = record(changed(document(), {"conditions/code/argv/1": "--token=<secret:3f9a>"}))
    assert ", 1 with something masked" in render_texts_text([("m", masked)], width=100)


def test_the_json_is_what_its_schema_says():
    document = json.loads(render_texts_json([("m", MANIFEST)]))
    jsonschema.validate(document, schema("texts-1"))
    groups = document["manifests"][0]["groups"]
    assert [group["name"] for group in groups] == [group.name for group in GROUPS]
    assert sum(len(group["texts"]) for group in groups) == sum(
        map(len, group_texts(MANIFEST).values())
    )


@pytest.mark.parametrize("width", [20, 40, 100])
def test_a_hostile_text_is_printed_whole_and_steers_no_terminal(width):
    hostile = record(changed(document(), {"recorder": "\x1b[31m\u202e" + "x" * 300}))
    page = render_texts_text([("\x1b[0m", hostile)], width=width)
    assert page.replace("\n", "").isprintable()
    assert page.replace("\n", "").replace(" ", "").count("x" * 300) == 1
