"""`repro-audit baseline AUDIT`: keep a repeat for later ones to be held against."""

from __future__ import annotations

from pathlib import Path

import click

from repro_audit.audit import audit
from repro_audit.cli.options import color_option, text_style
from repro_audit.cli.output import check_output, write_output
from repro_audit.errors import printable
from repro_audit.report.formats import RENDERERS, Style
from repro_audit.wording import counted

__all__ = ["command"]


@click.command("baseline")
@click.argument("source", metavar="AUDIT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("baseline.json"),
    show_default=True,
    help="Write here; the trace goes beside it.",
)
@color_option
def command(source: Path, output: Path, color: str) -> int:
    """Keep a repeat as the baseline that repeat --against holds later runs against.

    AUDIT is the audit.json of a repeat, or its folder. How far noise takes the run is kept with it
    where the repeat had --perturb or --spread. Where there is a baseline already, what changes is
    shown: the old one is compared with the new one, and replaced.

    \b
    Examples:
      repro-audit repeat --perturb 6 train.py
      repro-audit baseline repeat/train -o baseline.json
      repro-audit repeat --against baseline.json --accept rounding train.py
    """
    from repro_audit.repeat.baseline import load_baseline, of_repeat, write_baseline

    check_output(str(output), [str(source)])
    new = of_repeat(source)
    said = ""
    if output.exists():
        old = load_baseline(output)
        result = audit(
            old.manifest,
            new.manifest,
            names=[old.name, new.name],
            traces=[old.trace, new.trace],
            ensemble=old.ensemble,
        )
        style = Style(*text_style("-", color))
        said = RENDERERS["text"](result, [old.manifest, new.manifest], style) + "\n"
    write_baseline(new, output)
    rounding, seeds = (len(new.ensemble.of(moved)) - 1 for moved in ("rounding", "seed"))
    said += (
        f"{printable(str(output))}: {new.manifest.run_id[:8]}, with "
        f"{counted(rounding, 'run')} moved by rounding and {counted(seeds, 'other seed')}\n"
    )
    write_output(said, "-")
    return 0
