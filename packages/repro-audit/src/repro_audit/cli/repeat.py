"""`repro-audit repeat SCRIPT ARGS`: run it again in clean processes, and compare."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro_audit.audit import exit_code
from repro_audit.cli.entry import InterruptedRunsError
from repro_audit.cli.options import (
    LAUNCHING,
    comparison_options,
    deliver,
    kernel_option,
    misplaced_options,
    module_option,
    output_options,
    target_argument,
    trace_option,
)
from repro_audit.cli.output import check_output, write_output
from repro_audit.cli.progress import Progress
from repro_audit.errors import MissingExtraError, RunError, printable
from repro_audit.noise.ladder import RungName
from repro_audit.report.formats import RENDERERS

if TYPE_CHECKING:
    from repro_audit.repeat import Repeated

__all__ = ["command"]


@click.command("repeat", context_settings=LAUNCHING)
@module_option
@kernel_option
@click.option(
    "--runs", type=click.IntRange(min=2), default=2, show_default=True, help="Ordinary runs."
)
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path),
    help="Where the evidence goes.  [default: repeat/NAME]",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End a run after so long.",
)
@click.option(
    "--cwd",
    "working_directory",
    type=click.Choice(["here", "copy", "empty"]),
    default="here",
    show_default=True,
    help="Where runs start: in this folder, in a copy of it, or in an empty one.",
)
@click.option(
    "--pass-env",
    "pass_environment",
    multiple=True,
    metavar="NAME",
    help="Pass this environment variable on. May be given again.",
)
@trace_option
@click.option(
    "--check-recording",
    is_flag=True,
    help="Also run without recording: it must end in the same weights.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Runs at a time, each on cores of its own; several start in copies of the folder.",
)
@click.option(
    "--vary",
    metavar="list|all|FACTOR,…",
    help="Vary these conditions once the runs were identical; list explains them.",
)
@click.option(
    "--one-at-a-time",
    is_flag=True,
    help="Vary each factor in a run of its own, however many that takes.",
)
@click.option(
    "--confirm",
    nargs=2,
    metavar="A B",
    help="Vary what is the first cause of the difference of manifests A and B, and nothing else; "
    "of a cause that cannot be varied, say what to change.",
)
@click.option(
    "--spread",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Also train with N other seeds, and report how far the metrics scatter.",
)
@click.option(
    "--perturb",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Also train N times with first weights moved by one unit in the last place, and report "
    "how far rounding alone takes the run.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Also stop a run and start it again, in a copy of the folder: does it end alike?",
)
@click.option(
    "--resume-with",
    type=click.Choice(["keras"]),
    help="The same of a script that has no means to resume: these runs alone are given Keras's "
    "BackupAndRestore.",
)
@click.option(
    "--at",
    metavar="K[.S]",
    help="Stop it after epoch K, or after step S of it.  [default: half of the epochs]",
)
@click.option("--kill", is_flag=True, help="Stop it by SIGKILL, as a queue's time limit may.")
@click.option(
    "--against",
    metavar="FILE",
    help="Hold the runs against this baseline as well, which repro-audit baseline has kept.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@comparison_options
@output_options(*RENDERERS)
@target_argument
def command(
    target: tuple[str, ...],
    module: bool,
    directory: Path | None,
    vary: str | None,
    confirm: tuple[str, str] | None,
    against: str | None,
    quiet: bool,
    strict: bool,
    accept: RungName,
    form: str,
    output: str,
    color: str,
    **options: Any,
) -> int:
    """Run a script twice or more in clean processes, and once with a bit flipped.

    Any script will do, or a notebook, each run of which has a fresh kernel: it is recorded as by
    repro-audit record. One more run is the positive control: a bit of its weights is flipped after
    the first step, and the evidence must show it. Each run's manifest, trace and log (and notebook,
    with what its cells show), audit.json and report.html go to the directory; the report needs
    repro-audit[paper].

    --resume exits 0 if the resumed run ends in the same bits as the whole one, 1 if not, and names
    what was lost; 2 if the script trains from the start, or that was not decided.

    --confirm exits 0 if the cause is confirmed, 1 if not, 2 if that was not decided. What cannot
    be varied, such as a learning rate, is not: the remedy says what to change.

    \b
    Examples:
      repro-audit repeat train.py --epochs 2
      repro-audit repeat train.ipynb
      repro-audit repeat --vary all --jobs 2 train.py
      repro-audit repeat --confirm theirs.json mine.json train.py
      repro-audit repeat --perturb 6 --spread 9 train.py
      repro-audit repeat --resume --at 2 --kill train.py
      repro-audit repeat --against baseline.json --accept rounding train.py
      repro-audit repeat --runs 5 -d build/repeat -m mnist_cnn --epochs 2
    """
    if vary == "list":
        return _list_factors()
    from repro_audit.recording.process.launcher import check_target
    from repro_audit.repeat import Plan, default_directory, planned, repeat_plan

    check_target(target, module=module, kernel=options["kernel"])
    read = [*(confirm or ()), *([] if against is None else [against])]
    check_output(output, [*read, *([] if module else target[:1])])
    place = default_directory(target[0], module=module) if directory is None else directory
    if output != "-" and Path(output).resolve().is_relative_to(place.resolve()):
        message = (
            f"{printable(output)} lies in {printable(str(place))}, which holds the evidence and "
            "nothing else. Name another file with --output."
        )
        raise RunError(message)
    plan = planned(
        target,
        directory=place,
        vary=_factors(vary),
        confirm=confirm,
        against=against,
        options={**options, "module": module},
    )
    if not isinstance(plan, Plan):  # no experiment can show it, but what would can be said
        deliver(plan.audit, plan.manifests, form=form, output=output, color=color)
        return 2
    with Progress(quiet=quiet) as progress:
        try:
            result = repeat_plan(plan, progress)
        except KeyboardInterrupt as interrupt:
            kept = ", ".join(progress.finished)
            raise InterruptedRunsError(
                f"the finished runs are kept in {printable(str(place))}: {kept}"
                if kept
                else "no run had finished"
            ) from interrupt
    for line in result.log_tail:
        sys.stderr.write(f"  | {line}\n")
    if misplaced := misplaced_options(target, failed=result.failed):
        sys.stderr.write(f"{misplaced}\n")
    try:
        deliver(result.audit, result.manifests, form=form, output=output, color=color)
    finally:  # a badge may be refused
        _leave_report(result, place, quiet=quiet)
    code = exit_code(result.audit, strict=strict, accept=accept)
    if result.audit.confirmation is not None:
        code = max(code, {True: 0, False: 1, None: 2}[result.audit.confirmation.confirmed])
    if result.audit.resume is not None:
        code = max(code, {"exact": 0, "not exact": 1}.get(result.audit.resume.verdict, 2))
    return code


def _leave_report(result: Repeated, place: Path, *, quiet: bool) -> None:
    """Write the HTML report beside the evidence, where what it needs is installed."""
    from repro_audit.repeat.folders import REPORT
    from repro_audit.report.html import render_html

    with Progress(quiet=quiet) as progress:
        progress.does(f"writing {REPORT}")
        try:
            text = render_html(result.audit, result.manifests)
        except MissingExtraError as error:
            said = f"no {REPORT}: {error}"
        else:
            write_output(text, str(place / REPORT))
            said = f"report: {printable(str(place / REPORT))}"
    if not quiet:
        sys.stderr.write(f"{said}\n")


def _list_factors() -> int:
    """Print what each factor is."""
    from repro_audit.repeat import FACTORS

    width = max(len(factor.name) for factor in FACTORS)
    columns = min(shutil.get_terminal_size().columns, 100) if sys.stdout.isatty() else 100
    lines = [
        line
        for item in FACTORS
        for line in textwrap.wrap(
            item.text,
            max(columns, width + 20),
            initial_indent=f"{item.name:<{width}}  ",
            subsequent_indent=" " * (width + 2),
        )
    ]
    write_output("\n".join(lines) + "\n", "-")
    return 0


def _factors(value: str | None) -> list[str]:
    """Return the names that --vary asks for, in the order of the factors.

    Raises:
        click.BadParameter: One of them is unknown.
    """
    if value is None:
        return []
    from repro_audit.repeat import named_factors

    try:
        return named_factors(value)
    except RunError as error:
        raise click.BadParameter(str(error), param_hint="--vary") from None
