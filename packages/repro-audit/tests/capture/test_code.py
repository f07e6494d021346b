"""What is recorded of a run's own code, each case in a process that imports it."""

import json
import os
import subprocess
import sys

import pytest

TRAIN = """\
import json, os, sys
from repro_audit.capture.code import capture_code, find_source
{before}
source = find_source()
{after}
missed = []
written = [os.path.abspath(name) for name in ("best.keras", "made.py", "states")]
code = capture_code(source, sys.argv, ['run.json'], written, lambda *told: missed.append(told))
seen = {{"files": code.files, "git": code.git, "name": code.entry_point}}
print(json.dumps({{**seen, "missed": missed}}))
"""


@pytest.fixture
def captured(tmp_path):
    """Return what is captured of a script in a project's folder, with code before and after."""

    def run(before="", after="", path=()):
        folder = tmp_path / "project"
        folder.mkdir(exist_ok=True)
        script = folder / "train.py"
        script.write_text(TRAIN.format(before=before, after=after))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
        result = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, env=environment, check=True
        )
        return json.loads(result.stdout)

    return run


def package(folder, text="VALUE = 1\n"):
    (folder / "lab/models").mkdir(parents=True, exist_ok=True)
    for name in ("lab/__init__.py", "lab/models/__init__.py"):
        (folder / name).touch()
    (folder / "lab/models/cnn.py").write_text(text)
    return folder


def test_an_editable_package_outside_the_project_is_digested_like_the_projects_files(
    captured, tmp_path
):
    outside = package(tmp_path / "elsewhere/src")
    first = captured("import lab.models.cnn", path=[outside])["files"]
    assert set(first) == {
        "train.py",
        "<outside>/lab/__init__.py",
        "<outside>/lab/models/__init__.py",
        "<outside>/lab/models/cnn.py",
    }
    package(outside, "VALUE = 2\n")
    second = captured("import lab.models.cnn", path=[outside])["files"]
    assert {name for name in first if first[name] != second[name]} == {
        "<outside>/lab/models/cnn.py"
    }


def test_a_file_outside_never_takes_the_name_of_one_in_the_project(captured, tmp_path):
    package(tmp_path / "project", "HERE = 1\n")
    outside = package(tmp_path / "elsewhere")
    # Under its own name first, and then the project's, as a script that changes its path may do.
    again = f"sys.path.insert(0, {str(outside)!r}); del sys.modules['lab']; import lab"
    files = captured(f"import lab as here; sys.modules['here'] = here; {again}")["files"]
    assert set(files) == {"train.py", "lab/__init__.py", "<outside>/lab/__init__.py"}


@pytest.mark.parametrize("place", ["lib/python3.11/site-packages", "python3/dist-packages"])
def test_an_installed_package_is_no_code_of_the_run_wherever_it_is_installed(
    captured, tmp_path, place
):
    installed = package(tmp_path / place)
    assert set(captured("import lab.models.cnn", path=[installed])["files"]) == {"train.py"}


def test_what_autograph_makes_of_the_code_is_no_file_of_it(captured, tmp_path):
    made = tmp_path / "__autograph_generated_file1x.py"
    made.write_text("")
    code = f"import {made.stem}"
    assert set(captured(code, path=[tmp_path])["files"]) == {"train.py"}


def test_the_code_is_found_where_the_run_began_though_the_script_changes_its_folder(
    captured, tmp_path
):
    subprocess.run(["git", "init", "-q", tmp_path / "project"], check=True)
    seen = captured(after="os.chdir('/')")
    assert (set(seen["files"]), seen["name"]) == ({"train.py"}, "train.py")
    assert seen["git"] is not None


def test_code_in_no_repository_is_said_to_be_in_none(captured):
    seen = captured()
    assert seen["git"] is None
    assert seen["missed"] == [["$.conditions.code.git", "the code is in no repository"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_that_belongs_to_another_user_is_named(captured, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "project"], check=True)
    os.chown(tmp_path / "project", 1234, 1234)
    os.chown(tmp_path / "project/.git", 1234, 1234)
    seen = captured()
    assert seen["git"] is None
    [[path, reason]] = seen["missed"]
    assert path == "$.conditions.code.git"
    assert "belongs to another user (dubious ownership)" in reason


def test_a_repository_that_git_cannot_read_is_named_with_what_git_says(captured, tmp_path):
    (tmp_path / "project/.git").mkdir(parents=True)
    [[_, reason]] = captured()["missed"]
    assert reason.startswith("git cannot read the repository: not a git repository")


@pytest.mark.parametrize(
    ("name", "dirty"),
    [
        ("run.json", False),
        ("run.trace", False),
        ("run.executed.ipynb", False),
        ("best.keras", False),
        ("made.py", True),
        ("x.json", True),
    ],
)
def test_what_a_run_has_written_is_no_change_of_the_code_but_code_is(
    captured, tmp_path, name, dirty
):
    folder = tmp_path / "project"
    captured(before=f"os.chdir({str(folder)!r})")  # which makes the script
    for words in (["init"], ["add", "train.py"], ["commit", "-m", "code"]):
        user = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *user, *words], cwd=folder, capture_output=True, check=True)
    (folder / name).write_text("left", encoding="utf-8")
    assert captured(before=f"os.chdir({str(folder)!r})")["git"][1] is dirty
