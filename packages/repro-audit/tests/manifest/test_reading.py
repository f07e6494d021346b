import contextlib
import copy
import json
import re
import stat

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from manifests import (
    NAMES,
    OTHER_DIGEST,
    changed,
    clean,
    document,
    leaves,
    sealed,
    value_at,
)

import repro_audit
from repro_audit.errors import ManifestError
from repro_audit.manifest import parse, serialize, write
from repro_audit.manifest.fields import objects
from repro_audit.manifest.records import NOT_UNDERSTOOD, UNRECORDED
from repro_audit.manifest.validation import validate
from repro_audit.report.text import render_text
from repro_audit.strict_json import read_json
from repro_audit_schemas import schema


def refusal(content: bytes) -> str:
    with pytest.raises(ManifestError) as caught:
        parse(content, "m.json")
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_load_inverts_write(name, tmp_path):
    manifest = parse(sealed(document(name)), name)
    write(manifest, tmp_path / "again.json")
    assert repro_audit.load(tmp_path / "again.json") == manifest


@pytest.mark.parametrize("name", NAMES)
def test_writing_what_was_read_gives_the_same_bytes(name):
    content = serialize(parse(sealed(document(name)), name))
    assert serialize(parse(content, name)) == content


def test_the_order_of_keys_changes_nothing():
    def reversed_(value):
        if isinstance(value, dict):
            return {key: reversed_(item) for key, item in reversed(value.items())}
        return [reversed_(item) for item in value] if isinstance(value, list) else value

    value = document()
    assert parse(json.dumps(reversed_(value)).encode(), "m") == parse(sealed(value), "m")


def test_every_change_of_one_field_is_caught_by_the_digest():
    value = document()
    paths = list(leaves(value))
    assert len(paths) > 1000
    # Each path once in a while: all would take a minute.
    for path in paths[::37]:
        old = value_at(value, path)
        new = not old if isinstance(old, bool) else old + 1 if isinstance(old, int) else f"{old}x"
        assert refusal(json.dumps(changed(value, {path: new})).encode())


def test_a_digest_that_is_wrong_says_that_the_file_was_changed():
    message = refusal(json.dumps(changed(document(), {"recorder": "another"})).encode())
    assert "$.digest: expected sha256:" in message
    assert "changed or damaged" in message


def test_a_field_that_this_release_does_not_know_is_left_unread_and_named():
    value = document()
    value["conditions"]["seeds"]["quantum"] = 1
    value["outcomes"]["fits"][0]["a word"] = {"deep": [1]}
    read = parse(sealed(value), "m")
    assert read._replace(digest="", missing=()) == parse(sealed(document()), "m")._replace(
        digest="", missing=()
    )
    unknown = [item.path for item in read.missing if item.reason == NOT_UNDERSTOOD]
    assert unknown == ["$.conditions.seeds.quantum", "$.outcomes.fits[*]['a word']"]


def test_the_digest_holds_what_this_release_does_not_know_too():
    value = json.loads(sealed(document() | {"later": 1}))
    assert "$.digest: expected" in refusal(json.dumps(value | {"later": 2}).encode())


def test_the_switches_of_an_unknown_backend_are_left_unread_and_named():
    backend = {"name": "jax", "x64": False}
    value = changed(document(), {"conditions/determinism/backend": backend})
    read = parse(sealed(value), "m")
    assert read.conditions.determinism is not None
    assert read.conditions.tensorflow is None
    assert ("$.conditions.determinism.backend", NOT_UNDERSTOOD) in read.missing


def nullable(value):
    """Return the place of each field of a manifest that may be absent."""
    described, found = schema("manifest-2"), []
    for path, part, node in objects(value, described):
        found += [(path, part, name) for name in node["properties"] if name not in node["required"]]
    return found


@pytest.mark.parametrize("at", range(0, len(nullable(document())), 3))
def test_a_field_that_may_be_null_may_be_absent(at):
    value = document()
    path, part, name = nullable(value)[at]
    part[name] = None
    as_null = parse(sealed(value), "m")
    del part[name]
    absent = parse(sealed(value), "m")
    assert absent._replace(digest="", missing=()) == as_null._replace(digest="", missing=())
    assert absent.missing == (*as_null.missing, (f"{path}.{name}", UNRECORDED))


def test_a_field_that_is_never_null_may_not_be_absent():
    value = document()
    del value["outcomes"]["fits"]
    assert (
        refusal(sealed(value))
        == "m.json: $.outcomes: expected the field 'fits', which is not there."
    )


def test_what_an_earlier_release_did_not_record_lowers_the_evidence():
    value = document()
    del value["outcomes"]["digests"]["trace"]
    assert parse(sealed(document()), "m").evidence == "trace"
    assert parse(sealed(value), "m").evidence == "weights"


@pytest.mark.parametrize(
    ("version", "recorder", "advice"),
    [
        (
            "repro-audit/manifest-9",
            "repro-audit 7.0",
            "The release that wrote it, 'repro-audit 7.0', reads it.",
        ),
        ("repro-audit/manifest-9", 7, "Another release of repro-audit may read it."),
    ],
)
def test_an_unknown_version_is_refused_with_the_release_that_wrote_it(version, recorder, advice):
    message = refusal(sealed(document() | {"schema": version, "recorder": recorder}))
    assert "expected 'repro-audit/manifest-1' or 'repro-audit/manifest-2', received" in message
    assert advice in message


def test_what_is_written_holds_every_field_and_no_other():
    value = document()
    validate(value, "m", "manifest-2", strict=True)
    for path, spoil in (
        ("$.conditions.seeds", lambda it: it["conditions"]["seeds"].update(later=1)),
        ("$", lambda it: it.pop("rank")),
        (
            "$.conditions.determinism.backend",
            lambda it: it["conditions"]["determinism"]["backend"].pop("tf32"),
        ),
    ):
        other = copy.deepcopy(value)
        spoil(other)
        validate(other, "m", "manifest-2")
        with pytest.raises(ManifestError, match=re.escape(f"m: {path}: ")):
            validate(other, "m", "manifest-2", strict=True)


def test_a_field_of_the_wrong_type_is_named():
    message = refusal(sealed(changed(document(), {"conditions/seeds/declared_by": 7})))
    assert message.startswith("m.json: $.conditions.seeds.declared_by: expected")


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("run_id", "0" * 32 + "\n"),
        ("outcomes/fits/0/epochs/0", OTHER_DIGEST + "\n"),
        ("outcomes/fits/0/history/loss/0", "NaN\n"),
        ("conditions/seeds/declared", "0x1\n"),
    ],
)
def test_a_newline_behind_a_string_of_a_fixed_form_is_refused(path, new):
    # In Python, `$` of a pattern also matches before a newline at the end.
    assert refusal(sealed(changed(document(), {path: new})))


def test_a_seed_of_more_digits_than_python_writes_is_refused_or_shown():
    value = changed(clean(), {"conditions/seeds/declared": "0x" + "f" * 5000})
    with contextlib.suppress(ManifestError):
        manifest = parse(sealed(value), "m")
        assert render_text(repro_audit.audit(manifest), [manifest])


def test_a_message_is_bounded_however_long_the_value():
    value = changed(document(), {"status": "x" * 10**6})
    assert len(refusal(sealed(value))) < 1000


def test_nesting_of_a_hundred_levels_is_the_most():
    assert read_json(b"[" * 99 + b"1" + b"]" * 99, "m")
    with pytest.raises(ManifestError, match="nested too deeply"):
        read_json(b"[" * 101 + b"1" + b"]" * 101, "m")


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_by_the_one_error_in_one_line(content):
    # A history of some metric is the shortest thing that can be read; it takes luck to hit one.
    assume(not content.lstrip().startswith(b"{"))
    assert refusal(content).isprintable()


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.data(), _json)
def test_any_json_value_in_any_place_is_read_or_refused_by_the_one_error(data, new):
    value = clean()
    path = data.draw(st.sampled_from(sorted(leaves(value), key=str)))
    depth = data.draw(st.integers(1, len(path)))
    try:
        content = sealed(changed(value, {path[:depth]: new}))
    except ValueError:
        return  # no canonical form, so no digest either
    message = ""
    try:
        repro_audit.audit(parse(content, "m"))
    except ManifestError as error:
        message = str(error)
    assert not message or message.isprintable()


# A history in place of a manifest


def test_a_keras_history_is_read_as_evidence_of_a_history():
    manifest = parse(b'{"loss": [2.5, 1], "accuracy": [0.5, 0.75]}', "history.json")
    assert manifest.evidence == "history"
    assert manifest.outcomes.fits[0].history["loss"] == (2.5, 1.0)


def test_two_equal_histories_are_two_runs_and_one_file_is_one():
    content = b'{"loss": [1.5]}'
    assert parse(content, "a").run_id != parse(content, "b").run_id
    assert parse(content, "a").run_id == parse(content, "a").run_id


def test_nan_is_refused_in_a_manifest_and_read_in_a_history_in_either_form():
    assert "Expected the string" in refusal(b'{"schema": "repro-audit/manifest-2", "x": NaN}')
    assert len(parse(b'{"loss": [2.5, NaN]}', "m").outcomes.fits[0].history["loss"]) == 2
    loss = parse(b'{"loss": [2.5, "NaN"]}', "m").outcomes.fits[0].history["loss"]
    assert loss[1] != loss[1]


def test_a_history_with_an_integer_beyond_float64_is_refused():
    assert "m.json" in refusal(b'{"loss": [1' + b"0" * 350 + b"]}")


@pytest.mark.parametrize("content", [b"{}", b'{"a": 1}', b'{"a": [true]}', b'{"a": ["x"]}'])
def test_what_is_neither_manifest_nor_history_is_refused(content):
    message = refusal(content)
    assert "$: holds no curve" in message
    assert "another release" not in message.lower()


def test_a_manifest_is_written_as_a_readable_file(tmp_path):
    write(parse(sealed(document()), "m"), tmp_path / "m.json")
    assert (tmp_path / "m.json").stat().st_mode & stat.S_IRUSR


def test_an_invalid_manifest_is_not_written(tmp_path):
    manifest = parse(sealed(document()), "m")
    (tmp_path / "m.json").write_text("old")
    with pytest.raises(ManifestError, match="status"):
        write(manifest._replace(status="unheard-of"), tmp_path / "m.json")
    assert (tmp_path / "m.json").read_text() == "old"
