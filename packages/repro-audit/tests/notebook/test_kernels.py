"""Which kernel runs a notebook, and what is said where it cannot."""

from __future__ import annotations

import json
import sys

import pytest

from repro_audit.errors import MissingExtraError, OutputError, RunError
from repro_audit.notebook import kernels
from repro_audit.notebook.kernels import (
    check_executed,
    check_notebook,
    executed_path,
    notebook_command,
)


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


def test_a_notebook_outside_the_current_folder_is_refused(notebook, tmp_path, monkeypatch):
    """What its runs leave and read would not be seen, and no copy would hold it."""
    notebook()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert f"Go to its folder, or to one above it: cd {tmp_path}" in refusal("../a.ipynb")


@pytest.mark.parametrize("spec", [None, "x", [], {}, {"name": 5}, {"name": ""}])
def test_what_names_no_kernel_is_none(notebook, tmp_path, spec):
    path = tmp_path / notebook()
    document = {**json.loads(path.read_text()), "metadata": {"kernelspec": spec}}
    path.write_text(json.dumps(document), encoding="utf-8")
    command = notebook_command("a.ipynb", kernels.Path("m.json"), None)
    assert command[command.index("--kernel") + 1] == "python3"


@pytest.mark.parametrize("metadata", [None, [], "x"])
def test_metadata_that_is_none_is_refused_in_one_line(notebook, tmp_path, metadata):
    path = tmp_path / notebook()
    path.write_text(json.dumps({**json.loads(path.read_text()), "metadata": metadata}))
    assert "is no valid notebook" in refusal("a.ipynb")


@pytest.mark.parametrize(
    "changed", [{"nbformat": 9}, {"cells": [{"cell_type": "code", "source": "a"}]}]
)
def test_what_the_library_does_not_read_is_refused_before_it_runs(notebook, tmp_path, changed):
    path = tmp_path / notebook()
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    assert "is no valid notebook" in refusal("a.ipynb")


def test_no_notebook_of_the_user_is_replaced(notebook, tmp_path):
    """One that was executed here may be, unless it is the one that runs."""
    target, output = notebook(), tmp_path / "run.json"
    check_executed(target, output)
    mine = tmp_path / notebook(name="run.executed.ipynb")
    with pytest.raises(OutputError, match="would take the place of another one"):
        check_executed(target, output)
    document = json.loads(mine.read_text())
    mine.write_text(json.dumps({**document, "metadata": {"repro_audit": "executed"}}))
    check_executed(target, output)
    with pytest.raises(OutputError):
        check_executed(mine.name, output)


def test_what_cells_show_goes_beside_the_manifest():
    assert executed_path(kernels.Path("x/run.json")).name == "run.executed.ipynb"
