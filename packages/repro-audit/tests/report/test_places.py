"""What a remedy is written in, and which file it belongs into."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
from manifests import OTHER_DIGEST, changed, document, record
from remedy_cases import CASES, NUMBER
from rule_cases import TABLE, found

from repro_audit.compare.remedies import REMEDIES
from repro_audit.report.places import files_at, is_below_project, language_of, scripts_of

TESTIMONY = Path(__file__).parents[1] / "compare" / "testimony_words.txt"
PYTHON = "repro_audit.control(seed=812)"
SHELL = "export PYTHONHASHSEED=0"


def remedies():
    """Return every remedy that our tests know of: of rules, of conditions, of what steps tell."""
    run = record(document())
    codes = [finding.remedy for code in TABLE for finding in found(code)]
    codes += [remedy(run, ()) for remedy in REMEDIES.values()]
    codes += [case.printed.replace(NUMBER, "1") for case in CASES]
    told = TESTIMONY.read_text(encoding="utf-8")
    return sorted({*codes, *re.findall(r"^  remedy: (.*)$", told, re.MULTILINE)})


def parses(code, language):
    """Whether code is what it is said to be written in."""
    if language == "shell":
        return subprocess.run(["bash", "-n", "-c", code], check=False).returncode == 0
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return False
    return bool(tree.body) == (language == "python")


@pytest.mark.parametrize("code", remedies())
def test_a_remedy_parses_in_the_language_it_is_said_to_be_in(code):
    assert parses(code, language_of(code))


def test_there_are_remedies_in_each_language_and_a_wrong_one_is_seen():
    codes = remedies()
    assert {language_of(code) for code in codes} == {"python", "shell", "words"}
    assert len(codes) > 100
    assert not parses(SHELL, "python")
    assert not parses("# words", "python")
    assert not parses("f(x)  (", "shell")


def test_python_belongs_into_the_script_and_what_a_shell_runs_into_no_file():
    run = record(document())
    assert files_at(run, ("$.conditions.seeds.declared",), PYTHON) == ("mnist_cnn/__main__.py",)
    assert files_at(run, ("$.conditions.seeds.hash_seed.requested",), SHELL) == ()
    assert files_at(run, (), "# run it again to its end") == ()


def test_a_script_that_is_run_by_its_name_is_the_entry_point():
    code = {"entry_point": "src/train.py", "argv": ["src/train.py"]}
    code |= {"git": None, "files": {"src/train.py": OTHER_DIGEST, "src/model.py": OTHER_DIGEST}}
    assert scripts_of(record(changed(document(), {"conditions/code": code}))) == ("src/train.py",)
    # What the project does not hold is no file of it.
    code |= {"entry_point": "elsewhere.py", "argv": []}
    assert scripts_of(record(changed(document(), {"conditions/code": code}))) == ()
    assert scripts_of(record(changed(document(), {"conditions/code": None}))) == ()


def test_a_file_that_the_condition_names_comes_before_the_script():
    run = record(document())
    paths = ("$.conditions.code.files['src/model.py']", "$.conditions.code.files['src/data.py']")
    assert files_at(run, paths, PYTHON) == ("src/model.py", "src/data.py")
    assert files_at(run, ("$.conditions.read.files['a/words.txt']",), SHELL) == ("a/words.txt",)
    pinned = ("$.conditions.packages.requirements[0].loose",)
    assert files_at(run, pinned, SHELL) == ("constraints.txt",)
    assert files_at(run, ("$.conditions.packages.requirements[7].loose",), SHELL) == ()


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x.py",
        "a/../../x",
        "C:\\x",
        "https://x/y",
        "~/x",
        "",
        "a//b",
        "a\nb",
        "\x1b",
    ],
)
def test_no_place_leads_out_of_the_project(name):
    assert not is_below_project(name)
    code = {"entry_point": name, "argv": [name], "git": None, "files": {name: OTHER_DIGEST}}
    run = record(changed(document(), {"conditions/code": code}))
    assert files_at(run, (f"$.conditions.code.files['{name}']",), PYTHON) == ()
    assert scripts_of(run) == ()
