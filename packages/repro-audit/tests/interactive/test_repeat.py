"""`repro_audit.repeat` takes what the command takes, and does nothing in a run of its own."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import repro_audit
from repro_audit.audit import Audit
from repro_audit.cli.repeat import command
from repro_audit.errors import RunError
from repro_audit.interactive import repeating
from repro_audit.recording.request import VARIABLE, Request
from repro_audit.repeat.repeating import Repeated

NAMES = {"timeout": "timeout_s", "pass_environment": "pass_env", "working_directory": "cwd"}


@pytest.fixture
def plans(monkeypatch, tmp_path):
    """Return the plans that would be carried out; nothing is run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("", encoding="utf-8")
    plans = []
    found = Audit(
        verdict="identical", reason="", manifests=(), comparisons=(), groups=(), evidence="none"
    )

    def repeat_plan(plan, progress):
        plans.append(plan)
        return Repeated(audit=found, manifests=())

    monkeypatch.setattr(repeating, "repeat_plan", repeat_plan)
    monkeypatch.setattr(repeating, "_leave_report", lambda *_: None)
    return plans


def test_each_option_of_the_command_is_a_keyword():
    """But for those that say how the result is shown."""
    options = {NAMES.get(item.name, item.name) for item in command.params}
    options -= {"target", "form", "output", "color", "quiet", "strict", "accept"}
    keywords = {
        name
        for name, parameter in inspect.signature(repro_audit.repeat).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert keywords == options


def test_a_script_its_arguments_and_options_make_a_plan(plans):
    variable = "SHARDS"
    result = repro_audit.repeat(
        "train.py", "--epochs", 2, runs=3, vary="threads, jit", cwd="copy", pass_env=variable
    )
    (plan,) = plans
    assert result.verdict == "identical"
    assert list(plan.target) == ["train.py", "--epochs", "2"]
    assert (plan.runs, plan.working_directory) == (3, "copy")
    assert list(plan.vary) == ["threads", "jit"]
    assert plan.pass_environment == ("SHARDS",)
    assert str(plan.directory) == "repeat/train"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"runs": 1}, "runs: expected 2 or more, received 1"),
        ({"cwd": "there"}, "cwd: expected one of"),
        ({"rtol": float("nan")}, "rtol: expected 0 or more"),
        ({"vary": "nonsense"}, "Unknown factor 'nonsense'"),
        ({"kernel": "python3"}, "only a notebook has a kernel"),
        ({"vary": "jit", "confirm": ("a", "b")}, "give one: what is confirmed"),
    ],
)
def test_what_the_command_refuses_is_refused_in_a_line(plans, options, said):
    with pytest.raises(RunError) as raised:
        repro_audit.repeat("train.py", **options)
    assert said in str(raised.value)


def test_ipython_shows_of_a_refusal_the_message_alone(tmp_path):
    code = "import repro_audit; repro_audit.repeat('train.py')"
    shown = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout.strip() == "RunError: train.py: there is no such script."


def test_a_script_that_is_not_there_is_refused(plans):
    with pytest.raises(RunError, match="there is no such script"):
        repro_audit.repeat("other.py")


def test_in_a_run_that_a_repeat_has_started_it_does_nothing(plans, monkeypatch):
    monkeypatch.setenv(VARIABLE, Request(manifest="m.json").encode())
    assert repro_audit.repeat("train.py") is None
    assert plans == []


@pytest.fixture
def magics():
    """Return the magics, in no shell."""
    from repro_audit.interactive.magics import Magics

    return Magics(SimpleNamespace(configurables=[]))


def test_the_magic_takes_the_words_of_the_command(plans, magics):
    magics.repeat("--runs 4 --timeout 60 train.py --epochs 1")
    (plan,) = plans
    assert list(plan.target) == ["train.py", "--epochs", "1"]
    assert (plan.runs, plan.timeout_s) == (4, 60.0)


@pytest.mark.parametrize("line", ["--nonsense train.py", "--runs 1 train.py", "other.py"])
def test_a_magic_that_is_wrong_is_a_line_and_no_traceback(plans, magics, line):
    from IPython.core.error import UsageError

    with pytest.raises(UsageError):
        magics.repeat(line)
    assert plans == []


@pytest.mark.parametrize("line", ["", "begin", "stop", "start a b"])
def test_the_magic_of_recording_says_what_it_expects(magics, line):
    from IPython.core.error import UsageError

    with pytest.raises(UsageError, match="expected start, start FILE, or stop"):
        magics.record(line)


def test_the_extension_registers_both():
    registered = []
    shell = SimpleNamespace(register_magics=registered.append)
    repro_audit.load_ipython_extension(shell)
    assert set(registered[0].magics["line"]) == {"repeat", "record"}
