"""Notebooks as people have them are whole, and each has an answer; `facts.py` checks these."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from manifests import ROOT

NOTEBOOKS = Path(__file__).with_name("notebooks")
ANSWERS: dict[str, dict[str, Any]] = json.loads((NOTEBOOKS / "answers.json").read_text())["answers"]
EXITS = {"identical": 0, "divergent": 1, "inconclusive": 2, "error": 2}
PLACES = re.compile(r"(?<![\w/+])/(?:home|root|work|Users)/")


def cells(name: str) -> list[Any]:
    """Return the code cells that hold something, the first of which is In [1]."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]


def without_outputs(text: str) -> bool:
    """Whether no cell of a notebook holds what it printed."""
    return not any(cell.get("outputs") for cell in json.loads(text)["cells"])


def test_every_notebook_has_an_answer_and_every_answer_a_notebook():
    found = {str(path.relative_to(NOTEBOOKS)) for path in NOTEBOOKS.rglob("*.ipynb")}
    assert found == set(ANSWERS)
    assert len(found) > 10


@pytest.mark.parametrize("name", ANSWERS)
def test_a_notebook_is_valid_and_holds_what_its_author_saw(name):
    text = (NOTEBOOKS / name).read_text(encoding="utf-8")
    nbformat.validate(json.loads(text))
    assert not without_outputs(text)
    assert any(cell.execution_count for cell in cells(name))
    assert not PLACES.search(text)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_fits_its_verdict_and_names_cells_that_are_there(name):
    answer, last = ANSWERS[name], len(cells(name))
    assert answer["exit"] == EXITS[answer["verdict"]]
    assert len(answer["why"].split()) > 10
    named = [answer["fails"], answer["differs"], *answer["prints"], *answer["noise"]]
    assert all(1 <= number <= last for number in named if number is not None)
    assert not set(answer["prints"]) & set(answer["noise"])
    assert (answer["verdict"] == "divergent") == (answer["differs"] is not None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fits": 3}, "fits is 2"),
        ({"weights": "differ"}, "weights is equal"),
        ({"fails": 1}, "fails is None"),
        ({"error": "ValueError: "}, "raises '' and ''"),
        ({"prints": []}, "cells that print something else are [2, 3]"),
        ({"prints": [1]}, "cells that print something else are [2, 3]"),
    ],
)
def test_an_answer_that_two_runs_contradict_is_found(changed, said):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        facts = importlib.import_module("facts")
    one = facts.Ran(["a", "b"], None, "", {1: ["x"], 2: ["1 s"], 3: ["word"]})
    two = one._replace(printed={1: ["x"], 2: ["2 s"], 3: ["other"]})
    right = {"fits": 2, "weights": "equal", "fails": None, "prints": [3], "noise": [2]}
    assert facts.judged(right, one, two) == []
    assert facts.judged({**right, **changed}, one, two) == [said]


def test_what_is_not_so_would_be_seen():
    empty = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    assert without_outputs(nbformat.writes(empty))
    assert PLACES.search('File "/home/someone/train.py"')
    assert not PLACES.search("iVBORw0/root/KGgo")


def test_saved_counts_are_out_of_order_in_the_one_that_is_about_them():
    def ordered(name: str) -> bool:
        counts = [cell.execution_count for cell in cells(name) if cell.execution_count]
        return counts == sorted(counts)

    assert [name for name in ANSWERS if not ordered(name)] == ["cells_out_of_order.ipynb"]
    from_the_top = [cell for cell in cells("cells_out_of_order.ipynb") if "history" in cell.source]
    as_counted = sorted(from_the_top, key=lambda cell: cell.execution_count)
    assert "history = " in from_the_top[0].source
    assert "history = " not in as_counted[0].source, "in that order the name is not yet there"


def test_the_recipe_ends_by_putting_itself_to_the_test():
    recipe = nbformat.read(ROOT / "examples/recipe.ipynb", as_version=4)
    nbformat.validate(recipe)
    calls = [
        cell.cell_type == "code" and "repro_audit.repeat()" in cell.source for cell in recipe.cells
    ]
    assert calls == [False] * (len(calls) - 1) + [True]
