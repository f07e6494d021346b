"""RA6xx: epochs and steps, counted in several places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeGuard

from repro_audit.audit.contradictions import REMEDY, SOURCE, WHY
from repro_audit.audit.plain_fits import is_keras_own, is_untouched, plain_fits
from repro_audit.audit.rules import Seen, rule
from repro_audit.manifest import Manifest
from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.trace.summary import FitTrace

_DEFAULT_BATCH = 32


@rule(
    "RA609",
    "error",
    "the fit ran for another number of epochs than it was asked for",
    why=WHY,
    remedy=REMEDY,
    source="Keras: Model.fit",
    contradicts=True,
)
def epochs(manifest: Manifest) -> Iterator[Seen]:
    """A fit that nothing could end early has more or fewer epochs than its arguments say."""
    fits = list(plain_fits(manifest))
    # A fit that was resumed leaves its first epoch to the next one.
    for fit in fits if len(fits) == len(manifest.outcomes.fits) else ():
        asked, begun = (fit.arguments.arguments.get(name) for name in ("epochs", "initial_epoch"))
        if not (_is_count(asked) and _is_count(begun)):
            continue
        expected, actual = max(0, asked - begun), len(fit.outcome.epochs)
        may_end_early = fit.may_end_early or not fit.data_looks_on
        if actual > expected or (actual < expected and not may_end_early):
            yield Seen(
                f"Fit {fit.number + 1} was asked for {counted(expected, 'epoch')} and has "
                f"{actual:,}.",
                f"{fit.where}.epochs",
            )


@rule(
    "RA610",
    "error",
    "the steps are not those of the data",
    why=WHY,
    remedy=REMEDY,
    source="Keras: an epoch over arrays has as many steps as there are batches",
    contradicts=True,
)
def steps_of_data(manifest: Manifest) -> Iterator[Seen]:
    """A fit on arrays took another number of steps than they have batches."""
    fits = list(plain_fits(manifest))
    data = (manifest.conditions.data or {}).get("train")
    # With several fits, which of the data sets each was given is not recorded.
    if len(fits) != 1 or len(manifest.outcomes.fits) != 1 or data is None or not data.of_call:
        return
    fit, given = fits[0], fits[0].arguments.arguments
    batch = given.get("batch_size") or _DEFAULT_BATCH
    partial = given.get("validation_split") or given.get("steps_per_epoch")
    on_arrays = fit.data is not None and fit.data.kind == "arrays"
    ended_within = "TerminateOnNaN" in fit.arguments.callbacks
    if not on_arrays or partial or not data.samples or not _is_count(batch) or ended_within:
        return
    if fit.execution.steps_per_execution != 1:
        return
    expected = -(-data.samples // batch) * len(fit.outcome.epochs)
    if fit.outcome.steps != expected:
        yield Seen(
            f"{counted(data.samples, 'sample')} in batches of {batch:,} make {expected:,} steps in "
            f"{counted(len(fit.outcome.epochs), 'epoch')}; the fit has {fit.outcome.steps or 0:,}.",
            f"{fit.where}.steps",
        )


@rule(
    "RA611",
    "error",
    "steps and the rows of the trace disagree",
    why=WHY,
    remedy=REMEDY,
    source=SOURCE,
    contradicts=True,
    reads_trace=True,
)
def steps_and_rows(
    manifest: Manifest, trace: Mapping[int, FitTrace] | None = None
) -> Iterator[Seen]:
    """Every step has a row, and there are more or fewer of these."""
    fits = list(plain_fits(manifest))
    outcomes = manifest.outcomes
    # Of several steps in one execution Keras tells the last, and not how many there were.
    if any(fit.execution.steps_per_execution != 1 for fit in fits):
        return
    every = manifest.trace is not None and set(manifest.trace.strides) == {1}
    traced = all(fit.trace and None not in fit.trace for fit in outcomes.fits)
    if every and traced and outcomes.trace is not None and len(fits) == len(outcomes.fits):
        rows = outcomes.trace.rows
        if rows != manifest.steps:
            yield Seen(
                f"The fits have {counted(manifest.steps, 'step')}, the trace {rows:,} rows.",
                "$.outcomes.trace.rows",
            )
    for fit in fits if trace is not None else ():
        found = (trace or {}).get(fit.number)
        if found is not None and found.stride == 1 and found.rows != fit.outcome.steps:
            yield Seen(
                f"Fit {fit.number + 1} has {fit.outcome.steps or 0:,} steps, and the trace "
                f"{found.rows:,} rows of it.",
                f"{fit.where}.steps",
            )


@rule(
    "RA612",
    "error",
    "steps and the optimizer disagree",
    why=WHY,
    remedy=REMEDY,
    source="Keras: an optimizer counts its updates, one a step",
    contradicts=True,
)
def steps_and_iterations(manifest: Manifest) -> Iterator[Seen]:
    """The optimizer has counted fewer updates than the model was trained for steps."""
    from repro_audit.audit.recomputed import count_of

    fits = list(plain_fits(manifest))
    if len(fits) != 1 or len(manifest.outcomes.fits) != 1 or len(fits[0].model.optimizers) != 1:
        return
    fit, model = fits[0], fits[0].arguments.model
    finals = manifest.outcomes.final_state
    tensors = (finals[model] if model < len(finals) else None) or ()
    found = [item for item in tensors if item.role == "iteration"]
    skips = fit.execution.dtype_policy == "mixed_float16"  # steps that overflow are no updates
    if len(found) != 1 or skips or not fit.outcome.steps:
        return
    if fit.execution.steps_per_execution != 1 or not is_untouched(manifest):
        return
    if not is_keras_own(fit.model.optimizer):
        return
    counts = count_of(found[0], below=fit.outcome.steps)
    if counts:  # none at all where nothing can be trained
        yield Seen(
            f"The fit has {fit.outcome.steps:,} steps, and its optimizer has counted {counts:,}.",
            f"{fit.where}.steps",
        )


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
