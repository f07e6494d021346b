"""The recipe repeats: run as it is, and by hand in JupyterLab, it ends in its own verdict."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest
from manifests import ROOT
from playwright.sync_api import Page, sync_playwright
from processes import plain_environment

from repro_audit.notebook.kernels import executed_path, notebook_command

pytestmark = [pytest.mark.keras, pytest.mark.minutes(8)]

RECIPE = ROOT / "examples/recipe.ipynb"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TOKEN = "of-this-test"  # noqa: S105 - of a server on loopback that ends with it
IDENTICAL = '<b class="identical">identical</b> every compared outcome has the same bits'
DARK = "rgb(17, 17, 17)"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which Jupyter knows nothing but this Python."""
    names = "PATH", "DATA_DIR", "CONFIG_DIR", "RUNTIME_DIR"
    folders = {f"JUPYTER_{name}": str(tmp_path / "jupyter" / name.lower()) for name in names}
    return plain_environment() | folders


def verdict(notebook: nbformat.NotebookNode) -> tuple[str, str]:
    """Return what the last cell of a notebook shows: its result as HTML, and what it printed."""
    *_, last = notebook.cells
    results = [item for item in last.outputs if item.output_type == "execute_result"]
    printed = "".join(item.text for item in last.outputs if item.output_type == "stream")
    return results[0].data["text/html"], printed


def test_the_recipe_is_saved_with_the_verdict_that_it_repeats() -> None:
    """And with nothing of the machine that ran it."""
    shown, printed = verdict(nbformat.read(RECIPE, as_version=4))
    assert IDENTICAL in shown
    assert '<b class="caught">caught</b>' in shown
    assert printed == "evidence: repeat/recipe\n"


def test_the_recipe_ends_in_the_verdict_that_it_repeats(
    tmp_path: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    """Run as it is, as a program would; where there is a browser, JupyterLab has run it as well."""
    if CHROMIUM is not None and not pytestconfig.getoption("all_notebooks"):
        pytest.skip("the next test runs it")
    path = Path(shutil.copy(RECIPE, tmp_path))
    monkeypatch.chdir(tmp_path)
    command = notebook_command(path.name, Path("manifest.json"), None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown, printed = verdict(nbformat.read(executed_path(tmp_path / "manifest.json"), as_version=4))
    assert IDENTICAL in shown
    assert '<b class="caught">caught</b>' in shown
    assert "divergent</b>" not in shown
    assert printed == "evidence: repeat/recipe\n"
    assert (tmp_path / "repeat/recipe/report.html").is_file()
    assert path.read_bytes() == RECIPE.read_bytes()


@pytest.fixture
def lab(tmp_path: Path, environment: dict[str, str]) -> Iterator[tuple[Path, str]]:
    """Serve a folder by JupyterLab on loopback; return the folder and the address."""
    folder = tmp_path / "study"
    folder.mkdir()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *(f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}"),
            *(f"--ServerApp.root_dir={folder}", "--ServerApp.log_level=ERROR"),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urlopen(f"{address}/api?token={TOKEN}")  # noqa: S310 - our own address
                break
            except OSError:
                time.sleep(0.1)
        yield folder, address
    finally:
        server.terminate()
        server.wait()


def run_all(page: Page, address: str, name: str) -> None:
    """Open a notebook, and run it from the top by the menu."""
    page.goto(f"{address}/lab/tree/{name}?token={TOKEN}&reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # else Lab asks for a kernel
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_recipe_in_jupyterlab_shows_the_verdict_in_both_themes(
    lab: tuple[Path, str], tmp_path: Path
) -> None:
    """A notebook that changes between runs would show another; pictures are in the folder."""
    folder, address = lab
    notebook = nbformat.read(RECIPE, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None  # what is seen below is of this run
    nbformat.write(notebook, folder / "recipe.ipynb")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(400_000)
        run_all(page, address, "recipe.ipynb")
        page.get_by_text("run-1: ").first.wait_for()  # progress, before there is a verdict
        assert page.locator(".repro-audit").count() == 0
        result = page.locator(".repro-audit")
        result.wait_for(state="attached")
        assert result.locator("b.identical").inner_text() == "identical"
        assert result.locator("b.caught").inner_text() == "caught"
        left = "element => getComputedStyle(element).textAlign"
        assert result.locator("td").first.evaluate(left) == "left"
        page.screenshot(path=tmp_path / "light.png")
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.get_by_text("Theme", exact=True).hover()
        page.get_by_text("JupyterLab Dark", exact=True).click()
        page.wait_for_function(
            "color => getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor"
            " === color",
            arg=DARK,
        )
        color = "element => getComputedStyle(element).color"
        assert result.locator("p").first.evaluate(color) == "rgb(255, 255, 255)"
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        page.screenshot(path=tmp_path / "dark.png")
        browser.close()
    assert [path.name for path in (folder / "repeat").iterdir()] == ["recipe"]
