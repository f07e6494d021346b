"""Which notebook calls: its file by what each front end tells, and what of it is not saved."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from repro_audit.capture import kernel as capture_kernel
from repro_audit.capture.kernel import cell_of_variable, running_cell, running_notebook
from repro_audit.errors import RunError
from repro_audit.interactive.own_notebook import own_notebook


def notebook(path, *sources, **metadata):
    cells = [
        {"cell_type": "code", "source": source, "outputs": [], "metadata": {}} for source in sources
    ]
    document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """Stand in for the shell of a kernel, in which some cells were run."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
    history = SimpleNamespace(input_hist_parsed=[""], input_hist_raw=[""])
    shell = SimpleNamespace(kernel=object(), user_ns={}, history_manager=history)
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)

    def ran(*cells):
        history.input_hist_parsed += cells
        history.input_hist_raw += cells

    shell.ran = ran
    return shell


def test_jupyterlab_names_the_file_in_a_variable_of_the_environment(shell, tmp_path, monkeypatch):
    path = notebook(tmp_path / "a.ipynb", "a = 1")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert running_notebook() == path
    assert own_notebook(None) == (path, None)


def test_vs_code_names_it_in_a_variable_of_the_notebook(shell, tmp_path):
    path = notebook(tmp_path / "a.ipynb", "a = 1")
    shell.user_ns["__vsc_ipynb_file__"] = str(path)
    assert own_notebook(None) == (path, None)


@pytest.mark.parametrize("name", ["gone.ipynb", "console-1", "a.py"])
def test_a_name_that_is_no_notebook_is_none(shell, tmp_path, monkeypatch, name):
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / name))
    assert running_notebook() is None
    with pytest.raises(RunError, match=r'Pass it: repro_audit.repeat\("NAME.ipynb"\)'):
        own_notebook(None)


@pytest.fixture
def colab(shell, monkeypatch):
    """Stand in for Colab, which holds a notebook in no file."""
    document = {
        "cells": [{"cell_type": "code", "source": "a = 1", "outputs": [], "metadata": {}}],
        "metadata": {"colab": {"name": "Mine.ipynb"}},
        "nbformat": 4,
        "nbformat_minor": 0,
    }
    module = ModuleType("google.colab")
    answer = {"ipynb": document}
    module._message = SimpleNamespace(blocking_request=lambda *_, **__: answer)
    monkeypatch.setitem(sys.modules, "google.colab", module)
    return document


def test_on_colab_it_is_saved_beside_its_other_files(colab, tmp_path):
    path, _ = own_notebook(None)
    assert path == tmp_path / "Mine.ipynb"
    assert json.loads(path.read_text())["cells"] == colab["cells"]
    colab["cells"][0]["source"] = "a = 2"
    own_notebook(None)
    assert "a = 2" in path.read_text()


def test_on_colab_no_file_of_the_user_is_written(colab, tmp_path):
    path = notebook(tmp_path / "Mine.ipynb", "mine")
    before = path.read_bytes()
    with pytest.raises(RunError, match="another file is there"):
        own_notebook(None)
    assert path.read_bytes() == before


def test_cells_that_the_file_lacks_are_named_but_for_the_one_that_calls(
    shell, tmp_path, monkeypatch, capsys
):
    path = notebook(tmp_path / "a.ipynb", "a = 1", "b = 2")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    shell.ran("a = 1", "b = 3", "c = 4", "repro_audit.repeat()")
    own_notebook(None)
    said = capsys.readouterr().err
    assert "a.ipynb as it is saved lacks what was run in [2], [3]." in said
    assert "save it first" in said


def test_of_what_is_saved_nothing_is_said(shell, tmp_path, monkeypatch, capsys):
    path = notebook(tmp_path / "a.ipynb", "a = 1\n", "repro_audit.repeat()")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    shell.ran("a = 1", "", "repro_audit.repeat()")
    own_notebook(None)
    assert capsys.readouterr().err == ""


def test_a_kernel_that_is_not_known_by_its_name_is_this_one(shell, tmp_path, monkeypatch):
    path = notebook(tmp_path / "a.ipynb", "a = 1", kernelspec={"name": "of-another-machine"})
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert own_notebook(None) == (path, "python3")
    with pytest.raises(RunError, match="not installed here"):
        own_notebook("nonsense")


def test_outside_a_notebook_there_is_nothing_to_run(monkeypatch):
    monkeypatch.setattr(capture_kernel, "kernel_shell", lambda: None)
    with pytest.raises(RunError, match="pass a script or a notebook"):
        own_notebook(None)


def test_the_cell_that_runs_is_the_last_of_the_history(shell):
    assert running_cell() is None
    shell.ran("a = 1", "b = 2")
    assert running_cell() == 2


def test_a_variable_belongs_to_the_cell_that_assigned_it_last(shell):
    shell.ran("rng = 1", "if True:\n    rng = 2", "print(rng)", "nonsense rng =")
    assert cell_of_variable("rng") == 2
    assert cell_of_variable("other") is None
