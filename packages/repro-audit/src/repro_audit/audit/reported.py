"""RA6xx: what a run reports of itself: its metrics, and its times."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from repro_audit.audit.contradictions import contradiction
from repro_audit.audit.plain_fits import (
    PlainFit,
    counts_every_sample,
    plain_fits,
    standard_metrics,
)
from repro_audit.audit.rules import Hit
from repro_audit.manifest import Manifest
from repro_audit.manifest.run_id import began

if TYPE_CHECKING:
    from repro_audit.trace.summary import FitTrace

_FORMATS = {"float32": "<f", "float64": "<d", "float16": "<e"}
_CLOCK_S = 3600.0
"""How far a system's clock may be set back in the middle of a run."""

_ROUNDING_S = 0.001
_MAX_SHARES = 2**23
"""Samples of which float32 tells the shares apart: it has 24 bits, and 23 above one half."""


@contradiction(
    "RA613",
    "the history is not that of the trace",
    source="Keras: an epoch's logs are the running means after its last step",
    reads_trace=True,
)
def history_and_trace(
    manifest: Manifest, trace: Mapping[int, FitTrace] | None = None
) -> Iterator[Hit]:
    """A metric of an epoch has other bits than the running mean in the epoch's last row."""
    for fit in plain_fits(manifest) if trace is not None else ():
        found = (trace or {}).get(fit.number)
        if found is None or found.stride != 1 or fit.execution.jit:
            continue
        first = fit.outcome.first_epoch or 1
        for epoch, end in sorted(found.epochs.items()):
            for name in sorted(standard_metrics(fit.model) & set(end.losses)):
                value = fit.outcome.history.get(name, ())[epoch - first : epoch - first + 1]
                dtype, word = end.losses[name]
                if value and not _has_bits(value[0], dtype, word):
                    said = "nothing" if value[0] is None else repr(value[0])
                    yield Hit(
                        f"Fit {fit.number + 1}, epoch {epoch}: {name} is {said} in the "
                        f"history, and {_value(dtype, word)!r} after the epoch's last step in the "
                        "trace.",
                        f"{fit.where}.history",
                    )


@contradiction(
    "RA614", "a metric has a value that it cannot have", source="IEEE 754; an accuracy is a share"
)
def possible_values(manifest: Manifest) -> Iterator[Hit]:
    """A value is none of its element type, or an accuracy is no share of the samples."""
    for where, name, value, dtype, samples in _metrics(manifest):
        if dtype in _FORMATS and not _is_of(value, dtype):
            yield Hit(f"{name} is {value!r}, which no {dtype} is.", where)
        elif name.removeprefix("val_") != "loss" and not 0 <= value <= 1:
            yield Hit(f"{name} is {value!r}, and an accuracy lies within 0 to 1.", where)
        elif name != "loss" and samples and dtype == "float32" and not _is_share(value, samples):
            yield Hit(f"{name} is {value!r}, which is no number of {samples:,} samples.", where)


@contradiction("RA615", "times contradict each other")
def times(manifest: Manifest) -> Iterator[Hit]:
    """A run has another run's id, was written before it began, or its epochs took longer."""
    information = manifest.information
    begun, written = _time(information.started), _time(information.updated)
    dated = all(item.path != "$.run_id" for item in manifest.missing)
    if begun is not None and dated and not _is_second(began(manifest.run_id), begun):
        yield Hit("The run's id is not of the second in which the run began.", "$.run_id")
    if begun is not None and written is not None and (begun - written).total_seconds() > _CLOCK_S:
        yield Hit("The manifest was written before the run began.", "$.information.started")
    whole, epochs = information.duration_s, information.epoch_durations_s
    one = manifest.complete and len(manifest.outcomes.fits) == 1
    if one and whole is not None and sum(epochs) > whole + _ROUNDING_S * (len(epochs) + 1):
        yield Hit("The epochs took longer than the whole run.", "$.information.duration_s")


def _metrics(manifest: Manifest) -> Iterator[tuple[str, str, float, str | None, int | None]]:
    """Yield what Keras's own metrics are said to be: where, name, value, dtype, samples.

    The samples are those that an accuracy is a share of, where they are known.
    """
    fits = list(plain_fits(manifest))
    for fit in fits:
        samples = _samples(manifest, fit) if len(manifest.outcomes.fits) == 1 else None
        for name, values in fit.outcome.history.items():
            if name.removeprefix("val_") not in standard_metrics(fit.model):
                continue
            for value in values:
                if value is not None and math.isfinite(value):
                    dtype = fit.outcome.dtypes.get(name)
                    of = None if name.startswith("val_") else samples
                    yield f"{fit.where}.history", name, value, dtype, of
    standard = {fit.arguments.model: standard_metrics(fit.model) for fit in fits}
    for number, evaluation in enumerate(manifest.outcomes.evaluations):
        for name, value in evaluation.results.items():
            if name in standard.get(evaluation.model, ()) and math.isfinite(value):
                where = f"$.outcomes.evaluations[{number}].results"
                yield where, name, value, evaluation.dtypes.get(name), None


def _samples(manifest: Manifest, fit: PlainFit) -> int | None:
    """Return how many samples an epoch's accuracy is a share of, or None."""
    given = fit.arguments.arguments
    data = (manifest.conditions.data or {}).get("train")
    weighted = given.get("class_weight") or given.get("sample_weight")
    partial = given.get("validation_split") or given.get("steps_per_epoch")
    arrays = fit.data is not None and fit.data.kind == "arrays"
    if data is None or not data.of_call or weighted or partial or not arrays:
        return None
    # One label a sample: an array of them, or one column.
    labels = data.arrays[1].shape if len(data.arrays) == 2 else ()
    one_each = len(labels) == 1 or (len(labels) == 2 and labels[1] == 1)
    every = fit.arguments.callbacks == () and counts_every_sample(fit.model.config)
    return data.samples if one_each and every else None


def _is_share(value: float, samples: int) -> bool:
    """Whether a float32 is a whole number of samples over their number."""
    if samples >= _MAX_SHARES:
        return True
    share = round(value * samples) / samples
    return bool(value == struct.unpack("<f", struct.pack("<f", share))[0])


def _is_of(value: float, dtype: str) -> bool:
    """Whether a value is one of an element type."""
    try:
        packed = struct.pack(_FORMATS[dtype], value)
    except OverflowError:
        return False
    return bool(struct.unpack(_FORMATS[dtype], packed)[0] == value)


def _value(dtype: str, word: int) -> float | None:
    """Return the value whose bits a word of the trace holds."""
    form = _FORMATS.get(dtype)
    if form is None:
        return None
    size = struct.calcsize(form)
    return float(struct.unpack(form, (word % 2 ** (8 * size)).to_bytes(size, "little"))[0])


def _has_bits(value: float | None, dtype: str, word: int) -> bool:
    """Whether a value of a history has the bits of a word of the trace."""
    known = _value(dtype, word)
    if known is None:
        return True  # no element type of which that can be said
    if value is None:
        return False
    return value == known or (math.isnan(value) and math.isnan(known))


def _is_second(exact: datetime | None, second: datetime) -> bool:
    """Whether a time, to the millisecond, lies in a second."""
    return exact is not None and 0 <= exact.timestamp() - second.timestamp() < 1


def _time(text: str | None) -> datetime | None:
    try:
        time = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time is None or time.tzinfo is not None else time.replace(tzinfo=UTC)
