"""Text of a manifest that would steer a terminal or a renderer comes out harmless."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from manifests import OTHER_DIGEST, OTHER_RUN, changed, document, leaves, sealed, value_at

from repro_audit.manifest import validation

HOSTILE = {
    "control characters": (
        "\x1b[31mred\x1b[0m \x1b]8;;http://x\x07click\x1b]8;;\x07 \x1b]0;title\x07 \x9b31m "
        "a\x7fb \t\x07\x08\x00"
    ),
    "new lines": "first\nsecond\r\u2028third\u2029\x0b\x0c\x85fourth",
    "invisible characters": (
        "\u202eevil\u202c\u2066x\u2069\u200f a\u200bb\ufeffc\U000e0041 \ue000\xa0\u3000"
    ),
    "rich": "[bold red]x[/] [link=http://x]y[/link] [/] :smile:",
    "markdown": "`x` ```\n# x\n![i](http://x) <script>alert(1)</script> | a | b | <img src=x>",
    "a directive": "::error::x\n::set-output name=a::b",
}


def spoiled(text):
    """Return a manifest with a text in every field that may hold it, and as every key."""
    value = document()
    for path in list(leaves(value)):
        if isinstance(value_at(value, path), str) and path[0] not in {"schema", "digest"}:
            value = _where_valid(value, path, text)
    for path in (
        ("conditions", "data"),
        ("conditions", "packages", "distributions"),
        ("conditions", "environment", "variables"),
        ("conditions", "code", "files"),
        ("conditions", "training", "fits", 0, "arguments"),
        ("conditions", "training", "models", 0, "optimizer", "config"),
        ("outcomes", "fits", 0, "history"),
        ("outcomes", "fits", 0, "dtypes"),
        ("outcomes", "evaluations", 0, "results"),
    ):
        items = value_at(value, path)
        items[text] = next(iter(items.values()), text)
    value["missing"] = [{"path": "$.conditions." + text, "reason": text}] * 2
    value["missing"] += [{"path": "$.outcomes." + text, "reason": text}]
    value["conditions"]["code"]["git"] = {"commit": text, "dirty": True, "diff_digest": None}
    value["conditions"]["code"]["entry_point"] = text
    value["conditions"]["packages"]["requirements"] = [
        {"file": text, "digest": OTHER_DIGEST, "pinned": 0, "loose": [text]}
    ]
    value["conditions"]["seeds"]["hash_seed"] = {
        "requested": text,
        "randomized": True,
        "probe": text,
    }
    for package in value["conditions"]["packages"]["distributions"].values():
        package["source"] = {"editable": True, "url": text, "commit": text}
        package["version"] = text
    validation.validate(value, "spoiled", "manifest-2", strict=True)
    return value


def _where_valid(value, path, text):
    """Put a text in one place where the schema lets it stand there; fixed forms stay."""
    old = value_at(value, path)
    if re.fullmatch(r"sha256:.*|[0-9a-f]{32}", old) or path[-1] in FIXED or path[-2:] == BACKEND:
        return value
    *parents, last = path
    value_at(value, tuple(parents))[last] = text
    return value


# Fields of a fixed list of values.
FIXED = {"status", "op_determinism", "deterministic", "source", "declared_by", "argument"}
FIXED |= {"setting", "kind", "inputs", "whole"}
BACKEND = "backend", "name"


def parted(value, text):
    """Return another run that differs in every outcome and in many conditions."""
    epochs = [OTHER_DIGEST] * len(value["outcomes"]["fits"][0]["epochs"])
    other = changed(
        {**value, "run_id": OTHER_RUN},
        {
            "outcomes/fits/0/epochs": epochs,
            "outcomes/final_state/0/0/digest": OTHER_DIGEST,
            ("outcomes", "fits", 0, "history", text): [7.0],
            ("outcomes", "evaluations", 0, "results", text): 7.0,
            "conditions/determinism/backend/xla_flags": text + text,
            "conditions/determinism/backend/isa/requested": text + text,
            "conditions/code/argv": [text + text],
            "conditions/environment/cpu/model": text + text,
        },
    )
    for package in other["conditions"]["packages"]["distributions"].values():
        package["version"] = text + text
    return other


def raw(out):
    """Return the characters of an output that could steer what shows it."""
    steering = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
    plain = {"\n", " "}
    return {char for char in out if char not in plain and unicodedata.category(char) in steering}


@pytest.fixture(params=HOSTILE)
def files(request, tmp_path):
    """Write two spoiled manifests."""
    text = HOSTILE[request.param]
    first = spoiled(text)
    for name, value in (("a.json", first), ("b.json", parted(first, text))):
        (tmp_path / name).write_bytes(sealed(value))
    return text, tmp_path / "a.json", tmp_path / "b.json"


def test_hostile_text_comes_out_harmless_in_every_format(files, run):
    _, first, second = files
    for paths in ((first,), (first, second)):
        for form in ("text", "json", "markdown", "html", "latex", "sarif", "plan"):
            done = run(*paths, "--format", form)
            # Half of what was put in contradicts the other half: also that is a verdict.
            assert (done.code in {1, 2}, done.err) == (True, "")
            assert done.err == ""
            assert raw(done.out) == set()
            # No line is the text's own: neither a heading nor a command to GitHub's runner, which
            # skips leading space.
            lines = [line.lstrip() for line in done.out.splitlines()]
            assert not [line for line in lines if line.startswith(("::", "second", "# x"))]
            if form in {"json", "sarif", "plan"}:
                json.loads(done.out)


@pytest.mark.parametrize("name", ["neurips", "icml", "acm"])
def test_hostile_text_comes_out_harmless_in_a_checklist(files, name, run):
    for form in ("text", "json", "markdown"):
        done = run("checklist", "--for", name, files[1], "--format", form)
        assert (done.code, done.err) == (0, "")
        assert raw(done.out) == set()
        lines = [line.lstrip(" -") for line in done.out.splitlines()]
        assert not [line for line in lines if line.startswith(("::", "second", "# x"))]
        if form == "markdown":
            assert not re.search(r"<\w|!\[|\]\(", outside_code(done.out))


def test_hostile_reasons_come_out_harmless_in_a_checklist(files, run):
    text, first, _ = files
    missing = [{"path": "$.conditions.code", "reason": text}]
    value = changed(document(), {"conditions/code": None, "missing": missing})
    first.write_bytes(sealed(value))
    for form in ("text", "json", "markdown"):
        done = run("checklist", "--for", "neurips", first, "--format", form)
        assert (done.code, done.err) == (0, "")
        assert raw(done.out) == set()
        assert "$.missing[0].reason" in done.out, "it was there"


def test_markup_of_rich_is_printed_as_it_stands(tmp_path, run):
    text = HOSTILE["rich"]
    (tmp_path / "a.json").write_bytes(sealed(spoiled(text)))
    out = run(tmp_path / "a.json").out
    assert "[bold red]x[/]" in out
    assert "[link=http://x]" in out
    assert ":smile:" in out


def test_markup_of_rich_is_printed_as_it_stands_in_colour_too(tmp_path, run):
    (tmp_path / "a.json").write_bytes(sealed(spoiled(HOSTILE["rich"])))
    out = run(tmp_path / "a.json", "--color", "always").out
    assert "[bold red]x[/]" in out
    assert not re.search(r"\x1b(?!\[[\d;]*m)", out), "only colours, no links"


def outside_code(markdown):
    """Return a Markdown text without its code blocks, code spans and escaped characters."""
    text = re.sub(r"^(`{3,})\n.*?\n\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    return re.sub(r"\\.", "", text)


def test_markdown_and_html_of_a_manifest_are_escaped_or_in_code(tmp_path, run):
    first = spoiled(HOSTILE["markdown"])
    (tmp_path / "a.json").write_bytes(sealed(first))
    (tmp_path / "b.json").write_bytes(sealed(parted(first, HOSTILE["markdown"])))
    for files_ in ([tmp_path / "a.json"], [tmp_path / "a.json", tmp_path / "b.json"]):
        out = run(*files_, "--format", "markdown").out
        assert "script" in out, "it was there"
        assert not re.search(r"<\w|!\[|\]\(", outside_code(out))


@pytest.mark.parametrize("text", ["https://evil.example/x", "www.evil.example", "ftp://x.example"])
def test_an_address_in_a_manifest_is_no_link_in_markdown(tmp_path, run, text):
    (tmp_path / "a.json").write_bytes(sealed(spoiled(text)))
    out = run(tmp_path / "a.json", "--format", "markdown").out
    assert "evil" in out or "x.example" in out, "it was there"
    prose = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", out)
    assert not re.search(r"://|www\.\w", prose)


def test_a_table_of_markdown_keeps_its_columns(tmp_path, run):
    first = spoiled(HOSTILE["markdown"])
    (tmp_path / "a.json").write_bytes(sealed(first))
    (tmp_path / "b.json").write_bytes(sealed(parted(first, HOSTILE["markdown"])))
    out = run(tmp_path / "a.json", tmp_path / "b.json", "--format", "markdown").out
    columns = 0
    for line in out.splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (columns and bars and bars != columns), line
        columns = bars


def test_the_check_for_steering_characters_can_fail():
    assert raw("a\x1bb\u202e") == {"\x1b", "\u202e"}
    assert re.search(r"<\w", outside_code("a <b> `<c>`"))
