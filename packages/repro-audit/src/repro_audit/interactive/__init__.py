"""What is called by hand in a session of Python or a notebook: `repeat`, and magics.

`repro_audit` imports this, so it is light: what does the work is imported by a call.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from repro_audit.errors import ReproAuditError

if TYPE_CHECKING:
    from repro_audit.audit import Audit

__all__ = ["load_magics", "repeat"]


def repeat(
    target: str | os.PathLike[str] | None = None,
    *arguments: object,
    module: bool = False,
    kernel: str | None = None,
    directory: str | os.PathLike[str] | None = None,
    runs: int = 2,
    trace: str | int | None = None,
    timeout_s: float | None = None,
    cwd: str = "here",
    pass_env: Sequence[str] = (),
    check_recording: bool = False,
    jobs: int = 1,
    vary: str | Sequence[str] = (),
    one_at_a_time: bool = False,
    confirm: Sequence[str | os.PathLike[str]] | None = None,
    spread: int = 0,
    perturb: int = 0,
    resume: bool = False,
    resume_with: str | None = None,
    at: str | int | None = None,
    kill: bool = False,
    against: str | os.PathLike[str] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    ignore_metrics: Sequence[str] = (),
    require: str = "weights",
    accept_partial: bool = False,
) -> Audit | None:
    """Run a script or a notebook again in clean processes, and compare, as repro-audit repeat does.

    In a cell, without a target, it runs this notebook, as it is saved, twice in fresh kernels, and
    once more with a bit flipped. In a run that a repeat has started it does nothing.

    Args:
        target: The script or the notebook, or a module's name; None is the notebook that calls.
        arguments: Arguments of a script, each as `str` gives it.
        module: Whether `target` is a module's name, as with ``python -m``.
        kernel: Name of a notebook's kernel; None is the one that it asks for.
        directory: Where the evidence goes; None is ``repeat/NAME``.
        runs: Ordinary runs, 2 or more.
        trace: Which steps are traced: ``step``, ``epoch``, ``none`` or every so many; None is
            whatever the script says.
        timeout_s: Seconds after which a run is ended; None waits for ever.
        cwd: Where runs start: ``here``, in the current folder; in a ``copy`` of it; or in an
            ``empty`` one.
        pass_env: Further environment variables to pass on.
        check_recording: Whether to make one more run without any recording.
        jobs: Runs at a time, each on cores of its own.
        vary: Conditions to vary once the runs were identical: ``all``, or names of factors.
        one_at_a_time: Whether each of them gets a run of its own.
        confirm: Two manifests, the first cause of whose difference is varied and nothing else.
        spread: Further seeds to train with.
        perturb: Runs whose first weights are moved by one unit in the last place.
        resume: Whether to stop a further run and start it again, in a copy of the folder.
        resume_with: What these runs are given to resume by, where the script has no means of its
            own: ``keras`` is `BackupAndRestore`.
        at: The epoch after which it is stopped, or a step of one, as ``3.17``; None is after half
            of the epochs.
        kill: Whether it is stopped by SIGKILL.
        against: The baseline that the runs are held against, besides each other.
        rtol: Relative tolerance of history values; with it runs can be ``close``.
        atol: Absolute tolerance of history values.
        ignore_metrics: Metrics that are not compared.
        require: The least evidence: ``history``, ``weights`` or ``trace``.
        accept_partial: Whether agreement may rest on the part of the training that was followed.

    Returns:
        The audit, which a notebook shows; None in a run that a repeat has started.

    Raises:
        RunError: There is nothing to run, or an option takes no such value.
        MissingExtraError: What runs notebooks is not installed.

    Example:
        >>> repro_audit.repeat()  # doctest: +SKIP
        >>> repro_audit.repeat("train.py", "--epochs", 2, jobs=2)  # doctest: +SKIP
    """
    from repro_audit.interactive.repeating import repeat_target

    options = {
        "module": module,
        "kernel": kernel,
        "runs": runs,
        "trace": trace,
        "timeout_s": timeout_s,
        "working_directory": cwd,
        "pass_environment": _several(pass_env),
        "check_recording": check_recording,
        "jobs": jobs,
        "one_at_a_time": one_at_a_time,
        "spread": spread,
        "perturb": perturb,
        "resume": resume,
        "resume_with": resume_with,
        "at": at,
        "kill": kill,
        "rtol": rtol,
        "atol": atol,
        "ignore_metrics": _several(ignore_metrics),
        "require": require,
        "accept_partial": accept_partial,
    }
    try:
        return repeat_target(
            None if target is None else os.fspath(target),
            [str(argument) for argument in arguments],
            directory=None if directory is None else os.fspath(directory),
            vary=vary,
            confirm=None if confirm is None else [os.fspath(file) for file in confirm],
            against=None if against is None else os.fspath(against),
            options=options,
        )
    except ReproAuditError as error:
        said = f"{type(error).__name__}: {error}"
        # A notebook shows the message below the cell, and no code of ours between the two.
        error._render_traceback_ = functools.partial(list, (said,))  # type: ignore[attr-defined]
        raise


def load_magics(shell: Any) -> None:
    """Add ``%repeat`` and ``%record`` to a shell of IPython."""
    from repro_audit.interactive.magics import Magics

    shell.register_magics(Magics)


def _several(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple; one text is one name, and not as many as it has letters."""
    return (names,) if isinstance(names, str) else tuple(names)
