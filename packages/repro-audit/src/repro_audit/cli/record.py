"""`repro-audit record SCRIPT ARGS`: run it as it is, and record it."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro_audit.cli.options import (
    LAUNCHING,
    kernel_option,
    misplaced_options,
    module_option,
    target_argument,
    trace_option,
)
from repro_audit.errors import OutputError, printable
from repro_audit.wording import counted, how_it_ended

if TYPE_CHECKING:
    from repro_audit.manifest import Manifest

__all__ = ["command"]

_WHAT_IS_SEEN = (
    "Recorded are fit, evaluate, train_on_batch and loops that call optimizer.apply or "
    "apply_gradients of a keras.Model, in the process that was started."
)


@click.command("record", context_settings=LAUNCHING)
@module_option
@kernel_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="manifest.json",
    show_default=True,
    metavar="FILE",
    help="Where the manifest goes; the trace goes beside it.",
)
@trace_option
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@target_argument
def command(
    target: tuple[str, ...],
    module: bool,
    kernel: str | None,
    output: Path,
    trace: str | int | None,
    quiet: bool,
) -> int:
    """Run a script, a module or a notebook as it is, and record its training into a manifest.

    No line of it changes: it has its own arguments, input, output and exit code. A script that
    uses repro_audit.record itself is left to record itself, into the same manifest. A notebook
    runs from the top in a fresh kernel; what its cells show goes beside the manifest.

    Exit codes: the script's own; 2 where it ended well and nothing was trained or evaluated, be it
    in a process that it started, or nothing but by what is not recorded, such as Keras 2; 128 and
    the number of the signal that ended it.

    \b
    Examples:
      repro-audit record train.py --epochs 2
      repro-audit record -o run.json -m mypackage.train
      repro-audit record train.ipynb
    """
    from repro_audit.capture.privacy import clean_notebook
    from repro_audit.manifest.writing import check_replaceable
    from repro_audit.notebook.kernels import check_executed, executed_path
    from repro_audit.recording.process.launcher import (
        check_target,
        finalize_manifest,
        recording_environment,
        run_command,
        run_in_foreground,
        runs_notebook,
    )
    from repro_audit.recording.request import Request

    check_target(target, module=module, kernel=kernel)
    name = printable(target[0])
    check_replaceable(output)
    through = runs_notebook(target, module=module)
    if through:
        check_executed(target[0], output)
    _check_writable(output)
    before = _identity(output)
    request = Request(manifest=str(output.resolve()), trace=trace)
    environment = recording_environment(os.environ, request)
    command = run_command(target, module=module, manifest=output, kernel=kernel)
    code, family = run_in_foreground(command, environment, through=through)
    if through:
        clean_notebook(executed_path(output), Path.cwd())
    manifest = (
        finalize_manifest(output, code, family.computing) if _identity(output) != before else None
    )
    elsewhere = manifest is not None and manifest.unfollowed
    seen = manifest is not None and (manifest.has_outcomes or elsewhere)
    if code:
        _say(f"{name} {how_it_ended(code)}" + ("." if seen else "; no training detected."))
        if misplaced := misplaced_options(target, failed=True):
            _say(misplaced)
    elif not seen and family.computing:
        where = counted(family.computing, "child process")
        _say(f"{name}: {where} computed with TensorFlow, which cannot be followed; no manifest.")
    elif manifest is not None and manifest.refused and not manifest.has_outcomes:
        _say(f"{name}: {printable(manifest.refused)}.")
        return 2
    elif not seen:
        _say(f"{name}: no training detected. {_WHAT_IS_SEEN}")
        return 2
    if manifest is not None and seen and not quiet:
        shown = printable(str(output))
        _say(f"{shown}: {_recorded(manifest)}. Read it: repro-audit {shown}")
    return _shell_code(code)


def _recorded(manifest: Manifest) -> str:
    """Say in a line what a manifest holds."""
    fits, evaluations = manifest.outcomes.fits, manifest.outcomes.evaluations
    held = f"{counted(len(fits), 'fit')}, {counted(manifest.steps, 'step')}"
    if not fits and evaluations:
        held = counted(len(evaluations), "evaluation")
    unfollowed = f"; {manifest.unfollowed}" if manifest.unfollowed else ""
    return f"{manifest.status}: {held}, evidence: {manifest.evidence}{unfollowed}"


def _check_writable(output: Path) -> None:
    """Find out before hours of training whether a manifest can be written.

    Raises:
        OutputError: It cannot.
    """
    try:
        with tempfile.TemporaryFile(dir=output.resolve().parent):
            return
    except OSError as error:
        message = f"{printable(str(output))}: cannot be written: {error.strerror}."
        raise OutputError(message) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells whether a file was replaced."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _shell_code(code: int) -> int:
    """Return the exit code by which a shell tells of a signal."""
    return 130 if code == -signal.SIGINT else 128 - code if code < 0 else code


def _say(message: str) -> None:
    sys.stderr.write(f"repro-audit: {message}\n")
