"""`repro-audit demo`: a divergence found, explained and mended, on runs that come with it."""

from __future__ import annotations

import contextlib
from itertools import chain, count
from pathlib import Path

import click

from repro_audit.audit import Audit, audit
from repro_audit.cli.options import color_option, text_style
from repro_audit.cli.output import write_output
from repro_audit.compare.control import judge_control
from repro_audit.demo import ACTUAL, EXPECTED, RUNS, damaged, put_runs
from repro_audit.errors import ManifestError, MissingExtraError, printable
from repro_audit.files import replace_file
from repro_audit.manifest import load
from repro_audit.report.formats import RENDERERS, Style
from repro_audit.report.page import Page
from repro_audit.trace import find_trace

__all__ = ["command"]

_NEW = "repro-audit-demo"
_DAMAGED, _REPORT = "damaged.json", "report.html"
_SHOWN = ("history", "final state")
"""Of the outcomes, the two that people look at first, and of which only one tells."""


@click.command("demo")
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path),
    help=f"Where the runs go: a new folder.  [default: {_NEW}]",
)
@color_option
def command(directory: Path | None, color: str) -> int:
    """Show in seconds what an audit says, on two real runs that come with this program.

    Nothing is trained: it needs no TensorFlow and no network, and writes into its folder alone.

    \b
    Examples:
      repro-audit demo
      repro-audit demo -d /tmp/demo
    """
    folder = _unused() if directory is None else directory
    put_runs(folder)
    expected, actual, control = runs = [load(folder / name) for name in RUNS]
    traces = [find_trace(folder / name, run) for name, run in zip(RUNS, runs, strict=True)]
    result = audit(expected, actual, names=[EXPECTED, ACTUAL], traces=traces[:2])
    flipped = judge_control(expected, control, (traces[0], traces[2]))
    name = printable(str(folder))
    width, colored = text_style("-", color)
    page = Page(width, color=colored)
    page.prose(f"Two real runs of one script, on two cores and on one, are now in {name}.", 0)
    page.line(("bold", f"$ cd {name} && repro-audit {EXPECTED} {ACTUAL}"))
    _comparison(page, result)
    page.blank()
    page.prose(f"Caught: {flipped.text}", 0)
    page.prose(f"Refused: {_DAMAGED}, one byte of it changed. {_refusal(folder)}", 0)
    report = folder / _REPORT
    with contextlib.suppress(MissingExtraError):
        write_output(RENDERERS["html"](result, (expected, actual), Style()), str(report))
        page.prose(f"All of it as a page: {printable(str(report))}", 0)
    page.blank()
    page.line(("bold", "Now yours:  "), ("bold cyan", "repro-audit repeat train.py"))
    page.line(("bold cyan", "            repro-audit repeat train.ipynb"))
    write_output(page.text(), "-")
    return 0


def _unused() -> Path:
    """Return a path in the current folder at which there is nothing yet."""
    further = (Path(f"{_NEW}-{number}") for number in count(2))
    return next(path for path in chain([Path(_NEW)], further) if not path.exists())


def _comparison(page: Page, result: Audit) -> None:
    """Show of a comparison what a reader looks at first; the command itself shows all."""
    (comparison,) = result.comparisons
    page.verdict(result.verdict, f"{result.reason} (evidence: {comparison.evidence})")
    fields = {field.field: field for field in comparison.fields}
    width = max(map(len, _SHOWN))
    for kind in _SHOWN:
        field = fields[kind]
        page.line(
            ("", f"  {kind:<{width}}  "),
            (field.verdict, f"{field.verdict:<6}"),
            ("", f"  {field.detail}"),
        )
    cause = comparison.causes[0]
    page.line((cause.certainty, f"Why, {cause.certainty}: {cause.title}"))
    page.code(cause.remedy, indent=4)


def _refusal(folder: Path) -> str:
    """Change one byte of a run, and return how it is refused."""
    path = folder / _DAMAGED
    replace_file(path, damaged((folder / EXPECTED).read_bytes()))
    try:
        load(path)
    except ManifestError as error:
        return str(error).rpartition(". ")[2]
    message = f"{path}: was changed, and is not refused."
    raise ManifestError(message)
