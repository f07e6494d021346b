"""The kernel that a notebook asks for, and the command that runs the notebook in it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from repro_audit.errors import OutputError, RunError, missing_extra, printable, shown
from repro_audit.files import read_bounded
from repro_audit.notebook.cells import code_cells

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

__all__ = [
    "CONNECTION",
    "MARK",
    "SESSION",
    "NoKernelError",
    "check_executed",
    "check_notebook",
    "executed_path",
    "folder_of",
    "notebook_command",
]

SESSION = "JPY_SESSION_NAME"
"""Variable in which Jupyter Server (since 2.0) gives a kernel the whole path of its notebook."""

CONNECTION = ".jupyter/kernel.json"
"""End of the path of the file by which a kernel is reached: none that its notebook reads."""

MARK = "repro_audit"
"""Key of the metadata of a notebook that was executed here: it may be replaced by the next one."""

_NEEDED = ("nbformat", "nbclient", "ipykernel", "jupyter_client")
_DEFAULT = "python3"


class NoKernelError(RunError):
    """The kernel that a notebook is to be run in is not installed."""


def executed_path(manifest: Path) -> Path:
    """Return where the notebook goes, with what its cells have shown: beside the manifest.

    >>> str(executed_path(Path("run-1/manifest.json")))
    'run-1/manifest.executed.ipynb'
    """
    return manifest.with_name(f"{manifest.stem}.executed.ipynb")


def check_notebook(target: Sequence[str], kernel: str | None) -> None:
    """Check that a notebook can be run here.

    Args:
        target: The notebook, and nothing behind it.
        kernel: Name of the kernel to run it in; None is the one that it asks for.

    Raises:
        MissingExtraError: The extra ``notebook`` is not installed.
        RunError: It is no notebook of Python, its kernel is not there or cannot record.
    """
    path, *arguments = target
    name = printable(path)
    if arguments:
        message = f"{name}: expected no arguments for a notebook, received {shown(arguments[0])}."
        raise RunError(message)
    if any(importlib.util.find_spec(module) is None for module in _NEEDED):
        what = "running a notebook"
        raise missing_extra(what, extra="notebook")
    if not code_cells(Path(path)):
        message = f"{name}: no cell holds code."
        raise RunError(message)
    _check_readable(path, name)
    folder_of(path)
    asked = _kernel_name(path, kernel)
    spec = _spec(name, asked)
    if spec.language.lower() != "python":
        message = f"{name}: expected a notebook of Python, received one of {shown(spec.language)}."
        raise RunError(message)
    python = spec.argv[0]
    if Path(python).is_absolute() and python != sys.executable and not _records(python):
        message = (
            f"{name}: its kernel {shown(asked)} is another Python, {printable(python)}, which has "
            "no repro-audit. Install it there, or name another kernel with --kernel."
        )
        raise RunError(message)


def folder_of(path: str) -> Path:
    """Return the folder that a notebook is in, from the current folder.

    Raises:
        RunError: It is not below the current folder: what runs leave and read there would not be
            seen, and no copy of the current folder would hold it.
    """
    own, here = Path(path).absolute().parent, Path.cwd()
    own = Path(os.path.normpath(own))
    if not own.is_relative_to(here):
        message = (
            f"{printable(path)}: lies outside the current folder. Go to its folder, or to one "
            f"above it: cd {printable(str(own))}"
        )
        raise RunError(message)
    return own.relative_to(here)


def check_executed(target: str, manifest: Path) -> None:
    """Refuse to replace a notebook that is not one of ours.

    Args:
        target: The notebook that is to be run.
        manifest: Beside which the executed one goes.

    Raises:
        OutputError: There is another notebook, or the one that is to be run.
    """
    path = executed_path(manifest)
    if not os.path.lexists(path):
        return
    ours = False
    with contextlib.suppress(OSError, ValueError, AttributeError):
        ours = MARK in json.loads(path.read_bytes()).get("metadata", {})
    same = os.path.realpath(path) == os.path.realpath(target)
    if same or not ours or path.is_symlink():
        message = (
            f"{printable(str(path))}: the notebook with what its cells show would take the place "
            "of another one. Name another manifest with --output, or move the file."
        )
        raise OutputError(message)


def notebook_command(path: str, manifest: Path, kernel: str | None) -> list[str]:
    """Return the command that runs a notebook in a fresh kernel.

    The process starts in the current folder or a copy of it; the kernel, as Jupyter does, in the
    folder that the notebook is in, which is below it.

    Args:
        path: The notebook.
        manifest: Beside which the executed notebook goes.
        kernel: Name of the kernel; None is the one that the notebook asks for.
    """
    whole = Path(path).absolute()
    return [
        # The request to record is for the kernel: this process leaves PYTHONPATH alone.
        *(sys.executable, "-E", "-P", "-m", "repro_audit.notebook.running"),
        *(str(whole), str(executed_path(manifest).resolve())),
        *("--kernel", _kernel_name(path, kernel), "--folder", str(folder_of(path))),
    ]


def _kernel_name(path: str, kernel: str | None) -> str:
    """Return the name of the kernel that a notebook is to be run in."""
    if kernel is not None:
        return kernel
    found = json.loads(read_bounded(path).decode("utf-8-sig"))
    for key in ("metadata", "kernelspec", "name"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found else _DEFAULT


def _check_readable(path: str, name: str) -> None:
    """Refuse what the library that runs notebooks does not read.

    Raises:
        RunError: It does not.
    """
    import warnings

    import nbformat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without an id, which get one
            nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - it raises errors of several libraries
        said = printable((str(error).splitlines() or [type(error).__name__])[0])[:200]
        message = f"{name}: is no valid notebook: {said}"
        raise RunError(message) from None


def _spec(name: str, kernel: str) -> KernelSpec:
    """Return what is known of a kernel.

    Raises:
        RunError: It is not installed.
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        return manager.get_kernel_spec(kernel)
    except NoSuchKernel:
        there = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        message = (
            f"{name}: its kernel {shown(kernel)} is not installed here. "
            f"Name another with --kernel; there is: {printable(there)}."
        )
        raise NoKernelError(message) from None


def _records(python: str) -> bool:
    """Whether another Python can record what it runs."""
    command = [python, "-c", "import repro_audit.recording"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
