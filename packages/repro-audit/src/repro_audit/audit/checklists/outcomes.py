"""What a manifest records of what came out of a run, and of what the run took."""

from __future__ import annotations

import math

from repro_audit.audit.checklists.evidence import Evidence, Statement
from repro_audit.audit.checklists.wording import brief, size
from repro_audit.manifest import Manifest
from repro_audit.manifest.records import Tensor
from repro_audit.wording import counted, listed

__all__ = [
    "DIGESTS", "ENDED", "EVALUATED", "PARAMETERS", "PEAK_MEMORY", "RESULTS", "RUNTIME", "TRAINED",
]  # fmt: skip

_GENERATOR = "seed_generator_state"
_MAX_VALUE = 2**63


def _ended(manifest: Manifest) -> Statement | None:
    if manifest.is_log:
        return None
    return Statement("The run was recorded from its beginning to its end.", ("$.status",))


def _trained(manifest: Manifest) -> Statement | None:
    fits = manifest.outcomes.fits
    if not fits or manifest.is_log:
        return None
    epochs = sum(max([len(fit.epochs), *map(len, fit.history.values())]) for fit in fits)
    steps = ""
    if all(fit.steps is not None for fit in fits):
        steps = f", {counted(manifest.steps, 'training step')}"
    text = f"{counted(len(fits), 'fit')}, {counted(epochs, 'epoch')}{steps}."
    return Statement(text, ("$.outcomes.fits",))


def _evaluated(manifest: Manifest) -> Statement | None:
    count = len(manifest.outcomes.evaluations)
    if not count:
        return None
    text = f"{counted(count, 'evaluation')} outside a fit."
    return Statement(text, ("$.outcomes.evaluations",))


def _results(manifest: Manifest) -> Statement | None:
    outcomes = manifest.outcomes
    texts, paths = [], []
    if outcomes.fits:
        index, history = len(outcomes.fits) - 1, outcomes.fits[-1].history
        last = {name: values[-1] for name, values in history.items() if values}
        known = {name: value for name, value in last.items() if value is not None}
        if known:
            of = "the history" if manifest.is_log else f"fit {index}"
            texts.append(f"Last values of {of}: {_values(known)}.")
            paths.append("$" if manifest.is_log else f"$.outcomes.fits[{index}].history")
    if outcomes.evaluations:
        index, results = len(outcomes.evaluations) - 1, outcomes.evaluations[-1].results
        if results:
            texts.append(f"Values of evaluation {index}: {_values(results)}.")
            paths.append(f"$.outcomes.evaluations[{index}].results")
    return Statement(" ".join(texts), tuple(paths)) if texts else None


def _values(values: dict[str, float]) -> str:
    return listed((f"{brief(name)} {value!r}" for name, value in values.items()), most=12)


def _parameters(manifest: Manifest) -> Statement | None:
    counts = []
    for index, tensors in enumerate(manifest.outcomes.initial_weights[:3]):
        count = _count(tensors or ())
        if 0 < count < _MAX_VALUE:
            counts.append((index, count))
    if not counts:
        return None
    text = " ".join(
        f"Model {index} has {counted(count, 'parameter')}, trainable or not."
        for index, count in counts
    )
    return Statement(text, tuple(f"$.outcomes.initial_weights[{index}]" for index, _ in counts))


def _count(tensors: tuple[Tensor, ...]) -> int:
    """Return the elements of all weights; the state of a layer's generator is none."""
    return sum(math.prod(item.shape) for item in tensors if _GENERATOR not in item.role)


def _digests(manifest: Manifest) -> Statement | None:
    digests = manifest.outcomes.digests
    held = {
        "initial_weights": ("the initial weights", digests.initial_weights),
        "epochs": (f"the state after every epoch ({len(digests.epochs):,})", digests.epochs),
        "history": ("the history", digests.history),
        "final_state": ("the final state", digests.final_state),
        "trace": ("a trace of the steps", digests.trace),
    }
    known = {name: text for name, (text, value) in held.items() if value}
    if not known:
        return None
    paths = tuple(f"$.outcomes.digests.{name}" for name in known)
    return Statement(
        f"Digests that a rerun can be held against: {', '.join(known.values())}.", paths
    )


def _runtime(manifest: Manifest) -> Statement | None:
    seconds = manifest.information.duration_s
    if seconds is None or not math.isfinite(seconds):
        return None
    return Statement(
        f"From the start of recording, the run took {seconds!r} s.", ("$.information.duration_s",)
    )


def _peak_memory(manifest: Manifest) -> Statement | None:
    peak = manifest.information.peak_memory_bytes
    if peak is None:
        return None
    text = f"The process held at most {size(peak)} in memory."
    return Statement(text, ("$.information.peak_memory_bytes",))


_FITS = "$.outcomes.fits"

ENDED = Evidence("the end of the run", "$.status", _ended, outcome=True)
TRAINED = Evidence("epochs and steps", _FITS, _trained, outcome=True)
EVALUATED = Evidence("an evaluation", "$.outcomes.evaluations", _evaluated, outcome=True)
RESULTS = Evidence("results", _FITS, _results, outcome=True)
PARAMETERS = Evidence(
    "the number of parameters", "$.outcomes.initial_weights", _parameters, outcome=True
)
DIGESTS = Evidence("digests of the outcomes", "$.outcomes", _digests, outcome=True)
RUNTIME = Evidence("the run's time", "$.information.duration_s", _runtime, outcome=True)
PEAK_MEMORY = Evidence("peak memory", "$.information.peak_memory_bytes", _peak_memory, outcome=True)
