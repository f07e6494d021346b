"""The injections: what is right is counted, and what is wrong is not explained away."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from forking import Server
from processes import plain_environment

HERE = Path(__file__).parent
UNTRACED = "judging", "run"


@pytest.fixture(scope="module")
def modules() -> Any:
    """Return what judges and what counts, which need no framework, and forget them afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        yield [importlib.import_module(name) for name in UNTRACED]
        for name in UNTRACED:
            patch.delitem(sys.modules, name)


# With real runs


@pytest.fixture
def inject(server: Server, tmp_path: Path) -> Any:
    """Return a function that runs the session on a few injections."""

    def inject(*arguments: str) -> Any:
        script, environment = HERE / "run.py", plain_environment() | {"PYTHONHASHSEED": "0"}
        return server.run(script, *arguments, cwd=tmp_path, environment=environment)

    return inject


@pytest.mark.keras
def test_step_and_tensor_of_each_flipped_bit_are_named_and_equal_runs_raise_no_alarm(
    inject: Any,
) -> None:
    """With two models, of which one has two optimizers, and every place of a flip."""
    done = inject("--models", "dense", "adversarial", "--count", "16", "--pairs", "4")
    assert done.code == 0, done.output + done.errors
    table = {line.split()[0]: line.split()[1:] for line in done.output.splitlines() if line}
    assert table["all"] == ["16", "16", "16", "0", "0"]
    assert {"initial", "batch", "step", "between"} <= set(table)
    assert "4 identical pairs, 0 false alarms." in done.output


@pytest.mark.keras
def test_where_the_key_names_another_tensor_each_injection_is_a_miss_and_the_session_fails(
    inject: Any,
) -> None:
    done = inject("--models", "dense", "--count", "6", "--pairs", "1", "--another-tensor")
    assert done.code == 1, done.output + done.errors
    table = {line.split()[0]: line.split()[1:] for line in done.output.splitlines() if line}
    assert table["all"] == ["6", "6", "0", "0", "6"]
    assert done.errors.count("dense: Injection(") == 6


# What is right


def outcome(modules: Any, injection: tuple[Any, ...], named: tuple[Any, ...], *changed: int) -> Any:
    judging, _ = modules
    return judging.judge(judging.Injection(*injection), changed, judging.Named(*named), "")


RIGHT = [
    (("initial", 1, 2, 4, 0, 0), ("divergent", (0, 0), (4,))),
    (("batch", 1, 2, "x", 0, 0), ("divergent", (1, 2), ("x", "loss", 4))),
    (("step", 2, 3, 4, 0, 0), ("divergent", (2, 3), (4,))),
    (("between", 1, 1, 4, 0, 0), ("divergent", (1, 2), ("loss", 2, 4)), 2, 4),
    (("between", 1, 3, 4, 0, 0), ("divergent", (1, None), ("loss", 2, 4)), 2, 4),
    (("end", 2, 3, 4, 0, 0), ("divergent", (2, None), (4,))),
]


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case[0][0])
def test_what_is_right_is_right_in_both(modules: Any, case: Any) -> None:
    assert outcome(modules, *case)[1:4] == (True, True, "")


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case[0][0])
def test_another_step_another_tensor_and_nothing_at_all_are_misses_without_an_explanation(
    modules: Any, case: Any
) -> None:
    injection, (verdict, when, tensors), *changed = case
    assert outcome(modules, injection, (verdict, (2, 1), tensors), *changed)[1:4] == (
        False,
        True,
        "",
    )
    others = tuple({"x": "y", 4: 5}.get(item, item) for item in tensors)
    assert outcome(modules, injection, (verdict, when, others), *changed)[1:4] == (True, False, "")
    assert outcome(modules, injection, ("identical", None, ()), *changed)[1:4] == (False, False, "")


def test_a_tensor_beside_the_one_whose_bit_is_flipped_in_a_step_is_a_miss(modules: Any) -> None:
    """Where nothing else can have changed, nothing else may be named."""
    named = "divergent", (2, 3), (4, 5)
    assert outcome(modules, ("step", 2, 3, 4, 0, 0), named)[1:4] == (True, False, "")


@pytest.mark.parametrize(
    ("changed", "named", "explained"),
    [
        # The tensor has its bits again, and others differ, all of which are named.
        ((2,), ("divergent", (1, 2), ("loss", 2)), True),
        # One of them is not named, or one that does not differ is.
        ((2, 3), ("divergent", (1, 2), ("loss", 2)), False),
        ((2,), ("divergent", (1, 2), (2, 3)), False),
        # Another step is named.
        ((2,), ("divergent", (2, 1), (2,)), False),
        # Nothing is left of it, and nothing is said.
        ((), ("identical", None, ()), True),
        # It is still there, and nothing is said.
        ((4,), ("identical", None, ()), False),
    ],
)
def test_a_miss_between_steps_is_explained_where_the_variables_have_their_bits_again(
    modules: Any, changed: Any, named: Any, explained: bool
) -> None:
    found = outcome(modules, ("between", 1, 1, 4, 0, 0), named, *changed)
    assert (found.right, bool(found.why)) == (False, explained)


# What is counted


@pytest.mark.parametrize(
    ("injected", "alarm", "total", "code"),
    [
        ([], False, 2, 0),
        ([(False, True, "rounded")], False, 3, 0),
        ([(False, True, "")], False, 3, 1),
        ([(True, False, "")], False, 3, 1),
        ([], True, 2, 1),
        ([], False, 3, 1),
    ],
    ids=["right", "explained", "step", "tensor", "false alarm", "not all"],
)
def test_the_session_fails_for_a_miss_without_explanation_a_false_alarm_and_a_lost_run(
    modules: Any, capsys: Any, injected: Any, alarm: bool, total: int, code: int
) -> None:
    judging, run = modules
    every = [("step", True, True, ""), ("none", not alarm, not alarm, "")]
    every += [("between", *item) for item in injected]
    assert run.conclude([("dense", judging.Outcome(*item, "")) for item in every], total) == code
    assert f"1 identical pairs, {int(alarm)} false alarms." in capsys.readouterr().out


def test_runs_are_shared_out_whole_and_each_model_has_its_part(
    modules: Any, tmp_path: Path
) -> None:
    _, run = modules
    given = argparse.Namespace(
        models=["dense", "recurrent"], count=1001, pairs=200, seed=3, another_tensor=False
    )
    shares = run.shares_of(given, tmp_path)
    runs = [item for share in shares for item in share.runs]
    assert (runs.count(None), len(set(runs) - {None})) == (200, 1001)
    assert {share.kind for share in shares} == {"dense", "recurrent"}
    # One share more than whole ones; and all of a model are about as long.
    assert sorted(len(share.runs) for share in shares) == [200, 200, 200, 200, 200, 201]
