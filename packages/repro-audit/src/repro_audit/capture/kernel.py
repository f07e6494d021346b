"""What a process that is a kernel of Jupyter tells of its notebook and of the cell that runs."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import Any

from repro_audit.notebook.kernels import SESSION

__all__ = [
    "cell_of_variable",
    "cells_run",
    "kernel_shell",
    "running_cell",
    "running_notebook",
    "uncaught",
]

_VS_CODE = "__vsc_ipynb_file__"
"""Variable of the notebook in which VS Code gives the same."""


def kernel_shell() -> Any:
    """Return the shell that runs the cells of this process.

    Returns:
        An IPython shell; None where this process is no kernel.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


def running_cell() -> int | None:
    """Return the number of the cell that runs, from 1, as the notebook shows it.

    Returns:
        The number; None where this process is no kernel.
    """
    # The shell's own count is already the next one's (IPython 9), and was not (IPython 8).
    number = len(cells_run()) - 1
    return number if number > 0 else None


def cells_run() -> list[str]:
    """Return the Python that each cell became, by its number: that of 0 is empty.

    Returns:
        The one that runs is the last; none where this process is no kernel.
    """
    shell = kernel_shell()
    return [] if shell is None else list(shell.history_manager.input_hist_parsed)


def cell_of_variable(name: str) -> int | None:
    """Return the cell that a variable of the notebook was assigned in last.

    Returns:
        Its number, from 1; None where this process is no kernel, or no cell assigns it by name.
    """
    for number, cell in reversed(list(enumerate(cells_run()))):
        if name in cell and name in _assigned(cell):
            return number
    return None


def _assigned(cell: str) -> set[str]:
    """Return the names that the text of a cell assigns to."""
    try:
        tree = ast.parse(cell)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def running_notebook() -> Path | None:
    """Return the file of the notebook that runs.

    Returns:
        Its whole path; None where this process is no kernel, or nobody has told it.
    """
    shell = kernel_shell()
    if shell is None:
        return None
    named = [shell.user_ns.get(_VS_CODE), os.environ.get(SESSION)]
    files = [Path(name) for name in named if isinstance(name, str) and name.endswith(".ipynb")]
    return next((file for file in files if file.is_absolute() and file.is_file()), None)


def uncaught() -> BaseException | None:
    """Return the exception that ended the script, or the cell that was run last.

    Returns:
        The exception; None where nothing was raised, or what ends a process as asked.
    """
    shell = kernel_shell()
    if shell is not None and shell.last_execution_succeeded:
        return None  # an earlier cell may raise, and be allowed to
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return None if isinstance(error, SystemExit) else error
