"""Carry out a repeat that was called in Python: find what to run, show progress, leave a report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from repro_audit.audit import Audit
from repro_audit.capture.kernel import kernel_shell
from repro_audit.errors import MissingExtraError, printable
from repro_audit.files import replace_file
from repro_audit.interactive.own_notebook import own_notebook
from repro_audit.recording.process.launcher import check_target
from repro_audit.recording.request import Request
from repro_audit.repeat import Plan, default_directory, named_factors, planned, repeat_plan
from repro_audit.repeat.folders import REPORT
from repro_audit.repeat.repeating import Repeated
from repro_audit.report.html import render_html

__all__ = ["repeat_target"]


def repeat_target(
    target: str | None,
    arguments: Sequence[str],
    *,
    directory: str | None,
    vary: str | Sequence[str],
    confirm: Sequence[str] | None,
    against: str | None,
    options: Mapping[str, Any],
) -> Audit | None:
    """Repeat a script or a notebook; see `repro_audit.repeat`.

    Args:
        target: What to run; None is the notebook that calls.
        arguments: Its arguments.
        directory: Where the evidence goes; None is ``repeat/NAME``.
        vary: Factors to vary.
        confirm: Two manifests whose difference is to be explained by an experiment.
        against: The baseline that the runs are held against.
        options: Further fields of the plan.
    """
    if Request.from_environment() is not None:
        return None
    with contextlib.ExitStack() as stack:
        if target is None:
            notebook, kernel = own_notebook(options["kernel"])
            # Where Jupyter has started it; a cell may have gone elsewhere since.
            stack.enter_context(contextlib.chdir(notebook.parent))
            target, options = notebook.name, {**options, "kernel": kernel}
        module = options["module"]
        place = default_directory(target, module=module) if directory is None else Path(directory)
        factors = named_factors(vary) if vary else []
        plan = planned(
            [target, *arguments],
            directory=place,
            vary=factors,
            confirm=confirm,
            against=against,
            options=options,
        )
        if not isinstance(plan, Plan):
            return plan.audit
        check_target(plan.target, module=module, kernel=plan.kernel)
        with _progress() as progress:
            result = repeat_plan(plan, progress)
            _leave_report(result, place)
        for line in result.log_tail:
            sys.stderr.write(f"  | {line}\n")
        sys.stdout.write(f"evidence: {printable(str(place))}\n")
    return result.audit


def _progress() -> Any:
    """Return what shows progress here."""
    if kernel_shell() is not None:
        from repro_audit.interactive.cell_progress import CellProgress

        return CellProgress()
    from repro_audit.cli.progress import Progress

    return Progress()


def _leave_report(result: Repeated, place: Path) -> None:
    """Write the HTML report beside the evidence, where what it needs is installed."""
    with contextlib.suppress(MissingExtraError):
        replace_file(place / REPORT, render_html(result.audit, result.manifests).encode())
