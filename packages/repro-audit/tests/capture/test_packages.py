import pytest

from repro_audit.capture.packages import capture_packages, record_digest

FILES = "pkg/__init__.py,sha256=aaa,10\npkg/b.py,sha256=bbb,20\n"
PIP = (
    FILES + "../../../bin/pkg,sha256=ccc,30\n"
    "pkg-1.0.dist-info/INSTALLER,sha256=ddd,4\n"
    "pkg-1.0.dist-info/RECORD,,\n"
    "pkg/__pycache__/__init__.cpython-311.pyc,,\n"
)
UV = (
    "pkg-1.0.dist-info/INSTALLER,sha256=eee,2\n"
    "pkg-1.0.dist-info/uv_cache.json,sha256=fff,2\n"
    "pkg/b.py,sha256=bbb,20\n"
    '"pkg/__init__.py",sha256=aaa,10\n'
)


def test_the_digest_of_a_distribution_is_the_same_whichever_installer_wrote_its_record():
    assert PIP != UV
    assert record_digest(PIP) == record_digest(UV) == record_digest(FILES)


def test_line_endings_do_not_change_the_digest():
    assert record_digest(PIP.replace("\n", "\r\n")) == record_digest(PIP)


@pytest.mark.parametrize(
    ("old", "new"), [("bbb", "xxx"), (",20", ",21"), ("pkg/b.py", "pkg/c.py"), (FILES, FILES * 2)]
)
def test_a_file_that_differs_changes_the_digest(old, new):
    assert record_digest(PIP.replace(old, new)) != record_digest(PIP)


def test_a_name_with_a_comma_is_one_name():
    assert record_digest('"a,b.py",sha256=x,1\n') != record_digest("a,b.py,sha256=x,1\n")


def test_without_a_record_there_is_no_digest():
    assert record_digest(None) is None


def test_what_is_installed_here_is_captured_with_versions_and_digests(tmp_path):
    missed = []
    captured = capture_packages(tmp_path, lambda *arguments: missed.append(arguments))
    click = captured.distributions["click"]
    assert click.version[0].isdigit()
    assert click.digest.startswith("sha256:")
    assert list(captured.distributions) == sorted(captured.distributions)
    assert captured.requirements == ()


@pytest.mark.parametrize(
    ("name", "text", "pinned", "loose"),
    [
        ("requirements.txt", "a==1\nb>=2\n# c\n", 1, ("b",)),
        ("constraints.txt", "a==1 \\\n    --hash=sha256:0\nb===2\n", 2, ()),
        ("requirements-dev.txt", "a==1.*\n", 0, ("a",)),
        ("pyproject.toml", '[project]\ndependencies = ["a==1", "b"]\n', 1, ("b",)),
        ("uv.lock", "anything", 0, ()),
    ],
)
def test_a_file_of_requirements_is_read_for_what_it_pins(tmp_path, name, text, pinned, loose):
    (tmp_path / name).write_text(text)
    (found,) = capture_packages(tmp_path, lambda *_: None).requirements
    assert (found.file, found.pinned, found.loose) == (name, pinned, loose)


def test_what_is_installed_between_two_runs_of_a_process_is_seen(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    before = capture_packages(None, print).distributions
    about = tmp_path / "late-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: late\nVersion: 1.0\n", encoding="utf-8")
    missing = []
    after = capture_packages(None, lambda *what: missing.append(what)).distributions
    assert after.keys() - before.keys() == {"late"}
    expected = "$.conditions.packages.distributions['late'].digest"
    assert (expected, "the distribution has no RECORD") in missing
