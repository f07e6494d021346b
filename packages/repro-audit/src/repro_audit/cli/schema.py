"""`repro-audit schema [NAME]`: the schemas of the files."""

from __future__ import annotations

import click

from repro_audit.cli.output import write_output
from repro_audit.errors import SchemaError, shown

__all__ = ["command"]


@click.command("schema")
@click.argument("name", required=False)
def command(name: str | None) -> int:
    """Print a JSON Schema; without a name, list the schemas.

    \b
    Example:
      repro-audit schema manifest-2
    """
    from repro_audit_schemas import NAMES, text

    if name is None:
        write_output("\n".join(NAMES) + "\n", "-")
    elif name in NAMES:
        write_output(text(name), "-")
    else:
        message = f"Unknown schema {shown(name)}. Expected one of {', '.join(NAMES)}."
        raise SchemaError(message)
    return 0
