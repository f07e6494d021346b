from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from repro_audit.publish.names import attached_names, is_safe, trace_name

PATHS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5)


@given(PATHS)
@example(["a/b.json", "a-b.json", "c/b.json"])
@example(["..", ".", "/", "../..", "//"])
@example(["x" * 5000, "\u6f22" * 300 + ".json"])
@example(["con", "NUL.json", "com1.json", "aux.x.json"])
@example(["A.json", "a.json", "\xdf.json", "ss.json"])
@example(["a\u0308.json", "\xe4.json"])
@example(["m.json\n", "m.json\0", "\u202em.json"])
def test_every_name_given_is_safe_and_no_two_are_one(paths):
    names = attached_names(paths)
    assert len(names) == len(paths)
    assert all(map(is_safe, names))
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert is_safe(trace_name(name))
        assert Path(name).name == name


def test_a_plain_name_stays_as_it_is():
    for name in ("manifest.json", "l\xe4ufe-2.json", "run.1.json", "_x.json", "\u6e05\u5355.json"):
        assert attached_names([f"some/where/{name}"]) == [name]


def test_as_much_of_a_path_is_kept_as_tells_the_files_apart():
    assert attached_names(["x/1/m.json", "y/1/m.json", "n.json"]) == [
        *("x-1-m.json", "y-1-m.json", "n.json")
    ]
    assert attached_names(["m.json", "../other/m.json"]) == ["m.json", "other-m.json"]
    assert attached_names(["m.json", "../m.json"]) == ["m.json", "m-2.json"]


def test_no_folder_is_named_that_the_author_did_not_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not any(tmp_path.name in name for name in attached_names(["m.json", "./m.json"]))


def test_what_could_do_harm_is_not_safe():
    for name in ("../m.json", "/m.json", "m", "m.json\n", ".m.json", "-m.json", "con.json", "m\0"):
        assert not is_safe(name), name
    assert is_safe("m.json")
