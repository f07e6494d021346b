"""The notebook that calls: its file, the kernel to run it in, and what of it is not saved."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from repro_audit.capture.kernel import kernel_shell, running_cell, running_notebook
from repro_audit.errors import RunError, printable
from repro_audit.files import replace_file
from repro_audit.notebook.cells import code_cells
from repro_audit.notebook.kernels import NoKernelError, check_notebook

__all__ = ["own_notebook"]

_THIS_PYTHON = "python3"
_OURS = "repro_audit"
"""Key of the metadata by which a file is known that was saved here, on Colab."""

_NOT_FOUND = (
    "The notebook that calls cannot be told: JupyterLab, Notebook 7, VS Code and Colab name its "
    "file, what runs it from a terminal (jupyter execute, nbconvert) does not. "
    'Pass it: repro_audit.repeat("NAME.ipynb").'
)


def own_notebook(kernel: str | None) -> tuple[Path, str | None]:
    """Return the file of the notebook that calls, and the kernel to run it in.

    What was run and is not in the file is said on standard error.

    Args:
        kernel: The kernel that was asked for; None is the notebook's own, or this one where that
            is not known here by its name.

    Raises:
        RunError: Nobody tells which file it is, or it cannot be run.
    """
    if kernel_shell() is None:
        message = "There is nothing to run: pass a script or a notebook."
        raise RunError(message)
    path = running_notebook() or _saved_from_colab()
    if path is None:
        raise RunError(_NOT_FOUND)
    _say_what_is_not_saved(path)
    try:
        with contextlib.chdir(path.parent):
            check_notebook([path.name], kernel)
    except NoKernelError:
        if kernel is not None:
            raise
        kernel = _THIS_PYTHON
        sys.stderr.write(f"repro-audit: its kernel is not installed here; {kernel} is taken.\n")
    return path, kernel


def _say_what_is_not_saved(path: Path) -> None:
    """Say which cells were run here and are not in the file as they were run."""
    shell = kernel_shell()
    saved = {cell.source.strip() for cell in code_cells(path)}
    ran = list(shell.history_manager.input_hist_raw)
    lacking = [
        number
        for number, source in enumerate(ran)
        if source.strip() and source.strip() not in saved and number != running_cell()
    ]
    if lacking:
        cells = ", ".join(f"[{number}]" for number in lacking[:8])
        sys.stderr.write(
            f"repro-audit: {printable(path.name)} as it is saved lacks what was run in {cells}. "
            "What is repeated is the file: save it first.\n"
        )


def _saved_from_colab() -> Path | None:
    """Save the notebook that Colab runs, which lies in no folder, beside its other files.

    Returns:
        The file; None where this is not Colab.

    Raises:
        RunError: Another file of its name is there.

    Source:
        ``google.colab._message.blocking_request("get_ipynb")``, private, as Colab's own export of
        notebooks uses it.
    """
    colab = sys.modules.get("google.colab")
    message: Any = getattr(colab, "_message", None)
    if message is None:
        return None
    document = message.blocking_request("get_ipynb", timeout_sec=30)["ipynb"]
    name = Path(document.get("metadata", {}).get("colab", {}).get("name") or "notebook.ipynb").name
    path = Path.cwd() / name
    if path.is_file() and _OURS not in json.loads(path.read_bytes()).get("metadata", {}):
        text = f"{printable(name)}: the notebook would be saved there, and another file is there."
        raise RunError(text)
    document["metadata"] = {**document.get("metadata", {}), _OURS: "saved to be repeated"}
    replace_file(path, json.dumps(document).encode())
    return path
