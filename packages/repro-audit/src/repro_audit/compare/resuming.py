"""What a run lost that was interrupted and resumed, read from where it parts from the whole run.

The first step behind the interruption tells: a batch that is the first of the whole run is a data
order that began again, an iteration of 1 an optimizer whose state was not restored. What a callback
holds shows later, or only in the end.

Source:
    Keras 3.15: ``BackupAndRestore`` and ``Model.save`` hold weights and optimizer; ``load_weights``
    passes by an optimizer that is not built; ``BackupAndRestore`` sets ``Model._initial_epoch``,
    which every later ``fit`` begins with and nothing clears. Should Keras clear it, `_skipped_fit`
    finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from repro_audit.compare.comparison import Certainty, FirstDifference
from repro_audit.compare.symptom import Symptom
from repro_audit.compare.trace_comparison import ColumnDifference, StepDifference, TraceComparison
from repro_audit.manifest import Manifest
from repro_audit.wording import counted

__all__ = ["LOST", "Lost", "what_was_lost"]

LOST: dict[str, tuple[str, str]] = {
    "lost_data": (
        "the data",
        "# draw order and noise from the number of the epoch, or save where the pipeline stood",
    ),
    "lost_generators": (
        "the generators of layers",
        "layer.seed_generator.state.assign([seed, steps_done])  # of each random layer, at first",
    ),
    "lost_seeds": (
        "the seeds of layers",
        "layers.Dropout(rate, seed=SEED)  # give each random layer a seed, and restore its state",
    ),
    "lost_optimizer": (
        "the state of the optimizer",
        "model.optimizer.build(model.trainable_variables)  # before load_weights, which needs it",
    ),
    "lost_learning_rate": (
        "the learning rate",
        "model.optimizer.learning_rate.assign(rate)  # as it was when the run was stopped",
    ),
    "lost_callback": (
        "the state of ",
        "# save and restore what the callback knows: wait, best, best_epoch, best_weights",
    ),
    "lost_weights": (
        "the weights",
        "# what is restored, and of which epoch: its path, save_best_only, save_freq",
    ),
    "lost_fit": ("fit ", "model._initial_epoch = None  # between the fits"),
    "resume": (
        "one run was resumed",
        "# what the checkpoint holds: weights, optimizer, generators, data order, callbacks",
    ),
}
"""By kind of cause that an interruption has, and no condition: how its title begins, a remedy."""

_BACKUP = "BackupAndRestore"
_KEEPS_RATE = ("ReduceLROnPlateau", "LearningRateScheduler")
_KEEPS_BEST = ("EarlyStopping", "ModelCheckpoint")


class Lost(NamedTuple):
    """One thing that was not restored.

    Attributes:
        kind: Name of the kind of cause.
        how: What became of it.
        certainty: How sure that is.
        reason: What shows it.
        paths: JSONPaths of where it stands in a manifest.
    """

    kind: str
    how: str
    certainty: Certainty
    reason: str
    paths: tuple[str, ...] = ("$.outcomes.fits[0].first_epoch", "$.outcomes.digests.trace")

    @property
    def title(self) -> str:
        """What was lost."""
        return LOST[self.kind][0] + self.how

    @property
    def remedy(self) -> str:
        """What restores it."""
        return LOST[self.kind][1]


def what_was_lost(
    expected: Manifest,
    actual: Manifest,
    first: FirstDifference,
    trace: TraceComparison | None,
    symptom: Symptom,
) -> tuple[Lost, ...]:
    """Return what a resumed run lost, in the order in which a step shows it.

    Args:
        expected: The run compared with.
        actual: The run compared.
        first: Where the runs diverge.
        trace: What their traces show, where both were read.
        symptom: What the first difference looks like; one of the runs was resumed.

    Returns:
        At least one; the last resort is that the run was resumed.
    """
    if symptom.resumed_at is None:
        return ()
    whole, resumed = expected, actual
    if expected.outcomes.fits[0].first_epoch == symptom.resumed_at:
        whole, resumed = actual, expected
    found = list(_skipped_fit(whole, resumed, first))
    step = None if trace is None else trace.step
    if not found and step is not None and _is_at_resume(step, symptom.resumed_at):
        found = list(_in_first_step(step))
    if not found:
        ends = whole.outcomes.digests.final_state != resumed.outcomes.digests.final_state
        found = list(_of_callbacks(resumed, trace, symptom, ends_otherwise=ends))
    return tuple(found) or (
        Lost(
            "resume",
            f", at epoch {symptom.resumed_at}",
            "likely",
            "what its checkpoint did not hold began again, or was lost",
            ("$.outcomes.fits[0].first_epoch",),
        ),
    )


def _is_at_resume(step: StepDifference, resumed_at: int) -> bool:
    """Whether a step is the first behind the interruption, and none before it can differ."""
    return step.stride > 0 and (step.fit, step.epoch, step.step) == (0, resumed_at, 1)


def _in_first_step(step: StepDifference) -> Iterator[Lost]:
    """Yield what the first step behind the interruption shows."""
    batch = [item for item in step.columns if item.kind == "batch"]
    random = [item for item in step.columns if item.kind == "random"]
    optimizer = [item for item in step.columns if item.kind == "optimizer"]
    weights = [item for item in step.columns if item.kind == "weight"]
    iterations = [item for item in optimizer if item.role.startswith("iteration")]
    remembered = [item for item in optimizer if not item.role.endswith("learning_rate")]
    if weights and _all_in(weights, step.begun_again):
        yield _weights(restored=False)
        return
    if batch:
        yield _data(begun_again=_all_in(batch, step.begun_again))
    again = [item for item in random if item in step.begun_again]
    if again:
        yield _generators(len(again))
    if len(again) < len(random):
        yield _seeds(len(random) - len(again))
    alone = not (batch or random)
    if alone and "loss" not in step.equal:
        yield _weights(restored=True)
    if iterations:
        yield _optimizer(begun_again=_all_in(iterations, step.begun_again))
    elif remembered and alone and "loss" in step.equal:
        yield _optimizer(begun_again=False)


def _all_in(columns: Sequence[ColumnDifference], others: Sequence[ColumnDifference]) -> bool:
    return all(item in others for item in columns)


def _data(*, begun_again: bool) -> Lost:
    if begun_again:
        return Lost(
            "lost_data",
            " began again",
            "certain",
            "the first batch behind the interruption is the first one of the whole run: what "
            "orders it, or is drawn for it, was not restored",
        )
    other = "the first batch behind the interruption is not what the whole run was given there"
    return Lost("lost_data", " was lost", "likely", other)


def _generators(count: int) -> Lost:
    return Lost(
        "lost_generators",
        " began again",
        "certain",
        f"the state of {counted(count, 'generator')} behind the interruption is that of the first "
        "step of the whole run: dropout and its like draw the same once more",
    )


def _seeds(count: int) -> Lost:
    return Lost(
        "lost_seeds",
        " were lost: loading the model drew new ones",
        "likely",
        f"the state of {counted(count, 'generator')} is neither that of the whole run there nor "
        "that of its first step: a saved model holds the seed that a layer was given, and not the "
        "one that it drew",
        ("$.outcomes.fits[0].first_epoch", "$.conditions.seeds.layers"),
    )


def _optimizer(*, begun_again: bool) -> Lost:
    if begun_again:
        return Lost("lost_optimizer", " was lost", "certain", "its iterations begin at 1 again")
    other = "what it remembers is not what the whole run's remembers there"
    return Lost("lost_optimizer", " was lost", "likely", other)


def _rate(resumed: Manifest) -> Lost:
    names = _callbacks(resumed, _KEEPS_RATE)
    why = "of the optimizer only the learning rate differs"
    if names:
        return Lost("lost_callback", f"{' and '.join(names)} was lost", "likely", why)
    return Lost("lost_learning_rate", " was not restored", "likely", why)


def _weights(*, restored: bool) -> Lost:
    if restored:
        return Lost(
            "lost_weights",
            " that were restored are not those that the whole run had there",
            "likely",
            "batch and generators are as in the whole run, and the loss is not",
        )
    return Lost(
        "lost_weights",
        " were not restored",
        "certain",
        "behind the first step they are those that the whole run has behind its first step",
    )


def _of_callbacks(
    resumed: Manifest, trace: TraceComparison | None, symptom: Symptom, *, ends_otherwise: bool
) -> Iterator[Lost]:
    """Yield what a callback held, which shows in a later epoch or in the end."""
    if trace is None:
        return
    step = trace.step
    optimizer = [item for item in step.columns if item.kind == "optimizer"] if step else []
    rates = [item for item in optimizer if item.role.endswith("learning_rate")]
    if step is not None and rates and len(rates) == len(optimizer) and "loss" in step.equal:
        yield _rate(resumed)
    elif step is None and (ends_otherwise or symptom.where == "length"):
        names = _callbacks(resumed, _KEEPS_BEST)
        if names:
            yield Lost(
                "lost_callback",
                f"{' and '.join(names)} was lost",
                "likely",
                "every step that both runs have is equal, and what a callback decides is not: it "
                "knows nothing of the epochs before the interruption",
            )


def _callbacks(manifest: Manifest, names: Sequence[str]) -> list[str]:
    """Return which of these callbacks the first fit had."""
    training = manifest.conditions.training
    fits = () if training is None else training.fits
    return [name for name in names if fits and name in fits[0].callbacks]


def _skipped_fit(whole: Manifest, resumed: Manifest, first: FirstDifference) -> Iterator[Lost]:
    """Yield a later fit that began where BackupAndRestore had left off."""
    number, fits = first.fit, (whole.outcomes.fits, resumed.outcomes.fits)
    if first.kind == "step" or not number or number >= min(map(len, fits)):
        return
    mine, theirs = fits[0][number], fits[1][number]
    same_model = theirs.model == fits[1][0].model
    if not same_model or len(theirs.epochs) >= len(mine.epochs):
        return
    if theirs.epochs and theirs.first_epoch == mine.first_epoch:
        return  # something else has ended it
    what = f"began at epoch {theirs.first_epoch}" if theirs.epochs else "trained no epoch"
    yield Lost(
        "lost_fit",
        f"{number + 1} {what}",
        "certain" if _callbacks(resumed, [_BACKUP]) else "likely",
        f"{_BACKUP} leaves the epoch that it restored in the model, and the next fit begins "
        f"there: {counted(len(theirs.epochs), 'epoch')} against {len(mine.epochs)}",
        (f"$.outcomes.fits[{number}].epochs",),
    )
