"""What experiments beside a repeat showed: its sensitivity, its spread and a confirmation."""

from __future__ import annotations

from typing import Literal, NamedTuple

from repro_audit.compare import Cause

__all__ = [
    "Confirmation",
    "Effect",
    "Factor",
    "Resume",
    "ResumeVerdict",
    "Sensitivity",
    "Spread",
    "SpreadMetric",
]

Effect = Literal["no effect seen", "changes the run", "not varied"]
"""What varying one condition showed."""


ResumeVerdict = Literal["exact", "not exact", "no resume", "inconclusive"]
"""What a run comes to that was stopped and resumed."""


class Factor(NamedTuple):
    """One condition that was varied.

    Attributes:
        name: ``threads`` and so on.
        verdict: ``no effect seen``, ``changes the run`` or ``not varied``.
        expected: What was in force of it in the ordinary runs.
        actual: What was in force of it where it was varied; None where it was not.
        run: The run that decided; None where none was made.
        reason: Why it was not varied, or what it needs to have its effect; else empty.
        first_difference: Where the varied run diverges from the ordinary ones.
        first_distance: How far the weights are apart when they first are seen to differ, over
            their norm.
        last_distance: The same at the end.
        hidden_by: What may hide an effect of it, in sentences.
    """

    name: str
    verdict: Effect
    expected: str | None
    actual: str | None
    run: str | None
    reason: str
    first_difference: str | None = None
    first_distance: float | None = None
    last_distance: float | None = None
    hidden_by: tuple[str, ...] = ()


class Sensitivity(NamedTuple):
    """Under which conditions a run repeats.

    Attributes:
        factors: Each factor that was asked for.
        runs: Runs that it took.
        complete: Whether the factors found explain all that varying everything at once
            changes; None where that was not to be asked.
        text: What there is to say of all of them together; may be empty.
    """

    factors: tuple[Factor, ...]
    runs: int
    complete: bool | None
    text: str


class SpreadMetric(NamedTuple):
    """One final metric over several seeds.

    Attributes:
        name: Its name, with the fit or evaluation where there are several.
        values: Its value for each seed.
        mean: Their mean.
        deviation: Their standard deviation, as of a sample; None for fewer than two.
        least: The smallest.
        most: The largest.
    """

    name: str
    values: tuple[float, ...]
    mean: float
    deviation: float | None
    least: float
    most: float


class Spread(NamedTuple):
    """How far final metrics scatter over seeds.

    Attributes:
        seeds: The seed of each run, the one of the repeat first; None where none is declared.
        metrics: Each metric that every run ends with.
        text: What is to be said of them.
    """

    seeds: tuple[int | None, ...]
    metrics: tuple[SpreadMetric, ...]
    text: str


class Confirmation(NamedTuple):
    """Whether an experiment shows what was named as the first cause of a difference.

    Attributes:
        cause: Title of the cause.
        factor: The factor that was varied for it; None where there is none.
        confirmed: Whether it changes the run; None where that was not decided.
        text: The same in a sentence.
    """

    cause: str
    factor: str | None
    confirmed: bool | None
    text: str


class Resume(NamedTuple):
    """Whether a run that is stopped and resumed ends in the same bits.

    Attributes:
        verdict: ``exact``, ``not exact``, ``no resume`` or ``inconclusive``.
        text: The same in a sentence.
        stopped_after_epoch: After so many epochs it was stopped; None where it was not.
        stopped_after_step: After so many further steps; None where it was at an epoch's end.
        killed: Whether that was by SIGKILL.
        added: What these runs were given to resume by: ``keras`` is `BackupAndRestore`; None is
            nothing.
        resumed_at: The epoch with which the command went on; None where that is not known.
        first_difference: Where the resumed run parts from the whole one; None where it does not.
        causes: What was lost, and what else may be why, the best first.
        control: What the positive control showed: it was resumed, too, and a bit was flipped.
        caught: Whether that was seen; None where it was not made.
    """

    verdict: ResumeVerdict
    text: str
    stopped_after_epoch: int | None = None
    stopped_after_step: int | None = None
    killed: bool = False
    added: str | None = None
    resumed_at: int | None = None
    first_difference: str | None = None
    causes: tuple[Cause, ...] = ()
    control: str = ""
    caught: bool | None = None
