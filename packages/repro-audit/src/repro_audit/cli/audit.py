"""`repro-audit [audit] FILE…`: audit one manifest, or compare several with the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from repro_audit.audit import FitAlone, audit, exit_code, fits_alone, load_claims
from repro_audit.cli.inputs import Input, opened
from repro_audit.cli.options import (
    comparison_options,
    deliver,
    fits_option,
    output_options,
    text_style,
)
from repro_audit.cli.output import check_output, write_output
from repro_audit.noise.ladder import RungName
from repro_audit.report.formats import RENDERERS

__all__ = ["command"]


@click.command("audit")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--claims",
    metavar="FILE",
    help="Check published numbers: a JSON object of metrics and values as printed.",
)
@fits_option
@click.option(
    "--show-all",
    is_flag=True,
    help="Judge nothing; print every text in the files, by what it could tell of somebody.",
)
@comparison_options
@output_options(*RENDERERS)
def command(
    files: tuple[str, ...],
    claims: str | None,
    fits: tuple[int, ...],
    show_all: bool,
    strict: bool,
    accept: RungName,
    form: str,
    output: str,
    color: str,
    **options: Any,
) -> int:
    """Audit one manifest; compare several with the first.

    A log can be used in place of a manifest; its evidence is `history`: a Keras history as JSON, a
    CSVLogger's file, TensorBoard's event files or a folder of them, JSON Lines, trainer_state.json.
    Of several fits in a log, FILE#0 is the first. The file - is standard input. In a PDF, every
    manifest that `attach` put there is read.

    An ensemble, which repeat --perturb or --spread makes, can be given first: other runs are held
    against how far noise takes its own. --accept says which noise is accepted.

    Claims such as {"accuracy": "96.30%"} are checked to the last digit printed, and decide the
    exit code in place of findings; a history.json can be used in place of them, too.

    With --show-all an author sees what a reader of the file could learn of people, machines,
    places, code and data, before it is handed in.

    \b
    Examples:
      repro-audit manifest.json
      repro-audit theirs.json mine.json --rtol 1e-6
      repro-audit history.json training.log --require history
      repro-audit manifest.json --claims claims.json
      repro-audit manifest.json --fits 1,2
      repro-audit ensemble.json mine.json --accept rounding
      repro-audit paper.pdf mine.json
      repro-audit *.json --format json -o audit.json
      repro-audit manifest.json --show-all
    """
    check_output(output, [*files, *([] if claims is None else [claims])])
    if show_all:
        return _show_all(files, claims, form=form, output=output, color=color)
    claimed = None if claims is None else load_claims(claims)
    with opened(files) as inputs:
        compared: Sequence[Input | FitAlone] = inputs
        if fits:
            if len(inputs) > 1:
                message = f"--fits compares fits of one run; received {len(inputs)} manifests."
                raise click.UsageError(message)
            given = inputs[0]
            compared = fits_alone(given.manifest, given.trace, fits, given.name)
        misplaced = next((item.name for item in inputs[1:] if item.ensemble is not None), None)
        if misplaced is not None:
            message = (
                f"{misplaced} is an ensemble: give it first, and the runs to be held against it."
            )
            raise click.UsageError(message)
        manifests = [item.manifest for item in compared]
        names, traces = [item.name for item in compared], [item.trace for item in compared]
        result = audit(
            *manifests,
            names=names,
            traces=traces,
            claims=claimed,
            ensemble=inputs[0].ensemble,
            **options,
        )
        deliver(result, manifests, form=form, output=output, color=color)
    return exit_code(result, strict=strict, accept=accept)


def _show_all(
    files: tuple[str, ...], claims: str | None, *, form: str, output: str, color: str
) -> int:
    """Print every text in the files.

    Raises:
        click.UsageError: They are to be judged as well, or in a format that there is not.
    """
    from repro_audit.report.texts import render_texts_json, render_texts_text

    if claims is not None or form not in {"text", "json"}:
        other = "--claims" if claims is not None else f"--format {form}"
        message = f"--show-all judges nothing, in text or JSON: leave {other} out."
        raise click.UsageError(message)
    with opened(files) as inputs:
        manifests = [(given.name, given.manifest) for given in inputs]
        if form == "json":
            text = render_texts_json(manifests)
        else:
            text = render_texts_text(manifests, width=text_style(output, color)[0])
    write_output(text, output)
    return 0
