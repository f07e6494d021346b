"""Varying a script whose sensitivities are known, its runs within this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from executing import InThisProcess
from manifests import EXAMPLES, ROOT

from repro_audit.audit import exit_code
from repro_audit.repeat import FACTORS, Plan, repeat_plan
from repro_audit.report.text import render_text

ALL = [factor.name for factor in FACTORS]
SENSITIVE = str(ROOT / "tests/repeat/scripts/sensitive.py")
EXAMPLE = str(EXAMPLES / "threads-1.json")


class Nobody:
    """Is told how far it has come, and tells nobody."""

    def begins(self, name: str, expected_s: float | None) -> None: ...

    def elapsed(self, name: str, seconds: float) -> None: ...

    def does(self, what: str) -> None: ...

    def ended(self, name: str, ended: Any, manifest: Any) -> None: ...


@pytest.fixture
def vary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that varies a script with known sensitivities."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "0")

    def run(sensitivities: str, *, factors: Any = ALL, **options: Any) -> Any:
        target = [SENSITIVE, EXAMPLE, sensitivities]
        plan = Plan(target=target, module=False, directory=Path("out"), vary=factors, **options)
        result = repeat_plan(plan, Nobody(), InThisProcess(plan.directory))
        said = json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8"))
        return exit_code(result.audit), said, render_text(result.audit, result.manifests)

    return run


def verdicts(said: Any) -> dict[str, str]:
    return {item["name"]: item["verdict"] for item in said["sensitivity"]["factors"]}


def found(said: Any) -> set[str]:
    return {name for name, verdict in verdicts(said).items() if verdict == "changes the run"}


def test_a_run_that_nothing_changes_takes_one_more(vary: Any) -> None:
    """In it everything is varied, and the run says so."""
    code, said, _ = vary("none")
    assert code == 0
    assert verdicts(said) == dict.fromkeys(ALL, "no effect seen")
    assert [run["name"] for run in said["runs"]] == ["run-1", "run-2", "control", "vary-all"]
    assert said["sensitivity"]["runs"] == 1
    for item in said["sensitivity"]["factors"]:
        assert item["expected"] != item["actual"], item["name"]


@pytest.mark.parametrize("name", ["threads", "op-determinism", "hash-seed", "timezone", "cwd"])
def test_the_one_factor_that_changes_a_run_is_found(vary: Any, name: str) -> None:
    """In fewer runs than one for each factor."""
    code, said, _ = vary(name)
    assert code == 0
    assert found(said) == {name}
    assert said["sensitivity"]["complete"] is True
    assert said["sensitivity"]["runs"] < len(ALL)
    (factor,) = (item for item in said["sensitivity"]["factors"] if item["name"] == name)
    assert "epoch 1" in factor["first_difference"]
    assert factor["run"] == f"vary-{name}"


def test_in_groups_the_same_factors_are_found_as_one_at_a_time(vary: Any) -> None:
    """Whatever the groups hold; the runs are fewer."""
    sensitivities = "threads,isa,file-order,locale"
    _, grouped, _ = vary(sensitivities)
    _, one_by_one, _ = vary(sensitivities, one_at_a_time=True)
    assert found(grouped) == found(one_by_one) == set(sensitivities.split(","))
    # And one in which nothing is varied, since something was found.
    assert one_by_one["sensitivity"]["runs"] == len(ALL) + 1


def test_a_factor_that_another_hides_is_found_in_company(vary: Any) -> None:
    """XLA, which op determinism refuses: the run of all others is not that of all."""
    _, said, text = vary("threads,op-determinism,jit:op-determinism")
    assert found(said) == {"threads", "op-determinism", "jit"}
    (jit,) = (item for item in said["sensitivity"]["factors"] if item["name"] == "jit")
    assert jit["reason"] == "seen only together with threads, op-determinism"
    assert jit["run"] == "vary-conditional"
    assert "Together those found give the bits" in text


def test_alone_it_is_not_varied_and_what_hides_it_is_said(vary: Any) -> None:
    """What was not in force is not cleared."""
    _, said, text = vary("jit:op-determinism", factors=["jit"])
    assert verdicts(said) == {"jit": "not varied"}
    (jit,) = said["sensitivity"]["factors"]
    assert jit["hidden_by"] == ["op determinism refuses XLA: vary both"]
    assert "may be hidden: op determinism refuses XLA" in text


def test_a_thread_count_that_the_script_sets_is_varied_in_its_call(vary: Any) -> None:
    """A variable would not be heard."""
    _, said, _ = vary("pins,threads", factors=["threads"])
    (threads,) = said["sensitivity"]["factors"]
    assert (threads["verdict"], threads["expected"], threads["actual"]) == (
        "changes the run",
        "2",
        "1",
    )


def test_a_factor_that_stays_as_it_was_is_not_varied(vary: Any) -> None:
    """What the run says was in force counts, not what it was asked for."""
    _, said, _ = vary("nails", factors=["threads"])
    (threads,) = said["sensitivity"]["factors"]
    assert threads["verdict"] == "not varied"
    assert threads["reason"].startswith("the script decides it in a way that cannot be changed")


def test_a_factor_under_which_the_script_fails_is_not_varied(vary: Any) -> None:
    """And keeps none of the others from being decided."""
    code, said, _ = vary("fails:cwd,onednn")
    assert code == 0
    assert found(said) == {"onednn"}
    (cwd,) = (item for item in said["sensitivity"]["factors"] if item["name"] == "cwd")
    assert cwd["verdict"] == "not varied"
    assert cwd["reason"] == "the run fails under it: vary-cwd ended with exit code 1"
    assert verdicts(said)["locale"] == "no effect seen"
    assert said["sensitivity"]["complete"] is None


def test_a_run_that_differs_by_itself_now_and_then_blames_no_factor(vary: Any) -> None:
    """A last run in which nothing is varied shows it."""
    code, said, text = vary("late", factors=["timezone", "locale"])
    assert code == 0
    assert found(said) == set()
    for item in said["sensitivity"]["factors"]:
        assert item["reason"].startswith("the run differs by itself")
    assert said["runs"][-1]["name"] == "vary-nothing"
    assert "a race, perhaps" in text
