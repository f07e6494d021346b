"""Whatever stands in place of a manifest: exit 2 and one line that says what is wrong.

A file dropped into `cases/invalid` is a test; `NAME.json.expected` holds what its message says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from manifests import changed, document, sealed

COMMAND = [sys.executable, "-m", "repro_audit"]

CASES = Path(__file__).parents[1] / "cases"
INVALID = sorted((CASES / "invalid").glob("*.json"))
VALID = sorted((CASES / "valid").glob("*.json"))


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.stem)
def test_an_invalid_file_is_refused_and_the_message_says_why(case, refused):
    (expected,) = case.with_suffix(".json.expected").read_text(encoding="utf-8").splitlines()
    assert expected in refused(case)


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.stem)
def test_a_valid_file_is_audited(case, run):
    done = run(case)
    assert done.err == ""
    assert done.out.split()[0] in {"controlled", "uncontrolled", "inconclusive"}
    # Evidence may be too weak for a good verdict; that is no error.
    assert done.code == {"controlled": 0, "uncontrolled": 1, "inconclusive": 2}[done.out.split()[0]]


def test_there_are_cases():
    assert len(INVALID) > 10
    assert VALID


GENERATED = {
    # Made when a test asks for them: some are of 10 MB.
    "nested 100,000 deep": (lambda: b"[" * 100_000, "nested too deeply"),
    "nested 100,000 deep and closed": (lambda: b"[" * 10**5 + b"]" * 10**5, "nested too deeply"),
    "nested objects": (lambda: b'{"a":' * 100_000, "nested too deeply"),
    "a number of 5,000 digits": (lambda: b'{"loss": [' + b"7" * 5000 + b"]}", "at most 400 digits"),
    "a fraction of 5,000 digits": (lambda: b'{"loss": [0.' + b"7" * 5000 + b"]}", "within float64"),
    "an integer beyond float64": (lambda: b'{"loss": [1' + b"0" * 350 + b"]}", ""),
    "an exponent of 5,000 digits": (
        lambda: b'{"loss": [1e' + b"7" * 5000 + b"]}",
        "within float64",
    ),
    "a string of 10 MB": (
        lambda: json.dumps(changed(document(), {"status": "x" * 10**7})).encode(),
        "$.status",
    ),
    "a key of 10 MB": (lambda: json.dumps({**document(), "k" * 10**7: 1}).encode(), "$.digest"),
    "a million keys": (
        lambda: json.dumps({**document(), **{f"k{n}": n for n in range(10**6)}}).encode(),
        "$.digest",
    ),
    "a million wrong items": (
        lambda: json.dumps(changed(document(), {"missing": [0] * 10**6})).encode(),
        "$.missing",
    ),
    "a million unknown fields deep inside": (
        lambda: json.dumps(changed(document(), {"missing": [{"x": 0}] * 10**5})).encode(),
        "$.missing",
    ),
    "a manifest cut off": (lambda: sealed(document())[:-500], "may have been cut off"),
    "a byte order mark": (lambda: b"\xef\xbb\xbf" + sealed(document()), "Expected UTF-8"),
    "UTF-16": (lambda: sealed(document()).decode().encode("utf-16"), "Expected UTF-8"),
    "bytes": (lambda: bytes(range(256)), "UTF-8"),
    "a null byte": (lambda: b"\0" * 100, "is not JSON"),
    "something behind it": (lambda: sealed(document()) + b"{}", "is not JSON"),
    "a wrong digest": (lambda: json.dumps({**document(), "recorder": "x"}).encode(), "$.digest"),
    "an unknown version": (
        lambda: sealed({**document(), "schema": "repro-audit/manifest-9"}),
        "The release that wrote it",
    ),
}


@pytest.mark.parametrize("name", GENERATED)
def test_hostile_content_is_refused(name, tmp_path, refused, little_memory):
    make, expected = GENERATED[name]
    file = tmp_path / "m.json"
    file.write_bytes(make())
    assert expected in refused(file, preexec_fn=little_memory)


LATER = {
    "a key of 10 MB": {"k" * 10**7: 1},
    "very many keys": {f"k{n}": n for n in range(10**5)},
    "a key that steers a terminal": {"\x1b]0;x\x07\u202e": 1},
    "a value as deep as may be": {"k": json.loads("[" * 90 + "]" * 90)},
}


@pytest.mark.parametrize("name", LATER)
def test_hostile_fields_of_a_later_release_are_counted_and_left_alone(
    name, tmp_path, start, little_memory
):
    file = tmp_path / "m.json"
    file.write_bytes(sealed({**document(), **LATER[name]}))
    done = start(file, preexec_fn=little_memory)
    assert done.code == 0
    assert f"{len(LATER[name]):,} field" in done.out
    assert len(done.out) < 3000
    assert done.out.replace("\n", "").isprintable()


def test_it_is_refused_in_the_second_place_too(tmp_path, refused):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(sealed(document()))
    bad.write_bytes(b"{")
    assert "bad.json" in refused(good, bad)


@pytest.mark.parametrize("place", ["missing.json", "folder", "fifo", "empty", "loop", "x" * 300])
def test_what_is_no_regular_file_is_refused(place, tmp_path, refused):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    (tmp_path / "loop").symlink_to("loop")
    refused(tmp_path / place)


def test_a_sparse_file_of_3_gb_is_refused_at_once(tmp_path, refused, little_memory):
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(3 * 2**30)
    assert "at most 64 MiB" in refused(tmp_path / "sparse.json", preexec_fn=little_memory)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/proc/self/mem"])
def test_a_device_is_refused_at_once(device, refused, little_memory):
    refused(device, preexec_fn=little_memory)


def test_an_endless_standard_input_is_refused(refused, little_memory):
    with Path("/dev/zero").open("rb") as endless:
        assert "standard input" in refused("-", stdin=endless, preexec_fn=little_memory)


def test_an_empty_standard_input_is_refused(refused):
    with Path("/dev/null").open("rb") as nothing:
        assert "is empty" in refused("-", stdin=nothing)


def test_a_closed_standard_input_is_refused():
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" - <&-', "sh", *COMMAND],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "repro-audit: standard input: is closed. Expected a JSON object.\n"


@pytest.mark.parametrize("words", [["record", "-m", "timeit"], ["repeat", "-m", "timeit"]])
def test_a_current_folder_that_was_deleted_is_named(words, tmp_path):
    done = subprocess.run(
        ["/bin/sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *COMMAND, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("repro-audit: The current folder cannot be used: No such file")
    assert done.stderr.count("\n") == 1


def test_a_file_name_that_is_not_utf_8_is_refused_or_read_and_never_breaks_the_output(
    tmp_path, run, refused
):
    path = os.fsencode(tmp_path) + b"/\xff\x1b.json"
    refused(os.fsdecode(path))
    Path(os.fsdecode(path)).write_bytes(sealed(document()))
    for form in ("text", "json", "markdown"):
        done = run(os.fsdecode(path), "--format", form)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out
