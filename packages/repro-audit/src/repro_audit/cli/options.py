"""Options that several commands share, spelled once."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from repro_audit.audit import Audit
from repro_audit.cli.output import write_output
from repro_audit.errors import shown
from repro_audit.manifest import Manifest
from repro_audit.report.formats import RENDERERS, Style

__all__ = [
    "LAUNCHING",
    "color_option",
    "comparison_options",
    "deliver",
    "fits_option",
    "kernel_option",
    "misplaced_options",
    "module_option",
    "output_options",
    "target_argument",
    "text_style",
    "trace_option",
]

F = TypeVar("F", bound=Callable[..., Any])

_PIPED_COLUMNS = 100


class _Tolerance(click.FloatRange):
    """A number of 0 or more; NaN is none."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number.

        Raises:
            click.BadParameter: It is none.
        """
        result = super().convert(value, param, ctx)
        if math.isnan(result):
            self.fail(f"{value!r} is not a number of 0 or more.", param, ctx)
        return result


class _TraceSetting(click.ParamType[str | int]):
    """Which steps are traced: a word, or a number of 1 or more."""

    name = "trace setting"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int:
        """Return the setting.

        Raises:
            click.BadParameter: It is none.
        """
        if value in {"step", "epoch", "none"}:
            return str(value)
        if not (str(value).isdecimal() and int(value) > 0):
            self.fail(f"{value!r} is not step, epoch, none or a number of 1 or more.", param, ctx)
        return int(value)


class _Fits(click.ParamType[tuple[int, ...]]):
    """Numbers of fits, from 1, with commas between."""

    name = "fits"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers.

        Raises:
            click.BadParameter: They are none, or fewer than two.
        """
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if len(words) < 2 or not all(word.isascii() and word.isdigit() for word in words):
            self.fail(f"expected two fits, such as 1,2; received {value!r}.", param, ctx)
        return tuple(map(int, words))


LAUNCHING = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""Settings of a command that starts a script: what follows the script is the script's."""

module_option = click.option(
    "-m", "module", is_flag=True, help="The target is a module, as with python -m."
)
color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours in text; auto: on a terminal, unless NO_COLOR is set.",
)
kernel_option = click.option(
    "--kernel", metavar="NAME", help="Kernel of a notebook.  [default: the one that it asks for]"
)
trace_option = click.option(
    "--trace",
    type=_TraceSetting(),
    metavar="step|epoch|none|N",
    help="Which steps are traced.  [default: as a script says that records itself, else step]",
)
fits_option = click.option(
    "--fits",
    type=_Fits(),
    default=(),
    metavar="N,M",
    help="Compare fits of one run, counted from 1: why do two models of one script differ?",
)
target_argument = click.argument(
    "target", nargs=-1, type=click.UNPROCESSED, metavar="SCRIPT [ARGS]..."
)


def comparison_options(command: F) -> F:
    """Add the options that say how runs are compared."""
    for option in (
        click.option("--strict", is_flag=True, help="Exit 1 on any finding of error or warning."),
        click.option(
            "--ignore-metric",
            "ignore_metrics",
            multiple=True,
            metavar="NAME",
            help="Do not compare this metric, such as a timer. May be given again.",
        ),
        click.option(
            "--accept",
            type=click.Choice(["bits", "rounding", "seeds"]),
            default="bits",
            show_default=True,
            help="Exit 0 where runs end in other bits and are no farther apart than this takes "
            "them, by an ensemble.",
        ),
        click.option(
            "--accept-partial",
            is_flag=True,
            help="Let agreement rest on what was recorded where not all of it could be.",
        ),
        click.option(
            "--require",
            type=click.Choice(["history", "weights", "trace"]),
            default="weights",
            show_default=True,
            help="The least evidence a good verdict may rest on.",
        ),
        click.option("--atol", type=_Tolerance(), help="Absolute tolerance of history values."),
        click.option(
            "--rtol",
            type=_Tolerance(),
            help="Relative tolerance of history values; with it a run can be `close`.",
        ),
    ):
        command = option(command)
    return command


def output_options(*formats: str) -> Callable[[F], F]:
    """Return what adds the options that say how a result is written, and where.

    Args:
        formats: Names of the formats, the default one first.
    """

    def add(command: F) -> F:
        for option in (
            color_option,
            click.option(
                "-o",
                "--output",
                default="-",
                metavar="FILE",
                help="Write here; - is standard output.",
            ),
            click.option(
                "--format",
                "form",
                type=click.Choice(formats),
                default=formats[0],
                show_default=True,
                help="How to write the result.",
            ),
        ):
            command = option(command)
        return command

    return add


def misplaced_options(target: Sequence[str], *, failed: bool) -> str:
    """Say which option of the running command a script was given in its place.

    Args:
        target: The script and its arguments.
        failed: Whether the script failed. One that ends well may have an option of that name; it
            may have none if its text does not hold the name.

    Returns:
        A sentence; empty where there is no such option.
    """
    known = {name for option in click.get_current_context().command.params for name in option.opts}
    words = [word.partition("=")[0] for word in target[1:] if word.startswith("-")]
    found = [word for word in words if word in known and (failed or not _names(target[0], word))]
    if not found:
        return ""
    return (
        f"{shown(found[0])} stands behind the script, which was given it: options of repro-audit "
        "stand before the script."
    )


def _names(script: str, option: str) -> bool:
    """Whether a script's text holds the name of an option; also where it cannot be read."""
    try:
        text = Path(script).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return option.lstrip("-").replace("-", "_") in text.replace("-", "_")


def text_style(output: str, color: str) -> tuple[int, bool]:
    """Return to how many columns text is written, and whether in colour.

    Args:
        output: Where it goes, as ``--output`` says.
        color: As ``--color`` says.

    Returns:
        The width of the terminal, or 100 columns where the text goes elsewhere; and whether to use
        colours and weights.
    """
    terminal = output == "-" and sys.stdout.isatty()
    columns = shutil.get_terminal_size().columns if terminal else _PIPED_COLUMNS
    colored = color == "always" or (color == "auto" and terminal and not os.environ.get("NO_COLOR"))
    return columns, colored


def deliver(
    result: Audit, manifests: Sequence[Manifest], *, form: str, output: str, color: str
) -> None:
    """Render an audit and write it.

    Raises:
        EvidenceError: The format claims more than the evidence shows; nothing is written.
        OutputError: The file cannot be written; an old one stays.
    """
    style = Style(*text_style(output, color))
    write_output(RENDERERS[form](result, manifests, style), output)
