"""`repro-audit explain RA201`: what a rule means."""

from __future__ import annotations

import difflib
import json

import click

from repro_audit.audit import all_rules
from repro_audit.cli.output import write_output
from repro_audit.report.explanation import explanation

__all__ = ["command"]


@click.command("explain")
@click.argument("code", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(code: str | None, form: str) -> int:
    """Explain a rule; without a code, list all rules.

    \b
    Examples:
      repro-audit explain RA201
      repro-audit explain
    """
    rules = {rule.code: rule for rule in all_rules()}
    if code is not None and code.upper() not in rules:
        near = difflib.get_close_matches(code.upper(), rules, n=1)
        message = f"There is no rule {code!r}." + (f" Did you mean {near[0]}?" if near else "")
        raise click.UsageError(message)
    wanted = list(rules.values()) if code is None else [rules[code.upper()]]
    if form == "json":
        fields = ("code", "severity", "title", "why", "remedy", "source")
        text = json.dumps(
            [{name: getattr(rule, name) for name in fields} for rule in wanted], indent=1
        )
    elif code is None:
        text = "\n".join(f"{rule.code}  {rule.severity:<7}  {rule.title}" for rule in wanted)
    else:
        text = explanation(wanted[0])
    write_output(text + "\n", "-")
    return 0
