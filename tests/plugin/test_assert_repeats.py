"""The fixture `assert_repeats`, in sessions of pytest of their own."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from forking import Server

from repro_audit.pytest_plugin import AssertRepeats
from repro_audit.repeat import Plan

pytestmark = pytest.mark.minutes(3)

Session = Callable[..., pytest.RunResult]
TEST = """
def test_training_repeats(assert_repeats):
    assert_repeats({arguments})
"""
RUNS_BY = "import sys\n\nsys.executable = {python!r}\n"
LOADED = """
import pytest
import sys
before = set(sys.modules)
{code}
print(*sorted(set(sys.modules) - before))
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, quick: str) -> Session:
    """Return a function that runs a test in a session of its own, with the plugin."""
    # Where the package is installed its entry point would register the plugin a second time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(RUNS_BY.format(python=quick))

    def run(code: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_inner=code)
        plugin = "-p", "repro_audit.pytest_plugin"
        return pytester.run(quick, "-m", "pytest", *plugin, *options, timeout=300)

    return run


def call(*arguments: object, **options: object) -> str:
    """Return a test that makes one call."""
    words = [repr(str(word)) for word in arguments]
    words += [f"{name}={value!r}" for name, value in options.items()]
    return TEST.format(arguments=", ".join(words))


def loaded(code: str) -> set[str]:
    """Return the modules that some code loads beside those that pytest has."""
    command = [sys.executable, "-c", LOADED.format(code=code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


# What it asserts


@pytest.fixture
def forking(session: Session, pytester: pytest.Pytester, server: Server) -> None:
    """Have the runs of a session start from a process that has imported Keras."""
    assert session, "after it, which has them start without"
    pytester.makeconftest(RUNS_BY.format(python=server.python))


@pytest.mark.keras
@pytest.mark.usefixtures("forking")
def test_a_script_that_repeats_passes(session: Session, trained: Path) -> None:
    """The audit is returned: identical, by two runs and a positive control that was caught."""
    done = session(
        "def test_it(assert_repeats):\n"
        f"    audit = assert_repeats({str(trained)!r}, 'seeded', jobs=2)\n"
        "    assert (audit.verdict, audit.evidence) == ('identical', 'trace')\n"
        "    assert [run.name for run in audit.runs] == ['run-1', 'run-2', 'control']\n"
        "    assert audit.control.caught\n"
    )
    done.assert_outcomes(passed=1)


@pytest.mark.keras
@pytest.mark.usefixtures("forking")
def test_a_script_that_is_not_seeded_fails_with_where_and_why(
    session: Session, trained: Path
) -> None:
    """Verdict and reason, the first difference, the cause with its remedy, and the evidence."""
    done = session(call(trained, "unseeded", jobs=2))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "*trained.py does not repeat: divergent: first difference in initial weights: *",
            "Where: initial weights: 2 of 4 tensors, first sequential/dense/kernel",
            "Why, certain: Python's random is not seeded: *",
            "  a layer without a seed draws one from Python's random *",
            "    keras.utils.set_random_seed(812)*",
            "The evidence is in */repeat-1",
        ]
    )
    # On CI pytest prints the whole message once more, in its summary.
    (place,) = set(re.findall(r"^The evidence is in (.*)$", done.stdout.str(), re.MULTILINE))
    audit = json.loads((Path(place) / "audit.json").read_text(encoding="utf-8"))
    assert audit["verdict"] == "divergent"
    assert "The log ends:" not in done.stdout.str()
    # Neither this module nor the plugin is what the reader is looking for.
    assert "pytest_plugin.py" not in done.stdout.str()


def test_a_script_that_raises_shows_the_end_of_its_log(
    session: Session, stand_in: Path, example: Path
) -> None:
    """What it raised, safe to print; a failure of a run is not said to be a difference."""
    done = session(call(stand_in, example, "raise"))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "*stand_in.py was not shown to repeat: inconclusive: run-1 ended with exit code 1",
            "The log ends:",
            "  | stand-in begins as run-1",
            r"  | ValueError: the learning rate is \x1b*too high",
            "The evidence is in *",
        ]
    )
    assert "does not repeat" not in done.stdout.str()
    assert "\x1b" not in done.stdout.str()


def test_a_notebook_that_fails_names_its_cell(session: Session, pytester: pytest.Pytester) -> None:
    """A notebook is taken as a script is, and looked for beside the test; arguments are refused."""
    cells = [nbformat.v4.new_code_cell(source) for source in ("a = 1", "1 / 0")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), pytester.path / "train.ipynb")
    result = session(call("train.ipynb"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*run-1: cell 2 failed: ZeroDivisionError: division by zero*"])
    refused = session(call("train.ipynb", "--epochs"))
    refused.stdout.fnmatch_lines(["*expected no arguments for a notebook, received '--epochs'*"])


def test_a_script_that_trains_nothing_fails(
    session: Session, stand_in: Path, example: Path
) -> None:
    """No evidence is no agreement; the same script passes where it leaves some."""
    done = session(call(stand_in, example, "nothing"))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["*stand_in.py was not shown to repeat: *run-1: no training detected"]
    )
    session(call(stand_in, example)).assert_outcomes(passed=1)


def test_each_call_has_evidence_of_its_own(session: Session, stand_in: Path, example: Path) -> None:
    """Two calls in one test leave two folders, beside what the test has made itself."""
    done = session(
        "def test_it(assert_repeats, tmp_path):\n"
        "    (tmp_path / 'repeat-1').mkdir()\n"
        f"    assert_repeats({str(stand_in)!r}, {str(example)!r})\n"
        f"    assert_repeats({str(stand_in)!r}, {str(example)!r})\n"
        "    assert sorted(path.name for path in tmp_path.iterdir()) == [\n"
        "        'repeat-1', 'repeat-2', 'repeat-3'\n"
        "    ]\n"
        "    assert not list((tmp_path / 'repeat-1').iterdir())\n"
        "    assert (tmp_path / 'repeat-3/audit.json').exists()\n"
    )
    done.assert_outcomes(passed=1)


# The script


def test_a_script_beside_the_test_is_found_before_one_in_the_current_folder(
    session: Session, pytester: pytest.Pytester, stand_in: Path, example: Path
) -> None:
    """One in the current folder is found where there is no other."""
    shutil.copy(stand_in, pytester.path / "train.py")
    beside = pytester.mkdir("tests") / "train.py"
    beside.write_text("raise SystemExit('the one beside the test')", encoding="utf-8")
    (pytester.path / "tests/test_beside.py").write_text(call("train.py", example), encoding="utf-8")
    done = session(call("train.py", example))
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["  | the one beside the test"])
    beside.unlink()
    session(call("train.py", example)).assert_outcomes(passed=2)


def test_a_script_that_is_missing_is_named_in_one_line(
    session: Session, pytester: pytest.Pytester
) -> None:
    """And so are the folders it was looked for in; nothing is started."""
    (pytester.mkdir("tests") / "test_beside.py").write_text(call("absent.py"), encoding="utf-8")
    done = session("", "tests")
    done.assert_outcomes(failed=1)
    looked = f"{pytester.path}/tests or {pytester.path}"
    done.stdout.fnmatch_lines([f"absent.py: there is no such script in {looked}."])
    assert "run-1" not in done.stdout.str()
    whole = session(call("/absent.py"), "test_inner.py")
    whole.stdout.fnmatch_lines(["/absent.py: there is no such script."])


# The options


NO_PLAN = {"module", "reports", "accept"}
"""Options that say how a target is read, and what becomes of the audit."""


def test_a_call_takes_the_defaults_of_a_plan() -> None:
    """Each option has its field in `Plan`, and each field that has a default its option.

    But for experiments beside a repeat, which no test needs.
    """
    names = {"cwd": "working_directory", "pass_env": "pass_environment"}
    options = {
        names.get(name, name): parameter.default
        for name, parameter in inspect.signature(AssertRepeats.__call__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in NO_PLAN
    }
    fields = dataclasses.fields(Plan)
    defaults = {field.name: field.default for field in fields}
    experiments = {"vary", "one_at_a_time", "suspicion", "spread", "perturb", "resume"}
    assert options == {
        name: value
        for name, value in defaults.items()
        if value is not dataclasses.MISSING and name not in experiments
    }


def test_options_reach_the_runs(
    session: Session, monkeypatch: pytest.MonkeyPatch, stand_in: Path, example: Path
) -> None:
    """Three runs in empty folders that see one more variable; without the option, none."""
    monkeypatch.setenv("LUCKY_NUMBER", "7")
    done = session(
        "import json\n"
        "def test_it(assert_repeats, tmp_path):\n"
        f"    words = {str(stand_in)!r}, {str(example)!r}, 'environment'\n"
        "    options = {'runs': 3, 'cwd': 'empty', 'pass_env': 'LUCKY_NUMBER', 'timeout_s': 60}\n"
        "    audit = assert_repeats(*words, **options)\n"
        "    assert len(audit.runs) == 4\n"
        "    said = json.loads((tmp_path / 'repeat-1/run-3/said.json').read_text())\n"
        "    assert said['here'] == []\n"
        "    assert said['variables']['LUCKY_NUMBER'] == '7'\n"
        "    assert_repeats(*words)\n"
        "    said = json.loads((tmp_path / 'repeat-2/run-1/said.json').read_text())\n"
        "    assert said['here'] != []\n"
        "    assert 'LUCKY_NUMBER' not in said['variables']\n"
    )
    done.assert_outcomes(passed=1)


def test_an_audit_is_written_in_any_format_however_the_test_ends(
    session: Session, pytester: pytest.Pytester, stand_in: Path, example: Path
) -> None:
    """A badge that is refused fails a test that would pass; one that fails says why itself."""
    files = {"sarif": "repeat.sarif", "plan": "plan.json", "badge": "badge.json"}
    session(call(stand_in, example, reports=files)).assert_outcomes(passed=1)
    badge = json.loads((pytester.path / "badge.json").read_text(encoding="utf-8"))
    assert badge["message"] == "identical (trace)"
    for name in files.values():
        (pytester.path / name).unlink()
    done = session(call(stand_in, example, "exit3", reports=files))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*inconclusive: run-1 ended with exit code 3"])
    assert "No badge" not in done.stdout.str()
    assert {name for name in files.values() if (pytester.path / name).exists()} == {
        "repeat.sarif", "plan.json",
    }  # fmt: skip


def test_a_report_that_cannot_be_written_fails_a_test_that_would_pass(
    session: Session, stand_in: Path, example: Path
) -> None:
    """In the words of the command."""
    done = session(call(stand_in, example, reports={"sarif": "absent/repeat.sarif"}))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["absent/repeat.sarif: cannot be written: *"])


def test_a_module_is_run_as_python_runs_one(
    session: Session, pytester: pytest.Pytester, stand_in: Path, example: Path
) -> None:
    """Found from the current folder; without `module` there is no script of that name."""
    shutil.copy(stand_in, pytester.path / "trainer.py")
    session(call("trainer", example, module=True)).assert_outcomes(passed=1)
    session(call("trainer", example)).assert_outcomes(failed=1)


def test_a_run_that_takes_too_long_fails(session: Session, stand_in: Path, example: Path) -> None:
    """The reason names the limit."""
    done = session(call(stand_in, example, "sleep", timeout_s=2))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*inconclusive: run-1 was ended after 2 seconds"])


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        ("runs", 2, 1),
        ("jobs", 1, 0),
        ("timeout_s", 60, 0),
        ("timeout_s", 60, float("nan")),
        ("rtol", 0.0, -1.0),
        ("atol", 0.0, float("nan")),
        ("trace", 100, 0),
        ("trace", "none", "every"),
        ("cwd", "copy", "elsewhere"),
        ("require", "history", "proof"),
        ("reports", {"plan": "plan.json"}, {"plans": "plan.json"}),
    ],
)
def test_an_option_that_means_nothing_is_refused_before_anything_runs(
    stand_in: Path,
    example: Path,
    tmp_path: Path,
    quick: str,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    good: object,
    bad: object,
) -> None:
    """One line says what was expected; a good value of the same option passes."""
    monkeypatch.setattr(sys, "executable", quick)
    here, evidence = tmp_path / "here", tmp_path / "evidence"
    here.mkdir()
    evidence.mkdir()
    monkeypatch.chdir(here)
    assert_repeats = AssertRepeats(beside=here, evidence=evidence)
    with pytest.raises(pytest.fail.Exception) as failure:
        assert_repeats(stand_in, example, **{option: bad})
    assert re.fullmatch(
        rf"assert_repeats: {option}: expected .*, received {re.escape(repr(bad))}\.",
        str(failure.value),
    )
    assert not list(evidence.iterdir())
    if option not in {"runs", "timeout_s", "trace"}:  # those are given in other tests, too
        assert assert_repeats(stand_in, example, **{option: good}).verdict == "identical"


# Where pytest finds it


def test_pytest_lists_the_fixture_with_its_docstring(
    session: Session, pytester: pytest.Pytester
) -> None:
    """And without the plugin it does not."""
    listed = session("", "--fixtures").stdout.str()
    assert re.search(
        r"^assert_repeats -- .*\n    Assert that a script trains to the same bits",
        listed,
        re.MULTILINE,
    )
    without = pytester.runpytest_subprocess("--fixtures").stdout.str()
    assert "tmp_path -- " in without
    assert "assert_repeats" not in without


def test_the_entry_point_is_declared_and_installed(root: Path) -> None:
    """By the project, and by the package as it is installed."""
    text = (root / "packages/repro-audit/pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)["project"]["entry-points"]["pytest11"]
    assert declared == {"repro_audit": "repro_audit.pytest_plugin"}
    installed = importlib.metadata.distribution("repro-audit").entry_points
    (point,) = installed.select(group="pytest11")
    assert point.load().AssertRepeats is AssertRepeats


def test_the_plugin_loads_nothing_but_itself_and_what_the_package_loads() -> None:
    """No framework, no command line: everybody's pytest pays for it."""
    plugin = loaded("import repro_audit.pytest_plugin")
    package = loaded("import repro_audit")
    assert plugin - package == {"repro_audit.pytest_plugin"}
    tops = {name.partition(".")[0] for name in plugin}
    assert not tops & {"keras", "numpy", "tensorflow", "click", "rich", "jsonschema"}


def test_a_framework_that_the_plugin_loaded_would_be_seen() -> None:
    """The negative of the test above."""
    assert "numpy" in loaded("import repro_audit.pytest_plugin, numpy")
    assert "repro_audit.cli.progress" in loaded("import repro_audit.cli.progress")


def test_a_session_that_is_recorded_can_have_the_plugin(pytester: pytest.Pytester) -> None:
    """Warnings as errors do not break it, though the package is loaded before pytest is.

    pytest rewrites the assertions of plugins, and warns of one that it comes too late for.
    """
    pytester.makepyfile(
        exempt='"""PYTEST_DONT_REWRITE"""', ordinary="", test_inner="def test_it(): pass"
    )

    def run(plugin: str) -> int:
        code = (
            f"import sys, {plugin}, pytest\n"
            f"sys.exit(pytest.main(['-W', 'error', '-p', {plugin!r}, 'test_inner.py']))"
        )
        return subprocess.run([sys.executable, "-c", code], check=False).returncode

    assert (run("repro_audit"), run("exempt")) == (0, 0)
    assert run("ordinary") != 0
