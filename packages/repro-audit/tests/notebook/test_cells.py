"""What is read of a notebook without Jupyter: its cells, their digest, which one failed."""

from __future__ import annotations

import json

import pytest

from repro_audit.errors import ManifestError, RunError
from repro_audit.notebook.cells import code_cells, digest_cells, failed_cell, is_notebook, printed

ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no such column"}


def cell(source, *outputs, kind="code", count=None):
    return {
        "cell_type": kind,
        "source": source,
        "outputs": list(outputs),
        "execution_count": count,
        "metadata": {},
    }


@pytest.fixture
def notebook(tmp_path):
    """Return what writes a notebook of some cells."""

    def notebook(*cells, name="a.ipynb"):
        document = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
        return tmp_path / name

    return notebook


def test_cells_are_numbered_as_jupyter_does_when_all_are_run(notebook):
    path = notebook(cell("# title", kind="markdown"), cell("a = 1"), cell(" \n"), cell("b = 2"))
    assert [(item.number, item.source) for item in code_cells(path)] == [(1, "a = 1"), (2, "b = 2")]


def test_a_text_may_be_one_string_or_a_list_of_lines(notebook):
    one, other = (
        notebook(cell("a = 1\nb = 2")),
        notebook(cell(["a = 1\n", "b = 2"]), name="b.ipynb"),
    )
    assert code_cells(one) == code_cells(other)


def test_a_notebook_of_version_3_holds_its_cells_in_sheets(tmp_path):
    sheet = {"cells": [{"cell_type": "code", "input": "a = 1", "outputs": []}]}
    (tmp_path / "old.ipynb").write_text(json.dumps({"worksheets": [sheet]}), encoding="utf-8")
    assert [item.source for item in code_cells(tmp_path / "old.ipynb")] == ["a = 1"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"cells": [1]}', "nonsense", '{"cells": {}}1'])
def test_what_is_no_notebook_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "a.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="expected a notebook of Jupyter") as raised:
        code_cells(path)
    assert "\n" not in str(raised.value)


def test_a_notebook_that_is_not_there_is_no_notebook(tmp_path):
    with pytest.raises(ManifestError, match="no such file"):
        code_cells(tmp_path / "a.ipynb")


def test_outputs_counts_and_prose_change_no_digest_and_code_does(notebook):
    plain = digest_cells(notebook(cell("a = 1")))
    ran = notebook(cell("prose", kind="markdown"), cell("a = 1", ERROR, count=7), name="b.ipynb")
    assert digest_cells(ran) == plain
    assert digest_cells(notebook(cell("a = 2"), name="c.ipynb")) != plain


def test_only_the_last_cell_that_was_run_can_have_failed(notebook):
    allowed = cell("1/0", ERROR, count=1)
    assert failed_cell(notebook(allowed, cell("a", count=2))) is None
    path = notebook(allowed, cell("b", ERROR, count=2), cell("c"), name="b.ipynb")
    assert failed_cell(path) == "cell 2 failed: ValueError: no such column"


def test_where_no_notebook_was_executed_no_cell_failed(tmp_path):
    assert failed_cell(tmp_path / "none.ipynb") is None


def test_what_a_cell_printed_and_what_it_gave_are_text(notebook):
    stream = {"output_type": "stream", "name": "stdout", "text": ["one\n", "two\n"]}
    result = {"output_type": "execute_result", "data": {"text/plain": "3", "image/png": "iVBO"}}
    (item,) = code_cells(notebook(cell("f()", stream, result, ERROR)))
    assert list(printed(item)) == ["one", "two", "3", "ValueError: no such column"]


def test_of_html_what_a_reader_sees_is_text(notebook):
    html = "<style>p { color: #123456 }</style><p id='T_9f3'>accuracy <b>0.5</b></p>"
    shown = {"text/html": html, "text/markdown": ["*loss*\n", "0.1"], "application/json": {"a": 1}}
    (item,) = code_cells(notebook(cell("f()", {"output_type": "display_data", "data": shown})))
    assert [" ".join(line.split()) for line in printed(item)] == [
        "accuracy 0.5",
        "*loss*",
        "0.1",
        '{"a": 1}',
    ]


def test_a_mark_of_byte_order_is_no_part_of_a_notebook(notebook):
    path = notebook(cell("a = 1"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [item.source for item in code_cells(path)] == ["a = 1"]


@pytest.mark.parametrize(("name", "answer"), [("a.ipynb", True), ("a.py", False), ("ipynb", False)])
def test_a_notebook_is_known_by_the_end_of_its_name(name, answer):
    assert is_notebook(name) is answer
