"""The fixture `assert_repeats`: a test that training repeats.

pytest loads this module in every session of everybody who has the package installed. So it
loads nothing at its top but what ``import repro_audit`` loads; the rest waits for a call.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import pytest

from repro_audit.errors import ReproAuditError, RunError, printable

if TYPE_CHECKING:
    from repro_audit.audit import Audit
    from repro_audit.repeat import Plan, Repeated

__all__ = ["AssertRepeats", "assert_repeats"]


@pytest.fixture
def assert_repeats(request: pytest.FixtureRequest, tmp_path: Path) -> AssertRepeats:
    """Assert that a script trains to the same bits, by repro-audit repeat.

    ``assert_repeats("train.py", "--epochs", "1")`` runs the script twice in clean processes
    and once with a bit flipped, and compares. See repro_audit.pytest_plugin.AssertRepeats
    for its options.
    """
    return AssertRepeats(beside=request.path.parent, evidence=tmp_path)


class AssertRepeats:
    """Repeats a script and fails the test unless the runs are the same.

    Args:
        beside: The folder in which a script is looked for first: the test's own.
        evidence: The folder below which each call makes one for its evidence.
    """

    def __init__(self, *, beside: Path, evidence: Path) -> None:
        self._beside = beside
        self._evidence = evidence

    def __call__(
        self,
        target: str | os.PathLike[str],
        *arguments: object,
        module: bool = False,
        kernel: str | None = None,
        runs: int = 2,
        trace: str | int | None = None,
        timeout_s: float | None = None,
        cwd: str = "here",
        pass_env: Sequence[str] = (),
        rtol: float | None = None,
        atol: float | None = None,
        ignore_metrics: Sequence[str] = (),
        require: str = "weights",
        accept_partial: bool = False,
        against: str | os.PathLike[str] | None = None,
        accept: Literal["bits", "rounding", "seeds"] = "bits",
        check_recording: bool = False,
        jobs: int = 1,
        reports: Mapping[str, str | os.PathLike[str]] | None = None,
    ) -> Audit:
        """Run a script again and again, and return the audit where the runs are the same.

        Args:
            target: The script or the notebook, looked for beside the test's own file and then in
                the current folder; or a module's name.
            arguments: Its arguments, each as `str` gives it.
            module: Whether `target` is a module's name, as with ``python -m``.
            kernel: Name of a notebook's kernel; None is the one that it asks for.
            runs: Ordinary runs, 2 or more.
            trace: Which steps are traced: ``step``, ``epoch``, ``none`` or every so many; None
                is whatever the script says.
            timeout_s: Seconds after which a run is ended; None waits for ever.
            cwd: Where runs start: ``here``, in the current folder; in a ``copy`` of it; or in
                an ``empty`` one.
            pass_env: Further environment variables to pass on.
            rtol: Relative tolerance of history values; with it runs can be ``close``.
            atol: Absolute tolerance of history values.
            ignore_metrics: Metrics that are not compared.
            require: The least evidence: ``history``, ``weights`` or ``trace``.
            accept_partial: Whether agreement may rest on the part of the training that was
                followed, where something was trained that was not.
            against: The baseline that the runs are held against, besides each other; looked for as
                the script is.
            accept: What runs may differ by: nothing; ``rounding`` or ``seeds``, by the ensemble
                of the baseline.
            check_recording: Whether to make one more run without any recording.
            jobs: Runs at a time, each on cores of its own.
            reports: Files to write the audit to, by format: ``{"sarif": "repeat.sarif"}``. They
                are written however the test ends; a badge that is refused fails it.
        """
        from repro_audit.audit import exit_code
        from repro_audit.cli.progress import Progress
        from repro_audit.recording.process.launcher import check_target
        from repro_audit.repeat import Plan, check_plan, repeat_plan
        from repro_audit.repeat.baseline import load_baseline

        name = printable(os.fspath(target))
        try:
            baseline = None if against is None else load_baseline(self._script(against))
        except ReproAuditError as error:
            _fail(f"assert_repeats: {error}")
        plan = Plan(
            target=[
                os.fspath(target) if module else self._script(target),
                *map(str, arguments),
            ],
            module=module,
            kernel=kernel,
            directory=_unused(self._evidence),
            runs=runs,
            timeout_s=timeout_s,
            working_directory=cwd,
            pass_environment=_several(pass_env),
            trace=trace,
            check_recording=check_recording,
            jobs=jobs,
            rtol=rtol,
            atol=atol,
            ignore_metrics=_several(ignore_metrics),
            require=require,
            accept_partial=accept_partial,
            against=baseline,
        )
        _check_reports(reports or {})
        try:
            check_plan(plan)
        except RunError as error:
            _fail(f"assert_repeats: {error}")
        try:
            check_target(plan.target, module=module, kernel=kernel)
            # pytest shows what stands on standard error beside a failure, and with -s at once.
            with Progress() as progress:
                result = repeat_plan(plan, progress)
        except ReproAuditError as error:
            _fail(f"{name} was not shown to repeat: {error}")
        refused = list(_write(result, reports or {}))
        if exit_code(result.audit, accept=accept) != 0:
            _fail(_report(name, plan, result))
        if refused:
            _fail("\n".join(refused))
        return result.audit

    def _script(self, target: str | os.PathLike[str]) -> str:
        """Return the whole path of a script."""
        folders = list(dict.fromkeys((self._beside, Path.cwd())))
        path = next((folder / target for folder in folders if (folder / target).is_file()), None)
        if path is None:
            where = (
                f" in {' or '.join(map(str, folders))}" if not Path(target).is_absolute() else ""
            )
            _fail(printable(f"{os.fspath(target)}: there is no such script{where}."))
        return str(path)


def _unused(folder: Path) -> Path:
    """Return a path in a folder at which there is nothing yet."""
    paths = (folder / f"repeat-{number}" for number in count(1))
    return next(path for path in paths if not path.exists())


def _several(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple; one text is one name, and not as many as it has letters."""
    return (names,) if isinstance(names, str) else tuple(names)


def _check_reports(reports: Mapping[str, str | os.PathLike[str]]) -> None:
    """Fail on a format that there is not, before anything is run."""
    from repro_audit.report.formats import RENDERERS

    if not reports.keys() <= RENDERERS.keys():
        expected = f"files by format, which are {', '.join(RENDERERS)}"
        _fail(f"assert_repeats: reports: expected {expected}, received {reports!r}.")


def _write(result: Repeated, reports: Mapping[str, str | os.PathLike[str]]) -> Iterator[str]:
    """Write an audit in each format, and yield why one could not be."""
    from repro_audit.cli.output import write_output
    from repro_audit.report.formats import RENDERERS, Style

    for form, path in reports.items():
        try:
            text = RENDERERS[form](result.audit, result.manifests, Style())
            write_output(text, os.fspath(path))
        except ReproAuditError as error:
            yield printable(str(error))


def _report(name: str, plan: Plan, result: Repeated) -> str:
    """Return what a test says that fails: the verdict, where, why, and where to look closer."""
    from repro_audit.report.text import render_text

    audit = result.audit
    # Only a difference that was seen shows that a script does not repeat.
    claim = "does not repeat" if audit.verdict == "divergent" else "was not shown to repeat"
    lines = [
        f"{name} {claim}: {audit.verdict}: {printable(audit.reason)}",
        "",
        render_text(audit, result.manifests).rstrip("\n"),
    ]
    if result.log_tail:
        lines += ["", "The log ends:", *(f"  | {line}" for line in result.log_tail)]
    lines += ["", f"The evidence is in {printable(str(plan.directory))}"]
    return "\n".join(lines)


def _fail(message: str) -> NoReturn:
    """Fail the test, without a traceback: it would show this module, not the script."""
    pytest.fail(message, pytrace=False)
