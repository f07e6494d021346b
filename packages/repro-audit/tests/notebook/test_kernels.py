"""Which kernel runs a notebook, and what is said where it cannot."""

from __future__ import annotations

import json
import sys

import pytest

from repro_audit.errors import MissingExtraError, RunError
from repro_audit.notebook import kernels
from repro_audit.notebook.kernels import check_notebook, executed_path, notebook_command


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Return what writes a notebook that asks for a kernel, beside kernels of our own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    def notebook(kernel=None, name="a.ipynb", source="a = 1"):
        metadata = {} if kernel is None else {"kernelspec": {"name": kernel}}
        cell = {"cell_type": "code", "source": source, "outputs": [], "metadata": {}}
        document = {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
        return name

    return notebook


@pytest.fixture
def kernel(tmp_path):
    """Return what installs a kernel."""

    def kernel(name, python=sys.executable, language="python"):
        folder = tmp_path / "jupyter/kernels" / name
        folder.mkdir(parents=True)
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": name, "language": language}
        (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")

    return kernel


def refusal(path, kernel=None):
    with pytest.raises(RunError) as raised:
        check_notebook([path], kernel)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_the_kernel_that_a_notebook_asks_for_is_taken(notebook, kernel):
    kernel("lab")
    check_notebook([notebook("lab")], None)
    assert "lab" in notebook_command("a.ipynb", kernels.Path("m.json"), None)


def test_a_notebook_that_asks_for_none_gets_this_python(notebook):
    check_notebook([notebook()], None)
    assert "python3" in notebook_command("a.ipynb", kernels.Path("m.json"), None)


def test_another_kernel_can_be_named(notebook):
    path = notebook("conda-env-tf")
    said = refusal(path)
    assert "its kernel 'conda-env-tf' is not installed here" in said
    assert "Name another with --kernel; there is: python3" in said
    check_notebook([path], "python3")


def test_a_kernel_of_another_language_records_nothing(notebook, kernel):
    kernel("ir", language="R")
    assert "expected a notebook of Python, received one of 'R'" in refusal(notebook("ir"))


def test_a_kernel_of_a_python_without_us_records_nothing(notebook, kernel, tmp_path):
    stranger = tmp_path / "python"
    stranger.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    stranger.chmod(0o755)
    kernel("bare", python=str(stranger))
    assert "which has no repro-audit. Install it there" in refusal(notebook("bare"))


def test_a_notebook_takes_no_arguments(notebook):
    with pytest.raises(RunError, match="expected no arguments for a notebook, received '--epochs'"):
        check_notebook([notebook(), "--epochs", "2"], None)


def test_a_notebook_without_code_has_nothing_to_run(notebook):
    assert "no cell holds code" in refusal(notebook(source=" "))


def test_without_the_extra_a_line_says_how_to_get_it(notebook, monkeypatch):
    monkeypatch.setattr(kernels, "_NEEDED", ("nbclient_that_is_absent",))
    with pytest.raises(MissingExtraError, match="notebook"):
        check_notebook([notebook()], None)


def test_a_kernel_starts_in_the_folder_of_its_notebook(notebook, tmp_path):
    def folder(path):
        command = notebook_command(path, kernels.Path("m.json"), None)
        return command[command.index("--folder") + 1]

    assert folder(notebook()) == "."
    assert folder(notebook(name="study/b.ipynb")) == "study"
    (tmp_path / "elsewhere").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "elsewhere")
        assert folder("../a.ipynb") == str(tmp_path)


def test_what_cells_show_goes_beside_the_manifest():
    assert executed_path(kernels.Path("x/run.json")).name == "run.executed.ipynb"
