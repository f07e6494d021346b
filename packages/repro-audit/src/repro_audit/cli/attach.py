"""`repro-audit attach PAPER.pdf FILE… -o OUT.pdf`: put manifests and traces into a PDF."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from repro_audit.cli.output import check_output
from repro_audit.errors import printable

__all__ = ["command"]


@click.command("attach")
@click.argument("pdf", metavar="PAPER.pdf")
@click.argument("files", nargs=-1, required=True, metavar="MANIFEST|TRACE...")
@click.option("-o", "--output", required=True, metavar="FILE", help="Write the new PDF here.")
@click.option("--with-traces", is_flag=True, help="Attach the trace beside each manifest too.")
def command(pdf: str, files: tuple[str, ...], output: str, with_traces: bool) -> int:
    """Attach manifests, and traces, to a PDF.

    Pages and other attachments stay as they are; what was attached so before is replaced. Traces
    may be large: they are attached where they are named, or with --with-traces.

    \b
    Examples:
      repro-audit attach paper.pdf manifest.json -o out.pdf
      repro-audit attach paper.pdf run-1/manifest.json run-2/manifest.json --with-traces -o out.pdf
    """
    from repro_audit.files import replace_file
    from repro_audit.publish.attachments import attach
    from repro_audit.publish.selection import gather

    if output == "-":
        message = "A PDF is not written to standard output. Name a file with --output."
        raise click.UsageError(message)
    check_output(output, files)
    attachments = gather(files, with_traces=with_traces)
    content = attach(pdf, attachments)
    replace_file(Path(output), content)
    sizes = ", ".join(f"{file.name} ({_size(len(file.content))})" for file in attachments)
    total = f"{printable(output)} has {_size(len(content))}"
    sys.stderr.write(f"repro-audit: attached {sizes}; {total}.\n")
    return 0


def _size(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / 1024:,.0f} KiB" if count < 2**20 else f"{count / 2**20:,.1f} MiB"
