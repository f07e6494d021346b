"""What is loaded when."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from manifests import EXAMPLES

import repro_audit

FRAMEWORKS = {"keras", "numpy", "tensorflow"}
PROBE = """
import json, sys
sys.stdout.write("")
{code}
sys.stderr.write(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
CLI = """
from repro_audit.cli.entry import run
sys.argv = ["repro-audit", *{words!r}]
run()
"""


def loaded(code):
    """Return the top-level modules that a process has loaded after some code."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(code=code)], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr))


TWO, ONE = (str(EXAMPLES / f"{name}.json") for name in ("threads-2", "threads-1"))


@pytest.mark.parametrize(
    "words",
    [
        ["TWO"],
        ["TWO", "ONE"],
        ["TWO", "ONE", "--format", "json"],
        ["TWO", "ONE", "--format", "markdown"],
        ["TWO", "ONE", "--format", "latex"],
        ["TWO", "ONE", "--format", "sarif"],
        ["TWO", "ONE", "--format", "plan"],
        ["checklist", "--for", "neurips", TWO],
        ["explain", "RA201"],
        ["schema", "manifest-2"],
        ["--help"],
        ["repeat", "--help"],
    ],
    ids=lambda words: " ".join(word.rpartition("/")[2] for word in words),
)
def test_a_command_that_reads_loads_no_framework(words, tmp_path):
    without_traces = {"TWO": shutil.copy(TWO, tmp_path), "ONE": shutil.copy(ONE, tmp_path)}
    words = [str(without_traces.get(word, word)) for word in words]
    modules = loaded(CLI.format(words=words))
    assert "repro_audit" in modules
    assert not modules & FRAMEWORKS


@pytest.mark.parametrize("words", [[TWO], [TWO, ONE]], ids=["one", "two"])
def test_where_traces_are_read_numpy_is_all_that_is_loaded(words):
    assert loaded(CLI.format(words=words)) & FRAMEWORKS == {"numpy"}


def test_reading_a_manifest_loads_nothing_that_reads_logs(tmp_path):
    (tmp_path / "history.json").write_text('{"loss": [1.0]}')
    names = "print(*[name for name in sys.modules if name.startswith('repro_audit.logs')])"
    for file, count in ((TWO, 0), (tmp_path / "history.json", 1)):
        code = f"import sys, repro_audit; repro_audit.load({str(file)!r}); {names}"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert min(len(done.stdout.split()), 1) == count


def test_importing_the_package_loads_no_framework():
    assert not loaded("import repro_audit; dir(repro_audit)") & FRAMEWORKS


def test_a_recorded_process_starts_without_a_framework():
    """Its script has the first word: what it sets may be read as NumPy or Keras is imported."""
    assert not loaded("import repro_audit.recording.process.launched") & FRAMEWORKS


def test_a_framework_that_is_loaded_is_seen():
    pytest.importorskip("numpy")
    assert "numpy" in loaded("import numpy") & FRAMEWORKS


def test_loading_comparing_and_auditing_draws_no_random_number():
    code = (
        "import random, repro_audit\n"
        "random.seed(1)\n"
        "before = random.getstate()\n"
        f"one, two = repro_audit.load({ONE!r}), repro_audit.load({TWO!r})\n"
        "repro_audit.audit(one, two), repro_audit.compare(one, two)\n"
        "assert random.getstate() == before\n"
        "random.random()\n"
        "assert random.getstate() != before"
    )
    assert loaded(code)


# The public names


def test_all_lists_every_public_name_and_no_other():
    public = {name for name in dir(repro_audit) if not name.startswith("_")}
    named = {"audit", "compare", "control", "load", "load_ipython_extension", "record", "repeat"}
    assert public == set(repro_audit.__all__) == named


@pytest.mark.parametrize("name", ["audit", "compare", "load", "repeat"])
def test_the_reading_names_are_functions(name):
    assert callable(getattr(repro_audit, name))


def test_importing_a_module_leaves_the_function_of_its_name_in_place():
    code = (
        "import repro_audit, repro_audit.audit, repro_audit.compare, repro_audit.repeat\n"
        "import repro_audit.audit.rules, repro_audit.repeat.plan\n"
        "from repro_audit.audit import seeding\n"
        "import repro_audit.cli.entry, repro_audit.compare.pair\n"
        "assert all(map(callable, (repro_audit.audit, repro_audit.compare, repro_audit.repeat)))\n"
        f"manifest = repro_audit.load({TWO!r})\n"
        "assert repro_audit.audit(manifest).verdict == 'controlled'"
    )
    assert loaded(code)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = repro_audit.nonsense


@pytest.mark.parametrize(
    "module",
    ["repro_audit.audit", "repro_audit.compare", "repro_audit.manifest", "repro_audit_schemas"],
)
def test_every_name_in_all_exists(module):
    import importlib

    loaded_ = importlib.import_module(module)
    assert [name for name in loaded_.__all__ if not hasattr(loaded_, name)] == []
