"""RA6xx: epochs and steps, counted in several places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeGuard

from repro_audit.audit.contradictions import contradiction
from repro_audit.audit.plain_fits import (
    final_tensor,
    is_keras_own,
    is_untouched,
    only_fit,
    plain_fits,
)
from repro_audit.audit.recomputed import count_of
from repro_audit.audit.rules import Hit
from repro_audit.manifest import Manifest
from repro_audit.wording import counted

if TYPE_CHECKING:
    from repro_audit.trace.summary import FitTrace

_DEFAULT_BATCH = 32


@contradiction(
    "RA609",
    "the fit ran for another number of epochs than it was asked for",
    source="Keras: Model.fit",
)
def epochs(manifest: Manifest) -> Iterator[Hit]:
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
            yield Hit(
                f"Fit {fit.number + 1} was asked for {counted(expected, 'epoch')} and has "
                f"{actual:,}.",
                f"{fit.where}.epochs",
            )


@contradiction(
    "RA610",
    "the steps are not those of the data",
    source="Keras: an epoch over arrays has as many steps as there are batches",
)
def steps_of_data(manifest: Manifest) -> Iterator[Hit]:
    """A fit on arrays took another number of steps than they have batches."""
    # With several fits, which of the data sets each was given is not recorded.
    fit, data = only_fit(manifest), (manifest.conditions.data or {}).get("train")
    if fit is None or data is None or not data.of_call or fit.execution.steps_per_execution != 1:
        return
    given = fit.arguments.arguments
    batch = given.get("batch_size") or _DEFAULT_BATCH
    partial = given.get("validation_split") or given.get("steps_per_epoch")
    on_arrays = fit.data is not None and fit.data.kind == "arrays"
    ended_within = "TerminateOnNaN" in fit.arguments.callbacks
    if not on_arrays or partial or not data.samples or not _is_count(batch) or ended_within:
        return
    expected = -(-data.samples // batch) * len(fit.outcome.epochs)
    if fit.outcome.steps != expected:
        yield Hit(
            f"{counted(data.samples, 'sample')} in batches of {batch:,} make {expected:,} steps in "
            f"{counted(len(fit.outcome.epochs), 'epoch')}; the fit has {fit.outcome.steps or 0:,}.",
            f"{fit.where}.steps",
        )


@contradiction("RA611", "steps and the rows of the trace disagree", reads_trace=True)
def steps_and_rows(
    manifest: Manifest, trace: Mapping[int, FitTrace] | None = None
) -> Iterator[Hit]:
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
            yield Hit(
                f"The fits have {counted(manifest.steps, 'step')}, the trace {rows:,} rows.",
                "$.outcomes.trace.rows",
            )
    for fit in fits if trace is not None else ():
        found = (trace or {}).get(fit.number)
        if found is not None and found.stride == 1 and found.rows != fit.outcome.steps:
            yield Hit(
                f"Fit {fit.number + 1} has {fit.outcome.steps or 0:,} steps, and the trace "
                f"{found.rows:,} rows of it.",
                f"{fit.where}.steps",
            )


@contradiction(
    "RA612",
    "steps and the optimizer disagree",
    source="Keras: an optimizer counts its updates, one a step",
)
def steps_and_iterations(manifest: Manifest) -> Iterator[Hit]:
    """The optimizer has counted fewer updates than the model was trained for steps."""
    fit = only_fit(manifest)
    if fit is None or not fit.outcome.steps or fit.execution.steps_per_execution != 1:
        return
    found = final_tensor(manifest, fit, "iteration")
    skips = fit.execution.dtype_policy == "mixed_float16"  # steps that overflow are no updates
    own = len(fit.model.optimizers) == 1 and is_keras_own(fit.model.optimizer)
    if found is None or skips or not own or not is_untouched(manifest):
        return
    counts = count_of(found, below=fit.outcome.steps)
    if counts:  # none at all where nothing can be trained
        yield Hit(
            f"The fit has {fit.outcome.steps:,} steps, and its optimizer has counted {counts:,}.",
            f"{fit.where}.steps",
        )


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
