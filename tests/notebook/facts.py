"""Check the answers about notebooks without repro-audit: `python tests/notebook/facts.py [NAME …]`.

Each notebook is run twice by nbclient alone, in fresh kernels of copies of its folder. A cell in
front of it has every fit write down a digest of the weights it ends with. Takes six minutes on two
cores.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

NOTEBOOKS = Path(__file__).with_name("notebooks")
ANSWERS: dict[str, dict[str, Any]] = json.loads((NOTEBOOKS / "answers.json").read_text())["answers"]

# Keras is patched behind the cell that imports it, so that nothing is imported before its time.
OBSERVE = """\
def _observe():
    import hashlib, sys
    keras = sys.modules.get("keras")
    if keras is None or getattr(keras.Model.fit, "observed", False):
        return
    fit = keras.Model.fit
    def observed(self, *args, **kwargs):
        result = fit(self, *args, **kwargs)
        bits = b"".join(weight.tobytes() for weight in self.get_weights())
        with open(FITS, "a") as file:
            print(hashlib.sha256(bits).hexdigest(), file=file)
        return result
    observed.observed = True
    keras.Model.fit = observed
get_ipython().events.register("post_run_cell", lambda result: _observe())
"""


class Ran(NamedTuple):
    """What one run of a notebook did.

    Attributes:
        fits: Digest of the weights after each fit.
        fails: Number of the cell at which it ended; None if all ran.
        error: What it raised.
        printed: Text of each cell that is no log of TensorFlow's, by its number.
    """

    fits: list[str]
    fails: int | None
    error: str
    printed: dict[int, list[str]]


def ran(name: str) -> Ran:
    """Run a notebook from top to bottom in a copy of its folder.

    Args:
        name: Its path below the folder of notebooks.

    Raises:
        NoSuchKernel: Its kernelspec is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "copy")
        shutil.copytree(NOTEBOOKS, copied)
        fits = Path(folder, "fits")
        notebook = nbformat.read(copied / name, as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
        for cell in cells:
            cell.outputs = []  # where a cell fails, those behind it would keep their author's
        first = nbformat.v4.new_code_cell(f"FITS = {str(fits)!r}\n{OBSERVE}")
        notebook.cells.insert(0, first)
        begun: list[Any] = []
        client = NotebookClient(
            notebook,
            timeout=300,
            resources={"metadata": {"path": str((copied / name).parent)}},
            on_cell_execute=lambda cell, **_: begun.append(cell),
        )
        error = ""
        try:
            client.execute()
        except CellExecutionError as raised:
            error = f"{raised.ename}: {raised.evalue}"
        except DeadKernelError as raised:
            error = f"DeadKernelError: {raised}"
        fails = [number for number, cell in enumerate(cells, start=1) if cell is begun[-1]]
        printed = {number: _texts(cell.outputs) for number, cell in enumerate(cells, start=1)}
        digests = fits.read_text().split() if fits.exists() else []
        return Ran(digests, fails[0] if error else None, error, printed)


def _texts(outputs: list[Any]) -> list[str]:
    """Return what a cell showed, pictures and HTML among it."""
    shown = [
        output.get("text") or json.dumps(output.get("data", output.get("evalue")))
        for output in outputs
        if output.get("name") != "stderr"
    ]
    return ["".join(shown)]


def wrong(name: str, answer: dict[str, Any]) -> list[str]:
    """Return what is not so of an answer."""
    try:
        one, two = ran(name), ran(name)
    except NoSuchKernel as error:
        named = answer["verdict"] == "error" and answer["error"] in str(error)
        return [] if named else [str(error)]
    return judged(answer, one, two)


def judged(answer: dict[str, Any], one: Ran, two: Ran) -> list[str]:
    """Return in what an answer and two runs disagree."""
    equal = "equal" if one.fits == two.fits else "differ"
    unlike = [number for number in one.printed if one.printed[number] != two.printed[number]]
    found = {"fits": len(one.fits), "weights": equal, "fails": one.fails}
    said = [f"{key} is {value}" for key, value in found.items() if answer[key] != value]
    if not one.error.startswith(answer.get("error", "")) or one.error != two.error:
        said.append(f"raises {one.error!r} and {two.error!r}")
    if not set(answer["prints"]) <= set(unlike) <= {*answer["prints"], *answer["noise"]}:
        said.append(f"cells that print something else are {unlike}")
    return said


def main() -> int:
    """Print each notebook with what is wrong of its answer, and return how many there are."""
    failed = 0
    for name in sys.argv[1:] or ANSWERS:
        said = wrong(name, ANSWERS[name])
        failed += bool(said)
        print(f"{name}: {'; '.join(said) or 'as answered'}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
