"""The statement in LaTeX, compiled into a paper by a real TeX engine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pypdfium2
import pytest
from pages import PAGES, everything

from repro_audit.report.latex import render_latex

ENGINES = [name for name in ("pdflatex", "lualatex", "xelatex") if shutil.which(name)]
pytestmark = pytest.mark.skipif(not ENGINES, reason="there is no TeX")
PAPER = r"""\documentclass{article}
%s
\begin{document}
\section{Results}
As good as any.
\input{statement}
\section{Conclusion}
The end.
\end{document}
"""
HOSTILE = (
    r"\end{description}\end{document}\input{/etc/passwd}\write18{touch written} "
    "\\ $x_1^2$ 100% #1 & ~ {} -- `` '' \" <> | \x1b[31mred \u202eevil 漢字 é Ł ß \x00 \\\\"
)


def compiled(folder: Path, statement: str, preamble: str = "", engine: str = "pdflatex") -> str:
    """Compile a paper with a statement in it and return its text.

    Raises:
        subprocess.CalledProcessError: It does not compile.
    """
    (folder / "statement.tex").write_text(statement, encoding="utf-8")
    (folder / "paper.tex").write_text(PAPER % preamble, encoding="utf-8")
    command = [engine, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert b"Missing character" not in done.stdout
    pages = pypdfium2.PdfDocument(folder / "paper.pdf")
    text = " ".join(page.get_textpage().get_text_range() for page in pages)
    return " ".join(text.split())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PAGES)
def test_a_statement_of_any_audit_compiles(tmp_path: Path, name: str, engine: str) -> None:
    """And what comes after it is there."""
    text = compiled(tmp_path, render_latex(*PAGES[name]()), engine=engine)
    assert "Reproducibility statement" in text
    assert PAGES[name]()[0].verdict in text
    assert "The end." in text


@pytest.mark.parametrize(
    "preamble",
    ["", r"\usepackage[T1]{fontenc}", r"\AtBeginDocument{\catcode34=13}", r"\usepackage{hyperref}"],
)
def test_hostile_text_is_printed_and_nothing_else(tmp_path: Path, preamble: str) -> None:
    """No file is read and no command run; not even where a language makes quotes active."""
    text = compiled(tmp_path, render_latex(*everything(HOSTILE)), preamble)
    assert r"\input{/etc/passwd}\write18{touch written}" in text
    assert "root:" not in text
    assert not (tmp_path / "written").exists()
    assert r"\x1b[31mred \u202eevil" in text
    assert "The end." in text


def test_text_that_is_not_escaped_does_what_it_says(tmp_path: Path) -> None:
    """The negative: the same text as it stands."""
    with pytest.raises(subprocess.CalledProcessError):
        compiled(tmp_path, HOSTILE)
    (tmp_path / "other.tex").write_text("content of another file", encoding="utf-8")
    assert "content of another file" in compiled(tmp_path, r"\input{other}")
