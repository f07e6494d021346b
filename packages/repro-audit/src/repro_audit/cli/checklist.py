"""`repro-audit checklist --for neurips FILE`: answer a checklist from a manifest."""

from __future__ import annotations

import click

from repro_audit.audit.checklist import FORMS, answer
from repro_audit.cli.inputs import opened
from repro_audit.cli.options import output_options, text_style
from repro_audit.cli.output import check_output, write_output
from repro_audit.errors import PaperError, printable
from repro_audit.report.checklist import render_json, render_markdown, render_text

__all__ = ["command"]


@click.command("checklist")
@click.argument("file", metavar="FILE")
@click.option(
    "--for",
    "name",
    type=click.Choice(list(FORMS)),
    required=True,
    help=(
        "The checklist: NeurIPS's; for ICML, which has none, the machine learning "
        "reproducibility checklist; what ACM's badges ask for."
    ),
)
@output_options("text", "json", "markdown")
def command(file: str, name: str, form: str, output: str, color: str) -> int:
    """Answer a paper's checklist with what a manifest records.

    Each item is answered, answered in part, or not recorded; each answer names the fields
    of the manifest it rests on, and nothing is claimed that was not recorded. The file - is
    standard input; a PDF must hold one manifest. An ensemble answers for its first run, and with
    its other seeds what is asked of error bars.

    \b
    Examples:
      repro-audit checklist --for neurips manifest.json
      repro-audit checklist --for neurips ensemble.json
      repro-audit checklist --for acm manifest.json --format markdown -o checklist.md
    """
    check_output(output, [file])
    with opened([file]) as inputs:
        if len(inputs) > 1:
            message = (
                f"{printable(file)}: holds {len(inputs)} manifests, and a checklist is answered by "
                "one. Take them out first: repro-audit extract"
            )
            raise PaperError(message)
        checklist = answer(inputs[0].manifest, name, inputs[0].ensemble)
    if form == "json":
        text = render_json(checklist)
    elif form == "markdown":
        text = render_markdown(checklist)
    else:
        columns, colored = text_style(output, color)
        text = render_text(checklist, width=columns, color=colored)
    write_output(text, output)
    return 0
