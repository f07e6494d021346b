"""What is known of a run so far, and the manifest that says it."""

from __future__ import annotations

import resource
import sys
import time
import weakref
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from repro_audit.canonical import digest_json
from repro_audit.capture.privacy import Cleaner
from repro_audit.capture.state import StateDigests, digest_state
from repro_audit.capture.training import with_digest
from repro_audit.manifest.conditions import Conditions
from repro_audit.manifest.records import (
    REFUSED,
    UNFOLLOWED,
    Digests,
    Evaluation,
    Failure,
    FitOutcome,
    Flip,
    Information,
    Manifest,
    Missing,
    Outcomes,
    Rank,
    SampleDigests,
    Tensor,
    TraceOutcome,
    TraceSetting,
)
from repro_audit.manifest.run_id import new_run_id
from repro_audit.manifest.structure import unstructure
from repro_audit.manifest.training import FitArguments, Json, TrainedModel, Training
from repro_audit.recording.session.guarding import text_of
from repro_audit.wording import counted

__all__ = ["Draft", "DraftFit", "DraftModel"]


@dataclass(kw_only=True, eq=False)
class DraftModel:
    """A model that was seen. It is not kept alive."""

    reference: weakref.ref[Any]
    index: int
    state: StateDigests = field(default_factory=StateDigests)
    training: TrainedModel | None = None
    initial: tuple[Tensor, ...] | None = None
    final: tuple[Tensor, ...] | None = None
    labels: tuple[str, ...] = ()
    optimizers: list[Json] = field(default_factory=list)
    moved: bool = False
    known_optimizers: list[weakref.ref[Any]] = field(default_factory=list)

    def trained(self) -> TrainedModel | None:
        """Return how it was trained.

        Returns:
            The record, with the optimizers seen so far; None where it could not be read.
        """
        if self.training is None or not self.optimizers:
            return self.training
        first, *more = self.optimizers
        return self.training._replace(optimizer=first, more_optimizers=tuple(more))


@dataclass(kw_only=True)
class DraftFit:
    """A fit, or a hand-written loop, in progress or ended."""

    model: int
    steps: int = 0
    steps_before_epoch: int = 0
    first_epoch: int | None = None
    ended: bool | None = None
    epochs: list[str | None] = field(default_factory=list)
    trace: list[str | None] = field(default_factory=list)
    history: dict[str, list[float | None]] = field(default_factory=dict)
    dtypes: dict[str, str | None] = field(default_factory=dict)
    samples: SampleDigests | None = None

    def add_epoch(self, logs: Mapping[str, Any], dtypes: Mapping[str, str]) -> None:
        """Add one epoch's logs; a metric that an epoch lacks is None there.

        The epoch's digests are None until they are read.
        """
        before = len(self.epochs)
        self.epochs.append(None)
        self.trace.append(None)
        for name, value in logs.items():
            self.history.setdefault(name, [None] * before).append(float(value))
            self.dtypes[name] = dtypes.get(name.removeprefix("val_"))
        for values in self.history.values():
            values.extend([None] * (before + 1 - len(values)))
        self.steps_before_epoch = self.steps

    def outcome(self) -> FitOutcome:
        """Return the record of this fit."""
        return FitOutcome(
            model=self.model,
            steps=self.steps,
            first_epoch=self.first_epoch,
            ended=self.ended,
            epochs=tuple(self.epochs),
            trace=tuple(self.trace),
            history={name: tuple(values) for name, values in self.history.items()},
            dtypes=dict(self.dtypes),
            samples=self.samples,
        )


class Draft:
    """The mutable side of a manifest."""

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self.run_id = new_run_id(self._started)
        self.status = "running"
        self.conditions = Conditions()
        self.models: list[DraftModel] = []
        self.fit_arguments: list[FitArguments] = []
        self.fits: list[DraftFit] = []
        self.evaluations: list[Evaluation] = []
        self.flip: Flip | None = None
        self.perturbation: int | None = None
        self.failure: Failure | None = None
        self.trace: TraceSetting | None = None
        self.trace_outcome: TraceOutcome | None = None
        self.trace_digest: str | None = None
        self.epoch_durations_s: list[float] = []
        self.fit_cells: list[int | None] = []
        self.rank: Rank | None = None
        self.cleaner = Cleaner()
        self._missing: dict[str, str] = {}
        self._unfollowed: Counter[tuple[str, str]] = Counter()

    def mark_missing(self, path: str, reason: str) -> None:
        """Note that the field at JSONPath `path` cannot be read."""
        self._missing[path] = reason

    def unfollowed(self, noun: str, rest: str, count: int = 1) -> None:
        """Count something that was trained and is not in the fits.

        Args:
            noun: What it is, of which there may be several.
            rest: What else there is to say of it.
            count: How many more there are.
        """
        self._unfollowed[noun, rest] += count
        named = (
            f"{counted(number, noun)} {rest}" for (noun, rest), number in self._unfollowed.items()
        )
        self.mark_missing(UNFOLLOWED, f"not followed: {', '.join(named)}")

    def refuse(self, reason: str) -> None:
        """Note that what trains is of a kind that is not recorded: no verdict rests on the rest."""
        self.mark_missing(REFUSED, reason)

    def mark_recorded(self, path: str) -> None:
        """Note that the field at `path` has been read after all."""
        self._missing.pop(path, None)

    def is_missing(self, path: str) -> bool:
        """Return whether a field is known to be missing."""
        return path in self._missing

    def end(self, error: BaseException | None) -> None:
        """Note how the run ended.

        Args:
            error: The exception that ended it, if any; to exit with 0 is no failure.
        """
        ended_well = error is None or (isinstance(error, SystemExit) and not error.code)
        self.status = "complete" if ended_well else "failed"
        if not ended_well:
            self.failure = Failure(
                type=type(error).__name__, message=self.cleaner.text(text_of(error))[:2000]
            )

    def manifest(self) -> Manifest:
        """Return the manifest of what is known now, with nothing in it that is to stay private."""
        return self.cleaner.record(self._manifest())

    def _manifest(self) -> Manifest:
        return Manifest(
            run_id=self.run_id,
            status=self.status,
            recorder=f"repro-audit {version('repro-audit')}",
            positive_control=self.flip,
            perturbation=self.perturbation,
            rank=self.rank,
            trace=self.trace,
            missing=tuple(
                Missing(path=path, reason=reason) for path, reason in sorted(self._missing.items())
            ),
            conditions=self.conditions._replace(training=self._training()),
            outcomes=self._outcomes(),
            information=self._information(),
        )

    def _training(self) -> Training | None:
        models = [item.trained() for item in self.models]
        if not models or None in models:
            return None
        known = tuple(item for item in models if item)
        training = self.cleaner.record(
            Training(models=known, fits=tuple(self.fit_arguments)), settings=True
        )
        # A digest is that of what stands beside it.
        cleaned = tuple(
            item if item.config == before.config else with_digest(item)
            for item, before in zip(training.models, known, strict=True)
        )
        return training._replace(models=cleaned)

    def _outcomes(self) -> Outcomes:
        initial = tuple(item.initial for item in self.models)
        final = tuple(item.final for item in self.models)
        # Names of metrics are part of what is digested.
        fits = self.cleaner.record(tuple(fit.outcome() for fit in self.fits))
        evaluations = self.cleaner.record(tuple(self.evaluations))
        history = [[fit.history for fit in fits], [item.results for item in evaluations]]
        return Outcomes(
            digests=Digests(
                initial_weights=digest_state(initial),
                epochs=tuple(digest for fit in fits for digest in fit.epochs if digest),
                history=digest_json(unstructure(history)) if fits or evaluations else None,
                final_state=digest_state(final),
                trace=self.trace_digest,
            ),
            fits=fits,
            evaluations=evaluations,
            initial_weights=initial,
            final_state=final,
            trace=self.trace_outcome,
        )

    def _information(self) -> Information:
        # Linux counts in KiB, macOS in bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        return Information(
            started=self._started.isoformat(timespec="seconds"),
            updated=datetime.now(UTC).isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - self._clock, 3),
            epoch_durations_s=tuple(self.epoch_durations_s),
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
            labels=tuple(item.labels for item in self.models),
            fit_cells=tuple(self.fit_cells) if any(self.fit_cells) else None,
            failure=self.failure,
        )
