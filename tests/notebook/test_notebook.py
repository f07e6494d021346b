"""A notebook that is really run shows audits, comparisons and recordings as HTML."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from manifests import EXAMPLES
from nbclient import NotebookClient

HIDDEN = """\
import sys
sys.modules["jinja2"] = None
"""
READ = f"""\
import repro_audit
one, two = (repro_audit.load(f"{EXAMPLES}/threads-{{n}}.json") for n in (2, 1))
"""
RECORD = """\
import keras, numpy as np, repro_audit
repro_audit.control(seed=812)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
run = repro_audit.record("manifest.json")
"""
FIT = "model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)"


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what runs cells in a kernel and returns what the last of each shows."""
    # The kernel is this Python, whatever kernels somebody has installed.
    kernels = tmp_path / "jupyter/kernels/python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(
        f'{{"argv": ["{sys.executable}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"], '
        '"display_name": "Python", "language": "python"}',
        encoding="utf-8",
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    for name in ("CONFIG", "RUNTIME", "DATA"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")

    def shown(*cells: str) -> list[dict[str, str]]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        client = NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        )
        client.execute(cwd=os.fspath(tmp_path))
        results = [
            [output["data"] for output in cell.outputs if output.output_type == "execute_result"]
            for cell in notebook.cells
        ]
        return [found[-1] if found else {} for found in results]

    return shown


def test_an_audit_and_a_comparison_show_as_html(shown: Any) -> None:
    """Verdict, where, why, remedy and findings."""
    _, audit, comparison = shown(
        READ, "repro_audit.audit(one, two)", "repro_audit.compare(one, two)"
    )
    for cell in (audit, comparison):
        html = cell["text/html"]
        assert '<b class="divergent">divergent</b>' in html
        assert "thread count: 2 → 1" in html
        assert "repro_audit.control(seed=812, threads=2)" in html
    assert "RA205" in audit["text/html"]
    assert "RA205" not in comparison["text/html"]


def test_without_the_extra_a_notebook_shows_text(shown: Any) -> None:
    """And says nothing of it."""
    *_, audit = shown(HIDDEN, READ, "repro_audit.audit(one, two)")
    assert "text/html" not in audit
    said = audit["text/plain"]
    assert said.startswith("divergent  first difference in the steps of epoch 1")
    assert "Why, likely: thread count: 2 → 1\n    repro_audit.control(seed=812, threads=2)" in said
    assert "RA205" in said


@pytest.mark.keras
def test_a_recording_shows_what_it_holds_by_now(shown: Any) -> None:
    """Before it begins, while it goes on, and at its end."""
    _, before, _, _, during, _, after = shown(
        RECORD, "run", "run.start();", FIT + ";", "run", "run.stop()", "run"
    )
    assert "text/html" not in before
    assert before["text/plain"] == "<repro_audit recording to manifest.json: not begun>"
    assert "running" in during["text/html"]
    assert "inconclusive" in during["text/html"]
    assert "complete: 1 fit, 1 epoch, 1 step" in after["text/html"]
    assert '<b class="controlled">controlled</b>' in after["text/html"]


@pytest.mark.keras
def test_showing_a_recording_changes_no_bit_of_the_run(shown: Any) -> None:
    """The digest of the final state is that of a run which is not shown."""
    cells = [RECORD, "run.start();", FIT + ";", "{}", FIT + ";", "run.stop()"]
    digest = "repro_audit.load('manifest.json').outcomes.digests.final_state"
    *_, quiet = shown(*[cell.format("None") for cell in cells], digest)
    *_, seen = shown(*[cell.format("run") for cell in cells], digest)
    *_, other = shown(*[cell.format(FIT) for cell in cells], digest)
    assert quiet["text/plain"] == seen["text/plain"]
    assert quiet["text/plain"].startswith("'sha256:")
    assert other["text/plain"] != quiet["text/plain"], "one more fit is seen"
