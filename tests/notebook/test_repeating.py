"""`repro-audit repeat` on notebooks as people have them says what was answered beforehand."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from processes import plain_environment

from repro_audit.manifest import load

pytestmark = [pytest.mark.keras, pytest.mark.minutes(5)]

sys.path.insert(0, str(Path(__file__).parent))
facts = importlib.import_module("facts")
IN_SHORT = {
    "magics.ipynb",
    "cells_out_of_order.ipynb",
    "failing.ipynb",
    "records_itself.ipynb",
    "kernel_of_another_machine.ipynb",
}
"""Those that every run of the tests repeats; all of them with ``--all-notebooks``."""

TRAINS_THE_SAME_TWICE = "retrained.ipynb"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the notebooks that are asked for."""
    names = [
        name
        for name in facts.ANSWERS
        if metafunc.config.getoption("all_notebooks") or name in IN_SHORT
    ]
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", names)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the folder of notebooks, in which only kernels of this Python are known."""
    for name in ("PATH", "DATA_DIR", "CONFIG_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / "jupyter" / name.lower()))
    return Path(shutil.copytree(facts.NOTEBOOKS, tmp_path / "copy"))


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = plain_environment() | {
        name: value for name, value in os.environ.items() if name.startswith("JUPYTER_")
    }
    command = [sys.executable, "-m", "repro_audit", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_verdict_is_as_answered_and_names_the_cell(name: str, folder: Path) -> None:
    """Also which cell fails or prints something else; and no byte of the notebook changes."""
    answer: dict[str, Any] = facts.ANSWERS[name]
    before = (folder / name).read_bytes()
    done = run("repeat", "-q", "--format", "json", "-d", "evidence", name, folder=folder)
    assert (folder / name).read_bytes() == before
    assert done.returncode == answer["exit"], done.stderr
    if answer["verdict"] == "error":
        assert answer["error"] in done.stderr
        assert done.stderr.count("\n") == 1
        return
    audit = json.loads(done.stdout)
    assert audit["verdict"] == answer["verdict"]
    said = [f"cell {number}" for number in answer["prints"]]
    if answer["fails"] and answer["error"] != "DeadKernelError":
        assert f"cell {answer['fails']} failed: {answer['error']}" in audit["reason"]
    elif answer["verdict"] != "divergent":
        assert ("the output of" in audit["reason"]) is bool(said)
        assert any(cell in audit["reason"] for cell in said) is bool(said)
    elif "cause" in answer:
        first, *_ = audit["comparisons"][0]["causes"]
        assert answer["cause"] in first["title"]
        assert audit["comparisons"][0]["first_difference"]["kind"] == answer["first"]


def test_a_recorded_notebook_ends_in_the_weights_of_a_plain_run(name: str, folder: Path) -> None:
    """A cell in front has each fit write down a digest of its weights, with us and without."""
    answer = facts.ANSWERS[name]
    if answer["weights"] != "equal" or not answer["fits"] or name == "records_itself.ipynb":
        pytest.skip("it trains nothing that two runs of it agree in")
    plain = facts.ran(name).fits
    notebook = nbformat.read(folder / name, as_version=4)
    fits = folder / "fits"
    first = nbformat.v4.new_code_cell(f"FITS = {str(fits)!r}\n{facts.OBSERVE}")
    notebook.cells.insert(0, first)
    nbformat.write(notebook, folder / name)
    run("record", "-q", name, folder=folder)
    assert fits.read_text().split() == plain
    assert len(load(folder / "manifest.json").outcomes.fits) == len(plain)
    told = 1 if name == TRAINS_THE_SAME_TWICE else len(plain)
    assert len(set(plain)) == told, "a fit is told from another"


def test_the_kernel_of_another_machine_can_be_replaced(folder: Path) -> None:
    """By its name; the cell of each fit is in the manifest, and what cells show lies beside it."""
    name = "kernel_of_another_machine.ipynb"
    done = run("record", "-q", "--kernel", "python3", name, folder=folder)
    assert done.returncode == 0, done.stderr
    manifest = load(folder / "manifest.json")
    assert manifest.conditions.code is not None
    assert manifest.conditions.code.argv == (name,)
    assert set(manifest.conditions.code.files) == {name}
    (cell,) = set(manifest.information.fit_cells or ())
    executed = nbformat.read(folder / "manifest.executed.ipynb", as_version=4)
    cells = [item for item in executed.cells if item.cell_type == "code" and item.source]
    assert ".fit(" in cells[cell - 1].source
    assert [item.execution_count for item in cells] == list(range(1, len(cells) + 1))


CACHE = """\
import os, pathlib
import keras, numpy as np
cache = pathlib.Path("seed.txt")
if not cache.exists():
    cache.write_text(str(int.from_bytes(os.urandom(3), "big")))
keras.utils.set_random_seed(int(cache.read_text()))
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0);
"""


def test_what_a_run_leaves_beside_its_notebook_is_seen_to_be_read_by_the_next(folder: Path) -> None:
    """The kernel starts below the folder that the runs start in; equal bits prove nothing here."""
    cells = [nbformat.v4.new_code_cell(CACHE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "study" / "cache.ipynb")
    done = run("repeat", "-q", "--format", "json", "study/cache.ipynb", folder=folder)
    audit = json.loads(done.stdout)
    assert (done.returncode, audit["verdict"]) == (2, "inconclusive")
    assert "run-2 read study/seed.txt, which" in audit["reason"]
    assert audit["comparisons"][0]["verdict"] == "identical"
