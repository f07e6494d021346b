"""The whole way: an author trains, states and attaches; a reviewer has nothing but the PDF."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from manifests import ROOT
from papers import drawn, pictures

pytestmark = pytest.mark.minutes(2)

LEFT = shutil.ignore_patterns(".git", ".nox", ".venv", "build", ".*_cache", "__pycache__")
PAPER = r"""\documentclass{article}
\begin{document}
\section{Results}
Our network reads digits.
\input{statement}
\end{document}
"""


def done(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command and return how it ended."""
    return subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        env=environment or None,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run what the README says in a copy of the project, and return where the evidence is."""
    copy = tmp_path_factory.mktemp("author") / "project"
    shutil.copytree(ROOT, copy, ignore=LEFT)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOX_")}
    ended = done(sys.executable, "-m", "nox", "-s", "reproduce", cwd=copy, **kept | {"PATH": path})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return copy / "build/reproduce/mnist_cnn"


def written(folder: Path, statement: str) -> Path:
    """Write a paper with a statement: by TeX, or drawn where there is none."""
    (folder / "statement.tex").write_text(statement, encoding="utf-8")
    (folder / "paper.tex").write_text(PAPER, encoding="utf-8")
    if shutil.which("pdflatex") is None:
        return drawn(folder / "paper.pdf")
    ended = done("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper", cwd=folder)
    assert ended.returncode == 0, ended.stdout
    return folder / "paper.pdf"


@pytest.mark.keras
def test_a_reviewer_with_nothing_but_the_paper_reads_the_authors_verdict(
    reproduced: Path, installed: Callable[..., Path], tmp_path: Path
) -> None:
    """From `nox -s reproduce` to `repro-audit paper.pdf` in an empty environment."""
    manifests = [f"run-{number}/manifest.json" for number in (1, 2)]
    ours = sys.executable, "-m", "repro_audit"
    audit = json.loads((reproduced / "audit.json").read_text(encoding="utf-8"))
    assert (audit["verdict"], audit["evidence"]) == ("identical", "trace")
    assert (reproduced / "report.html").stat().st_size < 1_000_000
    statement = done(*ours, *manifests, "--format", "latex", cwd=reproduced)
    assert r"\textbf{identical}" in statement.stdout
    paper = written(tmp_path, statement.stdout)
    attached = tmp_path / "attached.pdf"
    ended = done(
        *ours, "attach", paper, *manifests, "--with-traces", "-o", attached, cwd=reproduced
    )
    assert ended.returncode == 0, ended.stderr
    assert pictures(attached) == pictures(paper)

    desk = tmp_path / "desk"
    desk.mkdir()
    shutil.copy(attached, desk / "paper.pdf")
    theirs = str(installed(tmp_path, "paper") / "repro-audit")
    alone = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    read = done(theirs, "paper.pdf", "--format", "json", cwd=desk, **alone)
    assert read.returncode == 0, read.stderr
    judged = json.loads(read.stdout)
    for name in ("verdict", "reason", "evidence"):
        assert judged[name] == audit[name]
    mine = [item["digest"] for item in audit["manifests"]]
    assert [item["digest"] for item in judged["manifests"]] == mine
    # The verdict is read from what is attached: another run beside it is not the same.
    control = reproduced / "control/manifest.json"
    assert done(theirs, "paper.pdf", control, cwd=desk, **alone).returncode != 0
    assert [path.name for path in desk.iterdir()] == ["paper.pdf"]
