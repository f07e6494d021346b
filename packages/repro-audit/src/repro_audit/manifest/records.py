"""The frozen records of a manifest, field for field what the schema ``manifest-2`` says.

The schema describes every field and its unit. ``None`` means that nothing was read; where
something should have been, the manifest's `missing` names the field and the reason.

They are named tuples rather than frozen dataclasses, which take four times as long to define:
every start of the command line would pay for it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from repro_audit.manifest.conditions import Conditions

VERSION = "manifest-2"
"""Name of the schema of what is written."""

SCHEMA = f"repro-audit/{VERSION}"
"""What the field ``schema`` of a manifest says."""

UNFOLLOWED = "$.outcomes.fits"
"""JSONPath in `missing` where something was trained that is not among the fits."""

REFUSED = "$.outcomes"
"""JSONPath in `missing` where what trains is of a kind that is not recorded."""

UNRECORDED = "the release that wrote it did not record it"
"""Reason in `missing` for a field that a manifest of an earlier release lacks."""

NOT_UNDERSTOOD = "this release does not know the field"
"""Reason in `missing` for a field that a later release wrote."""


Evidence = Literal["none", "history", "weights", "trace"]
"""The strongest kind of outcome that a manifest holds, the weakest first."""


class Missing(NamedTuple):
    """A field that could not be read, and why."""

    path: str
    reason: str


class Flip(NamedTuple):
    """The bit that a positive control flipped on purpose."""

    step: int
    model: int
    position: int
    element: int
    bit: int


class Rank(NamedTuple):
    """Which process this is of a run that is made of several."""

    number: int
    size: int
    group: str


class TraceSetting(NamedTuple):
    """How steps were traced."""

    setting: str | int
    strides: tuple[int | None, ...] = ()


# Outcomes: what came out.


class Tensor(NamedTuple):
    """One tensor of a model's state. Its name is a label and stands in the information."""

    layer: str
    role: str
    dtype: str
    shape: tuple[int, ...]
    digest: str


class Digests(NamedTuple):
    """One digest for each kind of outcome."""

    initial_weights: str | None = None
    epochs: tuple[str, ...] = ()
    history: str | None = None
    final_state: str | None = None
    trace: str | None = None


class SampleDigests(NamedTuple):
    """Digests of the samples of a fit's first epoch, each of eight hexadecimal digits."""

    inputs: str
    whole: str


class FitOutcome(NamedTuple):
    """What one `fit`, or one hand-written loop, produced."""

    model: int | None
    steps: int | None
    first_epoch: int | None
    ended: bool | None
    epochs: tuple[str | None, ...]
    trace: tuple[str | None, ...]
    history: dict[str, tuple[float | None, ...]]
    dtypes: dict[str, str | None]
    samples: SampleDigests | None = None


class Evaluation(NamedTuple):
    """What one `evaluate` outside a fit returned."""

    model: int
    after_fits: int
    results: dict[str, float]
    dtypes: dict[str, str | None]


class TraceOutcome(NamedTuple):
    """The extent of a trace file."""

    rows: int
    bytes: int


class Outcomes(NamedTuple):
    """What came out. Outcomes must match."""

    digests: Digests = Digests()
    fits: tuple[FitOutcome, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    initial_weights: tuple[tuple[Tensor, ...] | None, ...] = ()
    final_state: tuple[tuple[Tensor, ...] | None, ...] = ()
    trace: TraceOutcome | None = None


# Information: what may differ freely.


class Failure(NamedTuple):
    """The exception that ended a failed run."""

    type: str
    message: str


class Information(NamedTuple):
    """What may differ freely and is never compared."""

    started: str | None = None
    updated: str | None = None
    duration_s: float | None = None
    epoch_durations_s: tuple[float, ...] = ()
    peak_memory_bytes: int | None = None
    labels: tuple[tuple[str, ...], ...] = ()
    fit_cells: tuple[int | None, ...] | None = None
    failure: Failure | None = None


class Manifest(NamedTuple):
    """One run, as it was recorded. Where a log stands for it, `schema` is empty."""

    run_id: str
    status: str
    recorder: str
    schema: str = SCHEMA
    positive_control: Flip | None = None
    perturbation: int | None = None
    rank: Rank | None = None
    trace: TraceSetting | None = None
    missing: tuple[Missing, ...] = ()
    conditions: Conditions = Conditions()
    outcomes: Outcomes = Outcomes()
    information: Information = Information()
    digest: str = ""

    @property
    def intervention(self) -> str | None:
        """What was changed in the run on purpose; None in an ordinary run."""
        if self.positive_control is not None:
            return "it is a positive control, in which one bit was flipped on purpose"
        if self.perturbation is not None:
            return "it is one of an ensemble, and its weights were moved by one ULP on purpose"
        return None

    @property
    def complete(self) -> bool:
        """Whether the run was recorded from its beginning to its end."""
        return self.status == "complete"

    @property
    def is_log(self) -> bool:
        """Whether a log stands for the manifest: it holds histories and nothing else."""
        return not self.schema

    @property
    def seed(self) -> int | None:
        """The seed in force; None where there was none, or nothing is known of it."""
        return None if self.conditions.seeds is None else self.conditions.seeds.in_force

    @property
    def unfollowed(self) -> str | None:
        """What was trained and could not be followed; None where that is nothing."""
        found = (item.reason for item in self.missing if item.path == UNFOLLOWED)
        return next(found, self.refused)

    @property
    def refused(self) -> str | None:
        """What trained that is of a kind that is not recorded; None where that is nothing."""
        return next((item.reason for item in self.missing if item.path == REFUSED), None)

    @property
    def evidence(self) -> Evidence:
        """The strongest kind of outcome this manifest holds.

        ``trace`` needs a digest of the trace up to the end of every epoch; ``weights`` one of
        the state there and at the end; ``history`` the history alone; ``none`` neither. Where
        nothing was fitted and a model was evaluated, its weights and results are the outcomes.
        """
        fits = self.outcomes.fits
        if (
            self.has_outcomes
            and self.outcomes.digests.final_state is not None
            and self.outcomes.final_state
            and None not in self.outcomes.final_state
            and all(fit.epochs and None not in fit.epochs for fit in fits)
        ):
            traced = fits and all(fit.trace and None not in fit.trace for fit in fits)
            return "trace" if traced and self.outcomes.digests.trace is not None else "weights"
        told = any(fit.history for fit in fits) or self.outcomes.evaluations
        return "history" if told else "none"

    @property
    def has_several_fits(self) -> bool:
        """Whether an epoch or a step is told from others only with its fit."""
        return len(self.outcomes.fits) > 1

    @property
    def has_outcomes(self) -> bool:
        """Whether anything was trained or evaluated."""
        return bool(self.outcomes.fits or self.outcomes.evaluations)

    @property
    def steps(self) -> int:
        """Training steps executed over all fits."""
        return sum(fit.steps or 0 for fit in self.outcomes.fits)
