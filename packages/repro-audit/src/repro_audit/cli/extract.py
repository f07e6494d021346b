"""`repro-audit extract PAPER.pdf -d DIR`: write out what is attached to a PDF."""

from __future__ import annotations

from pathlib import Path

import click

from repro_audit.cli.output import write_output
from repro_audit.errors import printable

__all__ = ["command"]


@click.command("extract")
@click.argument("pdf", metavar="PAPER.pdf")
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the files go; made where missing.",
)
def command(pdf: str, directory: Path) -> int:
    """Write the manifests and traces that are attached to a PDF to a folder.

    Files that are there already are never overwritten.

    \b
    Example:
      repro-audit extract paper.pdf -d evidence
    """
    from repro_audit.publish.attachments import extract

    files = extract(pdf, directory)
    write_output("".join(f"{printable(str(file))}\n" for file in files), "-")
    return 0
