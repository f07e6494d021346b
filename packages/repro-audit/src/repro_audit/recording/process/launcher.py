"""Start a script so that it is recorded, though it does not ask for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from repro_audit.errors import RunError, printable
from repro_audit.files import PathLock
from repro_audit.manifest import Manifest, load
from repro_audit.manifest.records import UNFOLLOWED, Failure, Missing
from repro_audit.manifest.writing import write
from repro_audit.notebook.cells import is_notebook
from repro_audit.notebook.kernels import check_notebook, notebook_command
from repro_audit.recording.process.supervisor.descendants import COMPUTING, Descendants
from repro_audit.recording.request import VARIABLE, Request
from repro_audit.wording import counted, how_it_ended

__all__ = [
    "check_target",
    "finalize_manifest",
    "recording_environment",
    "run_command",
    "run_in_foreground",
    "runs_notebook",
]

_LOOK_S = 0.1
# A scheduler tells a job by the last two that its time is nearly over.
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_STARTUP = Path(__file__).with_name("startup")


def recording_environment(environment: Mapping[str, str], request: Request) -> dict[str, str]:
    """Return the environment of a process that records what it runs.

    Args:
        environment: The environment that the script is to find.
        request: How it is to be recorded.
    """
    paths = [str(_STARTUP), *filter(None, [environment.get("PYTHONPATH")])]
    return {
        **environment,
        "PYTHONPATH": os.pathsep.join(paths),
        VARIABLE: request.encode(),
    }


def run_command(
    target: Sequence[str], *, module: bool, manifest: Path, kernel: str | None = None
) -> list[str]:
    """Return the command that runs a script, a module or a notebook in a fresh process.

    Args:
        target: What is run, and its arguments.
        module: Whether `target` begins with a module's name.
        manifest: Where the manifest goes; of a notebook also what its cells show, beside it.
        kernel: Name of a notebook's kernel; None is the one that it asks for.
    """
    if runs_notebook(target, module=module):
        return notebook_command(target[0], manifest, kernel)
    if module:
        return [sys.executable, "-m", *target]
    # Python would take a name that begins with a dash for an option.
    dash = "./" if target[0].startswith("-") else ""
    return [sys.executable, dash + target[0], *target[1:]]


def runs_notebook(target: Sequence[str], *, module: bool) -> bool:
    """Whether what is run is a notebook, which a kernel runs and not the process itself."""
    return not module and is_notebook(target[0])


def check_target(target: Sequence[str], *, module: bool, kernel: str | None = None) -> None:
    """Check that there is something to run.

    Args:
        target: The script or the notebook, or the module's name, and its arguments.
        module: Whether `target` begins with a module's name.
        kernel: Name of a notebook's kernel; None is the one that it asks for.

    Raises:
        MissingExtraError: What runs notebooks is not installed.
        RunError: There is no such script, or no current folder, or the notebook cannot be run;
            whether there is a module only Python can say.
    """
    if not target:
        message = "There is nothing to run: give a script, or a module after -m."
        raise RunError(message)
    try:
        Path.cwd()
    except OSError as error:
        message = f"The current folder cannot be used: {error.strerror}. Go to one that exists."
        raise RunError(message) from None
    path = Path(target[0])
    if not module and not path.is_file() and not (path / "__main__.py").is_file():
        noun = "notebook" if path.suffix == ".ipynb" else "script"
        message = f"{printable(target[0])}: there is no such {noun}."
        raise RunError(message)
    if runs_notebook(target, module=module):
        check_notebook(target, kernel)
    elif kernel is not None:
        message = f"{printable(target[0])}: only a notebook has a kernel, and this is none."
        raise RunError(message)


def run_in_foreground(
    command: Sequence[str], environment: Mapping[str, str], *, through: bool = False
) -> tuple[int, Descendants]:
    """Run a command with our own input, output and terminal, and pass signals on to it.

    Args:
        command: Arguments of the process.
        environment: Its whole environment.
        through: Whether what it starts itself is the run, as a notebook's kernel is.

    Returns:
        Its exit code, negative for the signal that ended it; and the processes it started.

    Raises:
        RunError: It cannot be started.
    """
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        # Ctrl-C reaches every process of a terminal by itself: passed on, it would come twice.
        if not started:
            early.append(number)
        elif number != signal.SIGINT or not _in_foreground():
            started[0].send_signal(number)

    before = {}
    for number in _PASSED_ON:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, pass_on)
    try:
        started.append(process := subprocess.Popen(command, env=dict(environment)))
        for sent in early:
            process.send_signal(sent)
        family = Descendants(process.pid, through=through)
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK_S), family
            family.look()
    except OSError as error:
        message = f"{printable(command[0])}: cannot be started: {error.strerror}."
        raise RunError(message) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether this process belongs to the job that the terminal talks to."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def finalize_manifest(path: Path, exit_code: int, computing: int = 0) -> Manifest | None:
    """Return the manifest of a process that has ended, and have it say what that could not know.

    A process that was killed could not say so; one that called ``sys.exit(3)`` did not know.
    What its children computed, none knows who is not outside.

    Args:
        path: The manifest.
        exit_code: Exit code of the process; negative for a signal.
        computing: Processes that it started and that computed with TensorFlow.

    Returns:
        The manifest as its file is by then; None where the process left none.

    Raises:
        ManifestError: It cannot be read or is not valid.
        OutputError: It cannot be written.
    """
    lock = PathLock(path)
    if path.parent.is_dir() and lock.acquire():
        lock.release()  # which clears what a process that was killed has left
    if not path.exists():
        return None
    manifest = settled = load(path)
    if computing:
        settled = _with_unfollowed(settled, computing)
    if manifest.status != "failed" and not (manifest.complete and exit_code == 0):
        how = how_it_ended(exit_code) if exit_code else "ended without Python's own end"
        kind = "SystemExit" if exit_code > 0 else "Ended"
        failure = Failure(type=kind, message=f"the process {how}")
        information = settled.information._replace(failure=failure)
        settled = settled._replace(status="failed", information=information)
    if settled is manifest:
        return manifest
    write(settled, path)
    return load(path)


def _with_unfollowed(manifest: Manifest, computing: int) -> Manifest:
    """Return a manifest that names the processes whose training is not in it."""
    noun, what = COMPUTING
    said = f"{counted(computing, noun)} {what}"
    known = manifest.unfollowed
    reason = f"not followed: {said}" if known is None else f"{known}, {said}"
    rest = (item for item in manifest.missing if item.path != UNFOLLOWED)
    missing = sorted([*rest, Missing(path=UNFOLLOWED, reason=reason)])
    return manifest._replace(missing=tuple(missing))
